/** Ways to choose an agent for a request. */
import type { AgentSpec } from '../../core/command.ts';
import { DEFAULT_OPTIONS } from '../../core/options.ts';
import { Pool } from '../../core/pool.ts';
import { fleetOf } from '../replay/fleet.ts';
import { type AgentChooser, NO_AGENT } from './affinity.ts';
import { msOf } from './minutes.ts';

const NONE = -1;

/**
 * The tenant's own agent, or else the free one that has been used the longest ago; those that have
 * never been used come first, by their numbers.
 */
export class LeastRecentlyUsed implements AgentChooser {
  /** A list of agents, the least recently used first, in two arrays; the last place is its ends. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #ends: number;
  readonly #tenantOf: Int32Array;
  readonly #usedIn: Float64Array;
  readonly #agentOf = new Map<number, number>();

  constructor(agents: number) {
    this.#ends = agents;
    this.#next = Int32Array.from({ length: agents + 1 }, (_, at) => (at + 1) % (agents + 1));
    this.#previous = Int32Array.from(
      { length: agents + 1 },
      (_, at) => (at + agents) % (agents + 1),
    );
    this.#tenantOf = new Int32Array(agents).fill(NONE);
    this.#usedIn = new Float64Array(agents).fill(Number.NEGATIVE_INFINITY);
  }

  choose(minute: number, tenant: number): number {
    let agent = this.#agentOf.get(tenant) ?? NONE;
    if (agent === NONE) {
      agent = this.#next[this.#ends]!;
      // The least recently used is busy, and so are all that were used after it.
      if (this.#usedIn[agent] === minute) return NO_AGENT;
      this.#agentOf.delete(this.#tenantOf[agent]!);
      this.#agentOf.set(tenant, agent);
      this.#tenantOf[agent] = tenant;
    }
    this.#usedIn[agent] = minute;
    this.#moveToEnd(agent);
    return agent;
  }

  #moveToEnd(agent: number): void {
    const [next, previous, ends] = [this.#next, this.#previous, this.#ends];
    next[previous[agent]!] = next[agent]!;
    previous[next[agent]!] = previous[agent]!;
    const last = previous[ends]!;
    next[last] = agent;
    previous[agent] = last;
    next[agent] = ends;
    previous[ends] = agent;
  }
}

const AGENTS_PER_COMMAND = 10_000;

/**
 * The pool itself, with its selection `score`: each request takes a lease as its minute begins, and
 * gives it back as the minute ends.
 */
export class ScoredByPool implements AgentChooser {
  readonly #pool: Pool;
  readonly #fleet: readonly AgentSpec[];
  readonly #numbers: ReadonlyMap<string, number>;
  #leases: string[] = [];
  #minute: number | null = null;

  constructor(agents: number) {
    // Nobody sends heartbeats for the agents of a trace, and no lease lasts longer than its minute.
    const health = { ...DEFAULT_OPTIONS.health, heartbeatTimeoutMs: 0 };
    this.#pool = new Pool({ ...DEFAULT_OPTIONS, selection: 'score', health });
    this.#fleet = [...fleetOf(new Map([['general', agents]]))];
    this.#numbers = new Map(this.#fleet.map(({ agentId }, number) => [agentId, number]));
  }

  choose(minute: number, tenant: number): number {
    if (minute !== this.#minute) this.#begin(minute);
    const outcome = this.#pool.execute(
      { type: 'lease', tenant: `tenant_${tenant}`, queue: false },
      msOf(minute),
    );
    if (outcome.outcome === 'granted') {
      const { leaseId, agentId } = outcome.leases[0]!;
      this.#leases.push(leaseId);
      return this.#numbers.get(agentId)!;
    }
    if (outcome.outcome === 'refused' && outcome.code === 'AGENT_POOL_EXHAUSTED') return NO_AGENT;
    throw new Error(`the pool answered a request with ${JSON.stringify(outcome)}`);
  }

  #begin(minute: number): void {
    if (this.#minute === null) this.#register(msOf(minute));
    else {
      for (const lease of this.#leases) {
        this.#pool.execute({ type: 'release', lease }, msOf(this.#minute + 1));
      }
    }
    this.#leases = [];
    this.#minute = minute;
    this.#pool.takeEvents();
  }

  #register(now: number): void {
    for (let first = 0; first < this.#fleet.length; first += AGENTS_PER_COMMAND) {
      const agents = this.#fleet.slice(first, first + AGENTS_PER_COMMAND);
      this.#pool.execute({ type: 'register', agents }, now);
    }
  }
}
