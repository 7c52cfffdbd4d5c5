/**
 * The agents that the pool starts by itself, under random trouble: what must hold after every
 * command, and that a restored and a replayed pool equal the one that lived through it.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Command } from '../../src/core/command.ts';
import type { Event } from '../../src/core/event.ts';
import { specOf } from '../../src/core/fleet.ts';
import { DEFAULT_OPTIONS } from '../../src/core/options.ts';
import { Pool } from '../../src/core/pool.ts';
import { numberOfRuns, START } from './scripts.ts';

const KIND = { name: 'research', agentName: 'researcher', tools: ['web'], slots: 1 };
const CORE = 'researcher_1';
const FIRST_PORT = 9_101;
const PORTS = 7;
const POLICY = {
  scaleUpThreshold: 0.75,
  scaleDownThreshold: 0.25,
  scaleUpCooldownMs: 30_000,
  scaleDownCooldownMs: 60_000,
  unhealthyThreshold: 2,
  utilizationHigh: 0.9,
  utilizationLow: 0.3,
};
const OPTIONS = {
  ...DEFAULT_OPTIONS,
  startable: [{ name: KIND.name, tools: KIND.tools, slots: 1, max: 4 }],
  health: { ...DEFAULT_OPTIONS.health, heartbeatTimeoutMs: 20_000, unhealthyThreshold: 2 },
};

const step = fc.record({
  what: fc.constantFrom(
    ...(['lease', 'lease', 'report', 'release', 'beat', 'beat', 'beat', 'lost', 'failed'] as const),
    ...(['check', 'check', 'check', 'replace', 'starve', 'switch', 'restore', 'replay'] as const),
  ),
  nth: fc.nat(11),
  load: fc.constantFrom(0, 0.1, 0.5, 0.8, 1),
  after: fc.constantFrom(0, 100, 5_000, 15_000, 25_000, 70_000),
});

test('a fleet in trouble keeps its promises', () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
      const world = new World(reached);
      for (const each of steps) world.live(each);
      world.settle();
    }),
    { numRuns: numberOfRuns(400) },
  );
  expect([...reached].sort()).toEqual([
    'replace_unhealthy',
    'scale_down',
    'scale_failed',
    'scale_up',
  ]);
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly #reached: Set<string>;
  #pool = new Pool(OPTIONS);
  #now = START;
  readonly #history: Event[] = [];
  readonly #ids = new Set<string>();

  constructor(reached: Set<string>) {
    this.#reached = reached;
    this.#tell({ type: 'register', agents: [specOf(KIND, CORE, FIRST_PORT, true)] });
  }

  live({ what, nth, load, after }: Step): void {
    this.#now += after;
    const agents = this.#pool.fleetAgents();
    const agent = agents[nth % agents.length]?.agentId ?? CORE;
    const { items: leases } = this.#pool.leases({ limit: 100 });
    const lease = leases[nth % Math.max(1, leases.length)];
    switch (what) {
      case 'lease':
        this.#tell({ type: 'lease', tenant: `t${nth}`, specialization: KIND.name, reuse: nth > 5 });
        return;
      case 'report':
        if (lease === undefined) return;
        this.#tell({
          type: 'report',
          lease: lease.leaseId,
          token: lease.token,
          state: load > 0.5 ? 'active' : 'idle',
        });
        return;
      case 'release':
        if (lease !== undefined) this.#tell({ type: 'release', lease: lease.leaseId });
        return;
      case 'beat':
        this.#beat(
          agents.slice(0, 1 + (nth % agents.length)).map(({ agentId }) => agentId),
          load,
        );
        return;
      case 'lost':
        this.#tell({ type: 'agent_lost', agent, because: 'Process exited: code 1' });
        return;
      case 'failed':
        if (agents.some(({ agentId, isStarting }) => agentId === agent && isStarting)) {
          this.#tell({ type: 'start_failed', agent, because: 'no such program' });
        }
        return;
      case 'check':
        this.#check(false, PORTS);
        return;
      case 'replace':
        this.#check(true, PORTS);
        return;
      case 'starve':
        this.#check(false, 0);
        return;
      case 'switch':
        this.#tell({ type: 'switch_autoscaler', enabled: nth > 3 });
        return;
      case 'restore':
        this.#restart(restored(this.#pool));
        return;
      case 'replay': {
        const pool = new Pool(OPTIONS);
        pool.apply(JSON.parse(JSON.stringify(this.#history)));
        this.#restart(pool);
        return;
      }
    }
  }

  /** The trouble is over: everybody is heard, checks go on, and nothing is left pending. */
  settle(): void {
    this.#tell({ type: 'switch_autoscaler', enabled: true });
    for (let round = 0; round < 8; round++) {
      this.#now += 10_000;
      const there = this.#pool.fleetAgents().filter(({ isLost }) => !isLost);
      this.#beat(
        there.map(({ agentId }) => agentId),
        0.5,
      );
      this.#check(false, PORTS);
    }
    const agents = this.#pool.fleetAgents();
    expect(agents.filter(({ isLost }) => isLost)).toEqual([]);
    expect(agents.length).toBeGreaterThanOrEqual(1);
    expect(this.#pool.state.scaling.dump().replacements).toEqual([]);
  }

  #beat(ids: readonly string[], load: number): void {
    this.#tell({ type: 'heartbeat', agents: ids.map((id) => [id, load] as const) });
  }

  #check(onlyReplace: boolean, most: number): void {
    const taken = new Set(this.#pool.fleetAgents().map(({ port }) => port));
    const ports = Array.from({ length: most }, (_, i) => FIRST_PORT + i);
    const activeBefore = this.#active();
    const outcome = this.#tell({
      type: 'check_fleet',
      countMisses: !onlyReplace,
      onlyReplace,
      enabled: true,
      policy: POLICY,
      kinds: [
        { ...KIND, min: 1, max: 4, ports: ports.filter((p) => !taken.has(p)), blocked: null },
      ],
    });
    if (outcome.outcome !== 'fleet_checked') throw new Error(outcome.outcome);
    for (const { kind } of outcome.actions) this.#reached.add(kind);
    if (!onlyReplace) expect(outcome.actions.length + outcome.skipped.length).toBeGreaterThan(0);
    const { state } = this.#pool;
    for (const { agentId, isLost, isRetiring } of this.#pool.fleetAgents()) {
      if (!isLost || isRetiring || state.scaling.replacementOf(agentId) !== undefined) continue;
      expect(this.#pool.agent(agentId)?.leases).toEqual([]);
    }
    const left = outcome.actions.find(({ kind }) => kind === 'scale_down')?.agent;
    if (left === undefined) return;
    expect(left).not.toBe(CORE);
    const kept = this.#active();
    for (const [lease, agent] of activeBefore)
      if (agent === left) expect(kept.has(lease)).toBe(true);
  }

  #active(): Map<string, string> {
    const { items } = this.#pool.leases({ limit: 100, state: 'active' });
    return new Map(items.map(({ leaseId, agentId }) => [leaseId, agentId]));
  }

  #tell(command: Command) {
    const starting = this.#pool.fleetAgents().filter(({ isStarting }) => isStarting);
    const outcome = this.#pool.execute(command, this.#now);
    for (const event of this.#pool.takeEvents()) {
      this.#history.push(event);
      if (event.type === 'scaling_recorded') this.#reached.add(event.kind);
      if (event.type === 'agent_registered') {
        expect(this.#ids.has(event.agent)).toBe(false);
        this.#ids.add(event.agent);
      }
      if (event.type === 'lease_granted' && command.type !== 'heartbeat') {
        expect(starting.map(({ agentId }) => agentId)).not.toContain(event.agent);
      }
    }
    const agents = this.#pool.fleetAgents();
    expect(new Set(agents.map(({ port }) => port)).size).toBe(agents.length);
    expect(agents.some(({ agentId }) => agentId === CORE)).toBe(true);
    return outcome;
  }

  /** Signals are gone with the process; everybody is heard anew. */
  #restart(pool: Pool): void {
    expect(JSON.stringify(comparable(pool))).toBe(JSON.stringify(comparable(this.#pool)));
    pool.resume(this.#now);
    this.#pool = pool;
  }
}

function restored(from: Pool): Pool {
  const pool = new Pool(OPTIONS);
  pool.restore(structuredClone(from.dump()));
  return pool;
}

function comparable(pool: Pool): unknown {
  const { columns, names, data } = pool.dump();
  return { columns, names, data };
}
