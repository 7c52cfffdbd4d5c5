/**
 * Random scripts: lists of steps from which commands are made. A step names leases and tickets by
 * a number that is looked up among those there are, so a script still means something when
 * shrinking has taken steps out of it. The worlds are small, so that everybody gets in
 * everybody's way.
 */
import fc from 'fast-check';
import type { AgentSpec, Command, LeaseCommand } from '../../src/core/command.ts';
import type { Event } from '../../src/core/event.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../src/core/options.ts';
import { HEALTHS, PRIORITIES, TIERS } from '../../src/core/words.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A Tuesday in 2023; real times, so that rounding is that of real times. */
export const START = 1_700_000_000_123;

const AGENTS = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'];
export const TENANTS = ['t0', 't1', 't2', 't3', 't4', 't5'];
const TOOLS = ['music', 'search'];
const PURPOSES = ['music', 'utility', 'general'];
const KINDS = ['general', 'research'];

export interface Step {
  /** How long after the step before, in ms. */
  readonly after: number;
  readonly make: (known: Known) => Command;
}

/** Ids that a step can choose from. */
export interface Known {
  readonly leases: readonly { readonly id: string; readonly token: number }[];
  readonly live: readonly { readonly id: string; readonly token: number }[];
  readonly tickets: number;
  readonly agents: readonly Omit<AgentSpec, 'memberships'>[];
}

export interface Script {
  readonly options: PoolOptions;
  readonly agents: readonly AgentSpec[];
  readonly steps: readonly Step[];
  /** Ticks at each deadline on the way, as a host would; otherwise time jumps. */
  readonly ticking: boolean;
}

const options: fc.Arbitrary<PoolOptions> = fc
  .record({
    maxAgentsPerTenant: fc.constantFrom(49, 49, 2, 3),
    membership: fc.constantFrom('ignored', 'ignored', 'required'),
    affinitySize: fc.constantFrom(5, 5, 2, 1, 0),
    selection: fc.constantFrom('score', 'score', 'pack'),
    idlePolicy: fc.constantFrom('fixed', 'fixed', 'pressure'),
    maxLength: fc.constantFrom(100, 100, 2),
    agingMs: fc.constantFrom(30 * SECOND, 5 * MINUTE),
    reclaim: fc.constantFrom(
      DEFAULT_OPTIONS.reclaim,
      { enabled: true, idleAfterMs: 2 * MINUTE, idleAfterUnderPressureMs: 5_000, minHoldMs: 1_000 },
      { enabled: true, idleAfterMs: MINUTE, idleAfterUnderPressureMs: 0, minHoldMs: 0 },
      { ...DEFAULT_OPTIONS.reclaim, minHoldMs: 10 * MINUTE },
      { ...DEFAULT_OPTIONS.reclaim, enabled: false },
    ),
    longIdle: fc.boolean(),
    unhealthyThreshold: fc.constantFrom(3, 2, 1),
  } as const)
  .map(({ maxLength, agingMs, longIdle, unhealthyThreshold, ...rest }) => ({
    ...DEFAULT_OPTIONS,
    ...rest,
    queue: { maxLength, agingMs, timeoutMs: MINUTE },
    purposes: longIdle
      ? {
          ...DEFAULT_OPTIONS.purposes,
          music: { idleTimeoutMs: 30 * HOUR, priorityWeight: 30 },
          default: { idleTimeoutMs: 5 * HOUR, priorityWeight: 10 },
        }
      : DEFAULT_OPTIONS.purposes,
    health: { ...DEFAULT_OPTIONS.health, unhealthyThreshold },
  }));

