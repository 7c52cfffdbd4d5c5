/**
 * Runners that come, go, accept, reject, fall silent and fight over agents, at random: the
 * invariants after every command, no lease that is forgotten, and a pool that is restored or
 * replayed equals the one that lived through it.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Command } from '../../src/core/command.ts';
import type { Event } from '../../src/core/event.ts';
import { DEFAULT_OPTIONS } from '../../src/core/options.ts';
import { Pool } from '../../src/core/pool.ts';
import { checkInvariants, nothingSeen } from './invariants.ts';
import { numberOfRuns, START } from './scripts.ts';

const OPTIONS = {
  ...DEFAULT_OPTIONS,
  hosting: { acceptTimeoutMs: 10_000, reconnectGraceMs: 30_000 },
};
const AGENTS = ['a', 'b', 'c', 'd'];
const TENANTS = ['t', 'u', 'v', 'w', 'x'];

const step = fc.record({
  what: fc.constantFrom(
    ...(['hello', 'hello', 'bye', 'bye all', 'lease', 'lease', 'accept', 'accept'] as const),
    ...(['reject', 'report', 'release', 'late', 'budget', 'drain', 'resume'] as const),
    ...(['retire', 'group', 'restore', 'replay'] as const),
  ),
  nth: fc.nat(11),
  other: fc.nat(11),
  after: fc.constantFrom(0, 0, 1, 3_000, 10_000, 29_999, 30_001),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const TIMEOUT = { timeout: numberOfRuns(30_000) };

test('runners in trouble lose no lease and share none', TIMEOUT, () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), (steps) => {
      const world = new World(reached);
      for (const each of steps) world.live(each);
      world.settle();
    }),
    { numRuns: numberOfRuns(600) },
  );
  expect([...reached].sort()).toEqual([
    'agent_failed_to_accept',
    'agent_lost',
    'moved',
    'renewed',
    'stale',
  ]);
});

class World {
  #pool = new Pool(OPTIONS);
  #seen = nothingSeen();
  #now = START;
  readonly #events: Event[] = [];
  readonly #reached: Set<string>;
  /** Every token that a lease ever had, with its agent. */
  readonly #tokens: { lease: string; token: number }[] = [];

  constructor(reached: Set<string>) {
    this.#reached = reached;
  }

  live({ what, nth, other, after }: Step): void {
    this.#pass(after);
    const agent = AGENTS[nth % AGENTS.length];
    const live = this.#pool.leases({ limit: 100 }).items.filter(({ reason }) => !reason);
    const lease = live.length === 0 ? undefined : live[other % live.length];
    const known = this.#tokens.length === 0 ? undefined : this.#tokens[other % this.#tokens.length];
    switch (what) {
      case 'hello':
        this.#tell({
          type: 'connect_agents',
          runner: `r${other % 3}`,
          agents: [{ agentId: agent, slots: 1 + (other % 2) }],
        });
        return;
      case 'bye':
        this.#tell({ type: 'disconnect_agents', agents: [agent] });
        return;
      case 'bye all':
        this.#tell({ type: 'disconnect_agents' });
        return;
      case 'lease':
        this.#tell({
          type: 'lease',
          tenant: TENANTS[nth % TENANTS.length],
          reuse: other % 2 === 0,
        });
        return;
      case 'group':
        this.#tell({ type: 'lease', tenant: TENANTS[nth % TENANTS.length], count: 2 });
        return;
      case 'accept':
        if (lease) {
          this.#tell({ type: 'accept_lease', lease: lease.leaseId, token: lease.token });
        }
        return;
      case 'reject':
        if (lease) {
          this.#tell({ type: 'reject_lease', lease: lease.leaseId, token: lease.token });
        }
        return;
      case 'report':
        if (lease) {
          const state = nth % 2 === 0 ? 'idle' : 'active';
          this.#tell({ type: 'report', lease: lease.leaseId, token: lease.token, state });
        }
        return;
      case 'release':
        if (lease) this.#tell({ type: 'release', lease: lease.leaseId });
        return;
      case 'late':
        if (known) this.#late(known);
        return;
      case 'budget':
        this.#tell({ type: 'set_budget', agent, available: other % 2 === 0 });
        return;
      case 'drain':
        this.#tell({ type: 'drain_agent', agent });
        return;
      case 'resume':
        this.#tell({ type: 'resume_agent', agent });
        return;
      case 'retire':
        this.#tell({ type: 'retire_agent', agent, force: other % 2 === 0 });
        return;
      case 'restore':
        this.#become((fresh) => fresh.restore(structuredClone(this.#pool.dump())));
        return;
      case 'replay':
        this.#become((fresh) => fresh.apply(this.#events));
        return;
    }
  }

  /** Everybody goes: nothing is held by anybody in the end, and nobody waits for ever. */
  settle(): void {
    this.#tell({ type: 'disconnect_agents' });
    this.#pass(40_000);
    expect(this.#pool.stats().leases.total).toBe(0);
    // Where leases have ended, the wheel looks once more at the time that they had.
    this.#pass(86_400_000);
    expect(this.#pool.stats().queue.length).toBe(0);
    expect(this.#pool.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  }

  /** What a runner says that slept: only the present token may change anything. */
  #late({ lease, token }: { lease: string; token: number }): void {
    const before = this.#pool.lease(lease);
    const isPresent = before?.token === token && before.reason === undefined;
    for (const type of ['accept_lease', 'reject_lease'] as const) {
      if (isPresent) continue;
      const outcome = this.#tell({ type, lease, token });
      expect(outcome.outcome).toBe('refused');
      this.#reached.add('stale');
      expect(this.#pool.lease(lease)).toEqual(before);
    }
  }

  /** Sleeps as a host does: wakes up for every deadline, and finds something to do. */
  #pass(ms: number): void {
    const until = this.#now + ms;
    for (let n = 0; this.#pool.nextDeadline() <= until; n++) {
      if (n > 1_000) throw new Error('the pool wakes up for ever');
      this.#now = Math.max(this.#now, this.#pool.nextDeadline());
      this.#tell({ type: 'tick' });
    }
    this.#now = until;
  }

  #tell(command: Command) {
    const outcome = this.#pool.execute(command, this.#now);
    const events = this.#pool.takeEvents();
    this.#events.push(...events);
    for (const event of events) {
      if (event.type === 'lease_granted' || event.type === 'lease_moved') {
        this.#tokens.push({ lease: event.lease, token: event.token });
        if (event.type === 'lease_moved') {
          this.#reached.add(command.type === 'connect_agents' ? 'renewed' : 'moved');
        }
      }
      if (event.type === 'lease_ended' && event.reason.startsWith('agent_')) {
        this.#reached.add(event.reason);
      }
    }
    checkInvariants(this.#pool.state, this.#seen);
    // What is due has happened, and a host that sleeps until the next deadline misses nothing.
    expect(this.#pool.nextDeadline()).toBeGreaterThan(this.#now);
    return outcome;
  }

  #become(fill: (fresh: Pool) => void): void {
    const fresh = new Pool(OPTIONS);
    fill(fresh);
    expect(fresh.dump()).toEqual(this.#pool.dump());
    fresh.resume(this.#now);
    this.#pool = fresh;
    this.#seen = nothingSeen();
  }
}
