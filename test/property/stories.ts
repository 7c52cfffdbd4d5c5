/**
 * Stories that once went wrong, each as short as it can be told. They are played to the engine and
 * the naive model, and to pools that are rebuilt in the middle.
 */
import type { AgentSpec, Command, LeaseCommand } from '../../src/core/command.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../src/core/options.ts';
import type { Script } from './scripts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export interface Story {
  readonly title: string;
  readonly options?: Partial<PoolOptions>;
  readonly agents: readonly AgentSpec[];
  /** When, in ms since the start, and what. */
  readonly told: readonly (readonly [at: number, command: Command])[];
}

export function scriptOf({ options, agents, told }: Story): Script {
  const steps = told.map(([at, command], i) => ({
    after: at - (told[i - 1]?.[0] ?? 0),
    make: () => command,
  }));
  return { options: { ...DEFAULT_OPTIONS, ...options }, agents, steps, ticking: false };
}

function agent(agentId: string, more: Partial<AgentSpec> = {}): AgentSpec {
  return {
    ...{ agentId, specialization: 'general', tools: [], tier: 'standard', slots: 1 },
    ...{ costPerHour: 0, labels: {}, protected: false, memberships: [] },
    ...more,
  };
}

function lease(tenant: string, more: Partial<LeaseCommand> = {}): LeaseCommand {
  return { type: 'lease', tenant, ...more };
}

/** The lease and its token: the nth lease has the nth token unless one has moved. */
function report(nth: number, state: 'idle' | 'active', token = nth + 1): Command {
  return { type: 'report', lease: `lse-${nth}-1`, state, token };
}

function release(nth: number): Command {
  return { type: 'release', lease: `lse-${nth}-1` };
}

const NO_RECLAIM = { reclaim: { ...DEFAULT_OPTIONS.reclaim, enabled: false } };
const LONG = { purposes: { default: { idleTimeoutMs: 5 * HOUR, priorityWeight: 10 } } };