const tools = fc.constantFrom([], [], [], ['music'], ['search', 'music'], ['search']);
const tenant = fc.constantFrom(...TENANTS);
const index = fc.nat(1_000);
const given = <T>(value: fc.Arbitrary<T>, one: number) =>
  fc.oneof({ weight: one - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const seldom = <T>(...values: T[]) => given(fc.constantFrom(...values), 8);
const rarely = (value: true) => fc.constantFrom(false, false, false, false, value);

const labels = fc.constantFrom<{ [key: string]: string }>(
  {},
  {},
  { host: 'h0' },
  { host: 'h1', endpoint: 'ws://h1' },
  { endpoint: 'ws://h1', host: 'h1' },
  { host: 'h2', invite_url: 'https://invite' },
  { max_tenants: '1' },
  { max_tenants: 'many', verified: 'true' },
);

const spec: fc.Arbitrary<AgentSpec> = fc.record({
  agentId: fc.constantFrom(...AGENTS),
  specialization: fc.constantFrom('general', 'general', 'general', 'general', ...KINDS),
  tools: fc.constantFrom(TOOLS, TOOLS, TOOLS, ['music'], []),
  tier: fc.constantFrom('standard', 'standard', ...TIERS),
  slots: fc.constantFrom(1, 1, 1, 2, 3),
  costPerHour: fc.constantFrom(0, 0, 5),
  labels,
  protected: rarely(true),
  credential: fc.constantFrom(undefined, undefined, 'sealed'),
  memberships: fc.subarray(TENANTS),
});

/** Absent fields are left out: the event that repeats the command leaves them out too. */
function defined<T extends object>(command: T): T {
  return Object.fromEntries(Object.entries(command).filter(([, v]) => v !== undefined)) as T;
}

const lease: fc.Arbitrary<Step['make']> = fc
  .record({
    tenant,
    tools: given(tools, 2),
    purpose: given(fc.constantFrom(...PURPOSES), 2),
    priority: given(fc.constantFrom(...PRIORITIES), 2),
    specialization: seldom(...KINDS),
    minTier: seldom(...TIERS),
    count: fc.constantFrom(undefined, undefined, undefined, 1, 2, 2, 3),
    near: seldom(1, 2),
    pick: index,
    maxCostPerHour: seldom(1, 5),
    lifetimeMs: seldom(20_000, HOUR),
    queue: fc.constantFrom(undefined, undefined, undefined, true, false),
    queueTimeoutMs: fc.constantFrom(undefined, undefined, 0, 500, 5 * MINUTE, 3 * HOUR),
    reuse: fc.constantFrom(undefined, undefined, true, false, false),
    dryRun: rarely(true),
    explain: fc.boolean(),
    metadata: fc.constantFrom(undefined, undefined, { note: 'é', n: 1 }),
    idempotencyKey: seldom('k0', 'k1'),
    fingerprint: fc.constantFrom('f0', 'f0', 'f0', 'f1'),
  })
  .map(({ near, pick, ...fields }) => ({ live, leases }: Known) => {
    const among = pick % 11 === 10 ? leases : live;
    const ids: string[] = [];
    for (let i = 0; i < (near ?? 0) && i < among.length; i++) {
      ids.push(among[(pick + i) % among.length].id);
    }
    const command: LeaseCommand = { type: 'lease', ...fields };
    return defined(ids.length === 0 ? command : { ...command, near: ids });
  });

/** Mostly live leases with their own token; now and then ended ones, or a stale token. */
const ofLease = (make: (id: string, token: number) => Command): fc.Arbitrary<Step['make']> =>
  fc.record({ pick: index, any: rarely(true), stale: rarely(true) }).map((r) => (known) => {
    const among = r.any || known.live.length === 0 ? known.leases : known.live;
    const found = among[r.pick % Math.max(1, among.length)] ?? { id: 'lse-999-1', token: 1 };
    return make(found.id, found.token + (r.stale && r.pick % 3 === 0 ? -1 : 0));
  });

const ofTicket = (type: 'cancel_ticket' | 'claim_ticket'): fc.Arbitrary<Step['make']> =>
  index.map((pick) => ({ tickets }) => ({ type, ticket: `tkt-${tickets - (pick % 4)}` }));

const fixed = <T extends object>(command: fc.Arbitrary<T>): fc.Arbitrary<Step['make']> =>
  command.map((made) => () => defined(made) as unknown as Command);

/** Mostly an agent that there is. */
const ofAgent = <T extends object>(
  more: fc.Arbitrary<T>,
  making: (agent: string, rest: T) => Command,
): fc.Arbitrary<Step['make']> =>
  fc.record({ pick: index, more }).map(({ pick, more: rest }) => ({ agents }) => {
    const agentId = agents[pick % (agents.length + 1)]?.agentId ?? AGENTS[pick % AGENTS.length];
    return making(agentId, rest);
  });

function specOf(agent: Known['agents'][number], memberships: readonly string[]): AgentSpec {
  const { agentId, specialization, tools, tier, slots, costPerHour, labels, credential } = agent;
  const spec = { agentId, specialization, tools, tier, slots, costPerHour, labels, credential };
  return defined({ ...spec, protected: agent.protected, memberships });
}

const type = <T extends string>(name: T) => fc.constant(name);

const make: fc.Arbitrary<Step['make']> = fc.oneof(
  { weight: 30, arbitrary: lease },
  {
    weight: 12,
    arbitrary: fc
      .constantFrom('idle', 'idle', 'active')
      .chain((state) => ofLease((id, token) => ({ type: 'report', lease: id, state, token }))),
  },
  { weight: 6, arbitrary: ofLease((id, token) => ({ type: 'release', lease: id, token })) },
  { weight: 2, arbitrary: ofLease((id) => ({ type: 'release', lease: id })) },
  { weight: 2, arbitrary: ofTicket('cancel_ticket') },
  { weight: 2, arbitrary: ofTicket('claim_ticket') },
  {
    weight: 2,
    arbitrary: fixed(
      fc.record({ type: type('register'), agents: fc.array(spec, { minLength: 1, maxLength: 2 }) }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(index, fc.subarray(TENANTS))
      .map(([pick, memberships]) => ({ agents }: Known): Command => {
        // Word for word, as a runner does that starts again.
        const known = agents[pick % Math.max(1, agents.length)];
        return {
          type: 'register',
          agents: known === undefined ? [] : [specOf(known, memberships)],
        };
      }),
  },
  {
    weight: 3,
    arbitrary: ofAgent(
      fc.record({
        tools: given(fc.constantFrom(TOOLS, ['search', 'music'], ['music'], []), 3),
        tier: given(fc.constantFrom(...TIERS), 3),
        slots: given(fc.constantFrom(1, 2, 3), 3),
        costPerHour: given(fc.constantFrom(0, 5), 3),
        labels: given(labels, 3),
        protected: given(fc.boolean(), 3),
        credential: seldom('sealed', 'sealed anew'),
      }),
      (id, changes) => ({ type: 'update_agent', agent: id, changes: defined(changes) }),
    ),
  },
  {
    weight: 2,
    arbitrary: ofAgent(fc.record({ force: rarely(true) }), (id, { force }) => ({
      type: 'retire_agent',
      agent: id,
      force,
    })),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom('drain_agent', 'resume_agent', 'resume_agent')
      .chain((name) => ofAgent(fc.record({}), (id) => ({ type: name, agent: id }))),
  },
  {
    weight: 6,
    arbitrary: ofAgent(
      fc.record({
        others: fc.subarray(AGENTS),
        load: fc.constantFrom(undefined, 0.25),
        health: fc.constantFrom(undefined, undefined, 'healthy', ...HEALTHS),
      }),
      (id, { others, load, health }) =>
        defined({
          type: 'heartbeat',
          agents: [id, ...others].map((each) => (load === undefined ? [each] : [each, load])),
          health,
        }),
    ),
  },
  {
    weight: 4,
    arbitrary: ofAgent(fc.record({ tenant, member: fc.boolean() }), (id, rest) => ({
      type: 'set_membership',
      agent: id,
      ...rest,
    })),
  },
  { weight: 4, arbitrary: fc.constant(() => ({ type: 'check_health' }) as const) },
  { weight: 6, arbitrary: fc.constant(() => ({ type: 'tick' }) as const) },
);

/** What time brings differs by pace: haste makes queues, long waits make leases and points end. */
const after = (longest: number) =>
  fc
    .oneof(
      { weight: 10, arbitrary: fc.constant(0) },
      { weight: 4, arbitrary: fc.constantFrom(1, 63, 64, 500, SECOND) },
      { weight: 5, arbitrary: fc.constantFrom(5 * SECOND, 20 * SECOND, MINUTE, 2 * MINUTE + 1) },
      { weight: 3, arbitrary: fc.constantFrom(5 * MINUTE, 10 * MINUTE + 1, 31 * MINUTE, HOUR + 1) },
      { weight: 1, arbitrary: fc.constantFrom(5 * HOUR, 24 * HOUR, 48 * HOUR) },
      { weight: 1, arbitrary: fc.nat(48 * HOUR) },
    )
    .map((ms) => Math.min(ms, longest));

const script: fc.Arbitrary<Script> = fc.record({
  options,
  agents: fc.uniqueArray(spec, { minLength: 1, maxLength: 6, selector: (each) => each.agentId }),
  steps: fc
    .tuple(
      fc.constantFrom(20 * SECOND, 5 * MINUTE, 31 * MINUTE, 48 * HOUR),
      // Long scripts lease the same agents again and again, until that costs them points.
      fc.constantFrom(50, 50, 50, 50, 50, 250),
    )
    .chain(([longest, maxLength]) =>
      fc.array(fc.record({ after: after(longest), make }), {
        minLength: 1,
        maxLength,
        size: 'max',
      }),
    ),
  ticking: fc.boolean(),
});

/** The ids that a pool has given out, as its events tell. */
export class Ids implements Known {
  readonly leases: { id: string; token: number }[] = [];
  live: { id: string; token: number }[] = [];
  agents: Omit<AgentSpec, 'memberships'>[] = [];
  tickets = 0;

  note(events: readonly Event[]): void {
    for (const event of events) {
      if (event.type === 'lease_granted') {
        const lease = { id: event.lease, token: event.token };
        this.leases.push(lease);
        this.live.push(lease);
      } else if (event.type === 'lease_moved') {
        for (const lease of this.live) if (lease.id === event.lease) lease.token = event.token;
      } else if (event.type === 'lease_ended') {
        this.live = this.live.filter(({ id }) => id !== event.lease);
      } else if (event.type === 'agent_registered') {
        const { type: _type, at: _at, agent: agentId, ...spec } = event;
        this.agents.push({ agentId, ...spec });
      } else if (event.type === 'agent_updated') {
        const { type: _type, at: _at, agent: agentId, ...changes } = event;
        this.agents = this.agents.map((each) =>
          each.agentId === agentId ? { ...each, ...changes } : each,
        );
      } else if (event.type === 'agent_retired') {
        this.agents = this.agents.filter(({ agentId }) => agentId !== event.agent);
      } else if (event.type === 'ticket_queued') {
        this.tickets++;
      }
    }
  }
}

/** PROPERTY_RUNS multiplies the usual number. */
export function numberOfRuns(usual: number): number {
  return Math.ceil(usual * Number(process.env.PROPERTY_RUNS ?? 1));
}

/**
 * Checks a property of many scripts. A failure is told as the shortest script that fails, by what
 * `check` throws, and can be had again with PROPERTY_SEED.
 */
export function forEachScript(usualRuns: number, check: (script: Script) => void): void {
  forEachOf(script, usualRuns, check);
}

/** The same for whatever else is made at random. */
export function forEachOf<T>(
  made: fc.Arbitrary<T>,
  usualRuns: number,
  check: (value: T) => void,
): void {
  const result = fc.check(fc.property(made, check), {
    numRuns: numberOfRuns(usualRuns),
  });
  if (!result.failed) return;
  const { seed, numShrinks, errorInstance } = result;
  const story = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
  throw new Error(`PROPERTY_SEED=${seed} (shrunk ${numShrinks} times)\n${story}`);
}
