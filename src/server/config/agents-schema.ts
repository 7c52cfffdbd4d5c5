/** The `multi_agent` section: agents that the pool starts and stops by itself. */
import { Type } from 'typebox';
import { strict, Tool } from '../../protocol/fields.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { byName, NAME_PATTERN, ratio, seconds } from './fields.ts';

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });

/** Agent ids are `agent_name` and a number, and go into URLs and file names. */
const AGENT_NAME_PATTERN = '^[A-Za-z][A-Za-z0-9_-]{0,63}$';

const Specialization = strict({
  agent_name: Type.String({
    pattern: AGENT_NAME_PATTERN,
    'x-rule': 'must begin with a letter and have 1 to 64 letters, digits, "_" and "-"',
    description: 'Agents are called this, with "_1", "_2" … behind it.',
  }),
  tools: Type.Array(Tool, {
    default: [],
    maxItems: LIMITS.tools,
    description: 'What the agents can do.',
  }),
  command: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description:
      'The program that is an agent, and its arguments; {agent_id}, {port} and {specialization} are filled in. Empty: the reference agent.',
  }),
  core: Type.Boolean({
    default: true,
    description: 'Start the first agent at once, and never remove it.',
  }),
});

const SPECIALIZATIONS: { readonly [name: string]: string } = {
  research: 'researcher',
  execution: 'executor',
  analysis: 'analyst',
  planning: 'planner',
  testing: 'tester',
};

const FIRST_PORT = 9_101;
const PORTS_APART = 100;
const PORTS_EACH = 50;

const Autoscaling = strict(
  {
    enabled: Type.Boolean({ default: true, description: 'Start and stop agents by demand.' }),
    strategy: Type.Enum(['threshold', 'staffing'], {
      default: 'threshold',
      description:
        'threshold: one agent more above the upper threshold, one less below the lower. staffing: enough for the demand and its variation.',
    }),
    check_interval_sec: seconds(60, 'How often load and heartbeats are looked at.', 0.1, 86_400),
    scale_up_threshold: ratio(0.75, 'Mean load above which an agent is added.'),
    scale_down_threshold: ratio(0.25, 'Mean load below which one is removed. Less than the other.'),
    scale_up_cooldown_sec: seconds(300, 'Wait after adding, for each specialization.'),
    scale_down_cooldown_sec: seconds(600, 'Wait after removing, for each specialization.'),
    min_agents_per_type: Type.Integer({
      default: 1,
      minimum: 0,
      maximum: 10_000,
      description: 'Never fewer agents of a specialization than this.',
    }),
    max_agents_per_type: Type.Integer({
      default: 5,
      minimum: 0,
      maximum: 10_000,
      description: 'Never more. At least min_agents_per_type.',
    }),
    unhealthy_threshold: Type.Integer({
      default: 3,
      minimum: 1,
      maximum: 1_000,
      description: 'Missed heartbeats in a row that make an agent unhealthy.',
    }),
    heartbeat_timeout_sec: seconds(
      120,
      'Silence that counts as a missed heartbeat; 0 = nobody is watched.',
      0,
      86_400,
    ),
    start_timeout_sec: seconds(
      30,
      'An agent that sends no heartbeat within this after its start has failed to start, and is ended.',
      0.1,
      3_600,
    ),
    port_ranges: byName(
      Type.Unsafe<[number, number]>({
        type: 'array',
        items: [Port, Port],
        minItems: 2,
        additionalItems: false,
      }),
      {
        default: Object.fromEntries(
          Object.keys(SPECIALIZATIONS).map((name, index) => {
            const first = FIRST_PORT + index * PORTS_APART;
            return [name, [first, first + PORTS_EACH - 1]];
          }),
        ),
        pattern: NAME_PATTERN,
        description:
          'First and last port of the agents of each specialization. Ranges do not overlap.',
        replace: true,
      },
    ),
  },
  {
    description:
      'Growing and shrinking with the demand; heartbeats of all agents. min_agents_per_type, cooldowns and thresholds are for each specialization.',
  },
);

export const AgentsSection = strict(
  {
    enabled: Type.Boolean({
      default: true,
      description: 'Start agents from here at all.',
    }),
    specializations: byName(Specialization, {
      default: Object.fromEntries(
        Object.entries(SPECIALIZATIONS).map(([name, agentName]) => [
          name,
          { agent_name: agentName },
        ]),
      ),
      pattern: NAME_PATTERN,
      description: 'Kinds of agents, by name. Any name may be used.',
      replace: true,
    }),
    autoscaling: Autoscaling,
  },
  { description: 'Agents that the pool starts and stops by itself.' },
);
