/** The `pool` section. Descriptions become comments in config.yaml and text in the reference. */
import { Type } from 'typebox';
import { DEFAULT_OPTIONS } from '../../core/options.ts';
import { MEMBERSHIP_MODES } from '../../core/words.ts';
import { strict } from '../../protocol/fields.ts';
import { byName, NAME_PATTERN, ratio, seconds } from './fields.ts';

const DAY = 86_400;
const defaults = DEFAULT_OPTIONS;
const sec = (ms: number) => ms / 1_000;

const Purpose = strict({
  idle_timeout_sec: seconds(
    900,
    'How long a quiet lease of this purpose is kept.',
    0.001,
    20 * DAY,
  ),
  priority_weight: Type.Number({
    default: 10,
    minimum: 0,
    maximum: 1_000,
    description: 'Points that its requests gain in the queue, beside those of their priority.',
  }),
});

const Queue = strict(
  {
    max_length: Type.Integer({
      default: defaults.queue.maxLength,
      minimum: 0,
      maximum: 10_000_000,
      description: 'Requests that may wait at once; a further one is refused.',
    }),
    timeout_sec: seconds(
      sec(defaults.queue.timeoutMs),
      'The patience of a request that names none.',
      0,
      DAY,
    ),
    aging_sec: seconds(
      sec(defaults.queue.agingMs),
      'A waiting request gains points each time this passes, so that nobody starves.',
      0.001,
      DAY,
    ),
  },
  { description: 'Requests that wait for an agent.' },
);

const Reclaim = strict(
  {
    enabled: Type.Boolean({
      default: defaults.reclaim.enabled,
      description:
        'Take idle agents back for requests that outrank them. Active work is never taken.',
    }),
    idle_after_sec: seconds(sec(defaults.reclaim.idleAfterMs), 'Idle for this long = reclaimable.'),
    idle_after_sec_under_pressure: seconds(
      sec(defaults.reclaim.idleAfterUnderPressureMs),
      'The same while the pool is nearly used up. At most idle_after_sec.',
    ),
    min_hold_sec: seconds(
      sec(defaults.reclaim.minHoldMs),
      'No lease younger than this is taken back, however idle.',
    ),
  },
  { description: 'Taking idle agents back for those who wait.' },
);

const Prediction = strict(
  {
    enabled: Type.Boolean({ default: true, description: 'Learn when tenants need agents.' }),
    prewarm_threshold: ratio(0.7, 'Probability from which an agent is held ready.'),
    likely_threshold: ratio(
      0.5,
      'Probability from which a tenant is listed. At most prewarm_threshold.',
    ),
    hold_sec: seconds(900, 'How long a held agent waits for its tenant.'),
    time_zone: Type.String({
      default: 'UTC',
      minLength: 1,
      description: 'IANA name of the zone whose hours tenants live by.',
    }),
  },
  { description: 'Foresight. Checked, but not used in this version.' },
);

const Alerts = strict(
  {
    utilization_high: ratio(0.9, 'Above this, with requests waiting, agents are missing.'),
    utilization_low: ratio(
      0.3,
      'Below this, agents are idle for no one. Less than utilization_high.',
    ),
    webhooks: Type.Array(Type.String(), {
      default: [],
      description: 'Addresses that alerts are posted to. Not available in this version.',
    }),
  },
  { description: 'What a person should be told of; see GET /v1/alerts.' },
);

export const PoolSection = strict(
  {
    max_agents_per_tenant: Type.Integer({
      default: defaults.maxAgentsPerTenant,
      minimum: 1,
      maximum: 10_000,
      description: 'Agents that one tenant may hold at once. Discord allows 50 bots in a server.',
    }),
    membership: Type.Enum([...MEMBERSHIP_MODES], {
      default: defaults.membership,
      description: 'required: an agent serves only tenants that it is a member of.',
    }),
    affinity_size: Type.Integer({
      default: defaults.affinitySize,
      minimum: 0,
      maximum: 5,
      description: 'How many of its last agents a tenant is remembered by; 0 = none.',
    }),
    selection: Type.Enum(['score', 'warmth', 'pack'], {
      default: defaults.selection,
      description:
        'Which free agent is given away. score: by points for health, tier, idle time and load. pack: the busiest that fits. warmth: not available in this version.',
    }),
    queue: Queue,
    reclaim: Reclaim,
    accept_timeout_sec: seconds(
      10,
      'An agent on a socket accepts an assignment within this. Not used in this version.',
      0.001,
      600,
    ),
    reconnect_grace_sec: seconds(
      30,
      'A runner that comes back within this keeps its leases. Not used in this version.',
      0,
      DAY,
    ),
    purposes: byName(Purpose, {
      default: Object.fromEntries(
        Object.entries(defaults.purposes).map(([name, { idleTimeoutMs, priorityWeight }]) => [
          name,
          { idle_timeout_sec: sec(idleTimeoutMs), priority_weight: priorityWeight },
        ]),
      ),
      pattern: NAME_PATTERN,
      description:
        'What leases are for. Any name may be added; `default` serves every name that is not listed.',
    }),
    idle_policy: Type.Enum(['fixed', 'pressure', 'learned'], {
      default: defaults.idlePolicy,
      description:
        'How long quiet leases are kept. fixed: the timeout of their purpose. pressure: shorter when the pool is nearly used up, longer when it is not. learned: not available in this version.',
    }),
    prediction: Prediction,
    alerts: Alerts,
  },
  { description: 'How agents are given away.' },
);