export const STORIES: readonly Story[] = [
  {
    title: 'an answer is kept though the one before it is forgotten',
    agents: [agent('a'), agent('b'), agent('c')],
    told: [
      [0, lease('t', { idempotencyKey: 'k1', reuse: false })],
      [25 * HOUR, lease('u', { idempotencyKey: 'k2', reuse: false })],
      [25 * HOUR + 1, lease('u', { idempotencyKey: 'k2', reuse: false })],
    ],
  },
  {
    title: 'a group gets no agent twice, by a free slot and by a reclaimed one',
    options: LONG,
    agents: [agent('a', { slots: 2 }), agent('b')],
    told: [
      [0, { type: 'drain_agent', agent: 'b' }],
      [0, lease('x')],
      [0, report(0, 'idle')],
      [31 * MINUTE, lease('t', { count: 2 })],
    ],
  },
  {
    title: 'two idle leases of one agent are one agent to a group',
    options: LONG,
    agents: [agent('a', { slots: 2 })],
    told: [
      [0, lease('x')],
      [0, lease('y')],
      [0, report(0, 'idle')],
      [0, report(1, 'idle')],
      [0, { type: 'register', agents: [agent('b', { slots: 2 })] }],
      [0, lease('z')],
      [0, lease('zz')],
      [1, report(2, 'idle')],
      [1, report(3, 'idle')],
      [31 * MINUTE, lease('t', { count: 2 })],
    ],
  },
  {
    title: 'when a group is cancelled, what it withheld goes to those behind it',
    options: NO_RECLAIM,
    agents: [agent('a'), agent('b')],
    told: [
      [0, lease('x')],
      [0, lease('g', { count: 2, priority: 'high' })],
      [0, lease('s')],
      [1, { type: 'cancel_ticket', ticket: 'tkt-1' }],
    ],
  },
  {
    title: 'when a group is granted, what it withheld goes to those behind it at once',
    agents: [agent('a0'), agent('a7', { slots: 3 }), agent('a4', { tier: 'premium' }), agent('a1')],
    told: [
      [0, { type: 'heartbeat', agents: [['a0'], ['a7'], ['a4'], ['a1']], health: 'unhealthy' }],
      [0, lease('t2', { priority: 'low', minTier: 'premium' })],
      [5_000, lease('t1', { count: 2 })],
      [5_000, lease('t5')],
      [10_000, { type: 'heartbeat', agents: [['a4']], health: 'degraded' }],
      [10_000, { type: 'heartbeat', agents: [['a0'], ['a7']], health: 'healthy' }],
      [15_000, { type: 'drain_agent', agent: 'a4' }],
    ],
  },
  {
    title: 'when a group is granted, the best-ranked of all kinds is next',
    options: NO_RECLAIM,
    agents: [agent('a0'), agent('a7'), agent('a4')],
    told: [
      [0, lease('t0')],
      [0, lease('t0', { count: 3 })],
      [0, { type: 'retire_agent', agent: 'a7' }],
      [1, lease('t5', { priority: 'low', specialization: 'general' })],
      [2, { type: 'update_agent', agent: 'a0', changes: { slots: 2 } }],
      [5_002, release(0)],
      [5_002, lease('t4', { minTier: 'standard' })],
      [5_002, { type: 'register', agents: [agent('a3', { tier: 'lite' })] }],
    ],
  },
  {
    title: 'a group whose tenant gets something else lets its equals go first',
    options: NO_RECLAIM,
    agents: [agent('a0'), agent('a5', { slots: 3 })],
    told: [
      [0, { type: 'drain_agent', agent: 'a0' }],
      [1, lease('t2', { count: 2 })],
      [1, lease('t0')],
      [2, lease('t2', { priority: 'high' })],
    ],
  },
  {
    title: 'a tenant that has lost a lease goes before a group of equal rank',
    options: NO_RECLAIM,
    agents: [agent('a'), agent('b')],
    told: [
      [0, lease('t5')],
      [0, lease('x')],
      [0, lease('t5', { reuse: false })],
      [0, { type: 'drain_agent', agent: 'a' }],
      [0, lease('g', { count: 2 })],
      [1, release(1)],
      [2, report(0, 'idle')],
    ],
  },
  {
    title: 'a better-ranked request of another kind goes before the second of a kind',
    options: NO_RECLAIM,
    agents: [agent('a', { slots: 2, tools: ['m'] })],
    told: [
      [0, lease('a1')],
      [0, lease('x')],
      [0, lease('a1', { priority: 'critical', reuse: false })],
      [0, lease('a2', { priority: 'low' })],
      [0, lease('b1', { tools: ['m'] })],
      [1, release(1)],
    ],
  },
  {
    title: 'a new request is judged by the place that it would have in the queue',
    options: NO_RECLAIM,
    agents: [agent('a'), agent('b'), agent('c')],
    told: [
      [0, lease('t5')],
      [1, lease('t5', { count: 3 })],
      [1, lease('t0')],
    ],
  },
  {
    title: 'a group collects though somebody who cannot be served stands before it',
    agents: [agent('a1'), agent('a0'), agent('a6', { slots: 2 })],
    told: [
      [0, lease('t0')],
      [0, lease('t0', { count: 2 })],
      [0, lease('t0', { reuse: false })],
      [20_000, lease('t3', { count: 3 })],
      [20_001, lease('t3')],
    ],
  },
  {
    title: 'those who wait reclaim before a newcomer does',
    options: LONG,
    agents: [agent('a')],
    told: [
      [0, lease('x')],
      [0, report(0, 'idle')],
      [5 * MINUTE - 500, lease('waiting', { priority: 'high' })],
      [5 * MINUTE, lease('newcomer')],
      [5 * MINUTE, { type: 'tick' }],
    ],
  },
  {
    title: 'what a group waits for is not reclaimed for those behind it, among members either',
    options: { ...LONG, membership: 'required' },
    agents: [agent('a', { memberships: ['x', 'g', 't'] }), agent('b', { memberships: ['y', 'g'] })],
    told: [
      [0, lease('x')],
      [0, lease('y')],
      [0, report(0, 'idle')],
      [0, report(1, 'active')],
      [6 * MINUTE, lease('g', { count: 2 })],
      [6 * MINUTE, lease('t', { priority: 'low', minTier: 'standard' })],
      [6 * MINUTE + 1_000, { type: 'tick' }],
      [6 * MINUTE + 2_000, { type: 'tick' }],
    ],
  },
  {
    title: 'a dry run changes nothing, also for those who wait',
    options: LONG,
    agents: [agent('a')],
    told: [
      [0, lease('x')],
      [0, report(0, 'idle')],
      [5 * MINUTE - 500, lease('waiting', { priority: 'high' })],
      [5 * MINUTE, lease('newcomer', { dryRun: true })],
    ],
  },
  {
    title: 'use sequences go on after a restart though the last used agent has left',
    agents: [agent('a'), agent('b')],
    told: [
      [0, { type: 'retire_agent', agent: 'b' }],
      [0, { type: 'tick' }],
      [0, { type: 'register', agents: [agent('c')] }],
      [1, lease('t')],
    ],
  },
  {
    title: 'a claim that was judged is not judged again after a restart',
    agents: [agent('a')],
    told: [
      [0, lease('x')],
      [0, lease('t', { queueTimeoutMs: 2_000 })],
      [1, release(0)],
      [2, report(1, 'active')],
      [5_000, { type: 'tick' }],
      [5_000, { type: 'register', agents: [agent('b')] }],
      [5_001, { type: 'heartbeat', agents: [['a']], health: 'unhealthy' }],
      [6_000, { type: 'tick' }],
      [6_001, { type: 'tick' }],
      [6_002, { type: 'tick' }],
    ],
  },
  {
    title: 'a lease that was used is not taken back because it has moved',
    agents: [agent('a')],
    told: [
      [0, lease('x')],
      [0, lease('t')],
      [1, release(0)],
      [2, report(1, 'active')],
      [5_000, { type: 'register', agents: [agent('b')] }],
      [5_001, { type: 'heartbeat', agents: [['a']], health: 'unhealthy' }],
      [61_000, { type: 'tick' }],
    ],
  },
  {
    title: 'a granted ticket whose lease was asked for again is not taken back',
    agents: [agent('a')],
    told: [
      [0, lease('x')],
      [0, lease('t')],
      [1, release(0)],
      [59_000, lease('t')],
      [61_000, { type: 'tick' }],
    ],
  },
  {
    title: 'near is heeded where membership is required, but not on the nameless host',
    options: { membership: 'required' },
    agents: [
      agent('a', { labels: { host: 'h1' }, memberships: ['t', 'u'] }),
      agent('b', { labels: { host: 'h1' }, memberships: ['t'], tier: 'lite' }),
      agent('c', { labels: { host: 'h2' }, memberships: ['t'] }),
      agent('d', { memberships: ['v'] }),
      agent('e', { memberships: ['w'] }),
    ],
    told: [
      [0, lease('u')],
      [0, lease('t', { near: ['lse-0-1'] })],
      [0, lease('v')],
      [0, lease('w', { near: ['lse-2-1'] })],
    ],
  },
  {
    title: 'a dry run tells the position that the request would get',
    options: { membership: 'required' },
    agents: [agent('a', { memberships: ['t', 'u', 'w'] })],
    told: [
      [0, lease('w')],
      [0, lease('u')],
      [0, lease('t', { dryRun: true })],
      [0, lease('t')],
    ],
  },
  {
    title: 'what a tenant holds counts for the position of a dry run too',
    agents: [agent('a'), agent('b')],
    told: [
      [0, lease('w')],
      [0, lease('u')],
      [0, lease('u', { reuse: false })],
      [0, lease('t', { dryRun: true })],
      [0, lease('t')],
    ],
  },
  {
    title: 'leases that end in one jump of time end in the order of their deadlines',
    agents: [agent('a0'), agent('a1')],
    told: [
      [5_000, lease('t0')],
      [5_001, lease('t0', { reuse: false })],
      [10_001, report(0, 'idle')],
      [10_001, { type: 'tick' }],
      [HOUR, { type: 'tick' }],
      [HOUR, lease('t1')],
    ],
  },
  {
    title: 'tickets that end in one jump of time end in the order of their numbers',
    agents: [agent('a0')],
    told: [
      [0, { type: 'heartbeat', agents: [['a0']], health: 'unhealthy' }],
      [0, lease('t0', { maxCostPerHour: 1, queueTimeoutMs: 500 })],
      [0, lease('t0', { minTier: 'lite', priority: 'critical', queueTimeoutMs: 500 })],
      [0, { type: 'tick' }],
      [0, { type: 'heartbeat', agents: [['a0']], health: 'healthy' }],
      [5_000, { type: 'tick' }],
    ],
  },
  {
    title: 'agents of one request are warm or not by what they were before it',
    options: { affinitySize: 1 },
    agents: [agent('a', { slots: 2 }), agent('b', { slots: 2 })],
    told: [
      [0, lease('t', { count: 2 })],
      [1, release(0)],
      [1, release(1)],
      [2, lease('t', { count: 2, dryRun: true })],
      [2, lease('t', { count: 2 })],
    ],
  },
  {
    title: 'hosts that are equally busy are packed in the order of their names',
    options: { selection: 'pack' },
    agents: [agent('a', { labels: { host: 'h1' } }), agent('b', { labels: { host: 'h2' } })],
    told: [
      [0, { type: 'update_agent', agent: 'a', changes: { labels: { host: 'h3' } } }],
      [0, { type: 'register', agents: [agent('c', { labels: { host: 'h1' } })] }],
      [0, { type: 'tick' }],
      [1, lease('t')],
      [1, lease('u', { reuse: false })],
    ],
  },
  {
    title: 'the view of an agent that has left is of one moment',
    agents: [agent('a')],
    told: [
      [0, lease('t')],
      [1, { type: 'retire_agent', agent: 'a', force: true }],
    ],
  },
  {
    title: 'the order of labels is no difference',
    agents: [agent('a', { labels: { x: '1', y: '2' } }), agent('b')],
    told: [
      [0, { type: 'register', agents: [agent('a', { labels: { z: '4', w: '3' } })] }],
      [0, { type: 'update_agent', agent: 'b', changes: { labels: { w: '3', z: '4' } } }],
      [0, { type: 'register', agents: [agent('a', { labels: { y: '2', x: '1' } })] }],
    ],
  },
  {
    title: 'memberships are listed in the same order after a restart',
    options: { membership: 'required' },
    agents: [agent('a1'), agent('a2')],
    told: [
      [0, { type: 'set_membership', agent: 'a1', tenant: 't2', member: true }],
      [0, { type: 'set_membership', agent: 'a2', tenant: 't1', member: true }],
      [0, { type: 'set_membership', agent: 'a1', tenant: 't1', member: true }],
      [1, lease('t1')],
      [1, lease('t1', { reuse: false })],
      [1, lease('t2')],
    ],
  },
  {
    title: 'when an hour has had more grants than can be counted, all hours are halved',
    agents: [agent('a')],
    told: Array.from({ length: 20 }, (_, nth): [number, Command][] => [
      [nth * 2, lease('t0')],
      [nth * 2 + 1, release(nth)],
    ]).flat(),
  },
];
