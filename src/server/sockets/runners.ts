/**
 * Which socket hosts which agent, and what its runner must hear: work, the end of work, that an
 * agent is to leave, a new credential. It follows the committed events, so nothing is told that a
 * crash could take back.
 */
import type { Event } from '../../core/event.ts';
import type { LeaseView } from '../../core/outcome.ts';
import type { CommittedEvent, PoolHost } from '../../host/host-api.ts';
import type { Logger } from '../logger.ts';
import type { Sealer } from '../seal.ts';

/** What the registry needs of a runner's socket (runner-socket.ts). */
export interface RunnerLine {
  readonly runnerId: string;
  isAlive(withinMs: number): Promise<boolean>;
  assign(lease: Promise<LeaseView | null>, token: number): void;
  release(lease: string, token: number, reason: string): void;
  drain(agent: string): void;
  credential(agent: string, credential: string): void;
  /** The agent has left the pool. */
  retired(agent: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

interface Held {
  readonly line: RunnerLine;
  readonly agent: string;
  readonly token: number;
}

/** What one socket carries, so that its end costs no walk over all the others. */
interface Carried {
  readonly agents: Set<string>;
  /** Those of the agents that the pool knows to be here. */
  readonly connected: Set<string>;
  readonly leases: Set<string>;
}

/** Whoever does not answer a ping within this is not there any more. */
const ALIVE_MS = 2_000;
/** How often the end of a connection is told to a pool that could not take it. */
const RETRY_MS = 500;

export class Runners {
  readonly #host: PoolHost;
  readonly #sealer: Sealer | null;
  readonly #logger: Logger;
  readonly #byAgent = new Map<string, RunnerLine>();
  readonly #byLease = new Map<string, Held>();
  readonly #carried = new Map<RunnerLine, Carried>();
  /** Agents whose connection has ended, which the pool has yet to be told. */
  readonly #gone = new Set<string>();
  #telling: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(host: PoolHost, sealer: Sealer | null, logger: Logger) {
    this.#host = host;
    this.#sealer = sealer;
    this.#logger = logger;
    // A hello that belongs to a batch reads first what its agents hold.
    host.onCommitted((events) => setImmediate(() => this.#committed(events)));
  }

  /** Agents on sockets. */
  get agents(): number {
    return this.#byAgent.size;
  }

  lineOf(agent: string): RunnerLine | undefined {
    return this.#byAgent.get(agent);
  }

  /**
   * Takes those of the agents that no other runner hosts; one that does not answer any more is cut
   * off. The others are in `hosted`, each with its runner.
   */
  async take(
    line: RunnerLine,
    agents: readonly string[],
  ): Promise<{ taken: string[]; hosted: Map<string, string> }> {
    const others = new Set<RunnerLine>();
    for (const agent of agents) {
      const other = this.#byAgent.get(agent);
      if (other !== undefined && other !== line) others.add(other);
    }
    for (const other of others) {
      if (await other.isAlive(ALIVE_MS)) continue;
      this.drop(other);
      other.terminate();
    }
    // What is asked for and what is given lie apart: another hello may have come in between.
    const taken: string[] = [];
    const hosted = new Map<string, string>();
    for (const agent of agents) {
      const other = this.#byAgent.get(agent);
      if (other !== undefined && other !== line) {
        hosted.set(agent, other.runnerId);
        continue;
      }
      this.#byAgent.set(agent, line);
      this.#carriedBy(line).agents.add(agent);
      taken.push(agent);
    }
    // The pool must hear that the old connection has ended before it hears of the new one.
    await this.#telling;
    // The new one may have ended meanwhile, too: then there is nothing more to be told.
    const kept = taken.filter((agent) => this.#byAgent.get(agent) === line);
    for (const agent of kept) this.#gone.delete(agent);
    return { taken: kept, hosted };
  }

  /** The agents are not hosted by this socket after all. */
  giveUp(line: RunnerLine, agents: Iterable<string>): void {
    for (const agent of agents) this.#leave(line, agent);
  }

  /** The leases that the agents hold, as they are now; from here on their events are followed. */
  async leasesOf(line: RunnerLine, agents: readonly string[]): Promise<LeaseView[]> {
    const carried = this.#carriedBy(line);
    for (const agent of agents) if (carried.agents.has(agent)) carried.connected.add(agent);
    const noted = new Map<string, Held>();
    return this.#host.read((pool) => {
      // Looked at a second time, what was there the first time may never have happened.
      for (const [id, held] of noted) if (this.#byLease.get(id) === held) this.letGo(id);
      noted.clear();
      const leases = pool.leasesOf(agents);
      for (const { leaseId, agentId, token } of leases) {
        const held = { line, agent: agentId, token };
        noted.set(leaseId, held);
        this.#hold(leaseId, held);
      }
      return leases;
    });
  }

  /** The socket has ended: the pool hears of it, now or as soon as it takes commands. */
  drop(line: RunnerLine): void {
    const carried = this.#carried.get(line);
    if (carried === undefined) return;
    this.#carried.delete(line);
    for (const agent of carried.agents) {
      this.#byAgent.delete(agent);
      this.#gone.add(agent);
    }
    for (const lease of carried.leases) this.#byLease.delete(lease);
    if (!this.#isStopping && this.#gone.size > 0) this.#telling = this.#tell();
  }

  /** The runner has let go by itself: it need not be asked to. */
  letGo(lease: string): void {
    const held = this.#byLease.get(lease);
    if (held === undefined) return;
    this.#byLease.delete(lease);
    this.#carried.get(held.line)?.leases.delete(lease);
  }

  /** The socket has been told of this lease under this token, and nothing else since. */
  holds(line: RunnerLine, lease: string, token: number): boolean {
    const held = this.#byLease.get(lease);
    return held?.line === line && held.token === token;
  }

  #hold(lease: string, held: Held): void {
    this.letGo(lease);
    this.#byLease.set(lease, held);
    this.#carriedBy(held.line).leases.add(lease);
  }

  #leave(line: RunnerLine, agent: string): void {
    if (this.#byAgent.get(agent) !== line) return;
    this.#byAgent.delete(agent);
    const carried = this.#carried.get(line);
    carried?.agents.delete(agent);
    carried?.connected.delete(agent);
  }

  /** Whoever is to hear of the agent: nobody before it is connected, as until then it is another's. */
  #listenerOf(agent: string): RunnerLine | undefined {
    const line = this.#byAgent.get(agent);
    if (line === undefined) return undefined;
    return this.#carried.get(line)?.connected.has(agent) ? line : undefined;
  }

  #carriedBy(line: RunnerLine): Carried {
    let carried = this.#carried.get(line);
    if (carried === undefined) {
      carried = { agents: new Set(), connected: new Set(), leases: new Set() };
      this.#carried.set(line, carried);
    }
    return carried;
  }

  /** The next start begins with all runners away: nobody needs to be told one by one. */
  stop(): void {
    this.#isStopping = true;
  }

  async #tell(): Promise<void> {
    while (this.#gone.size > 0 && !this.#isStopping) {
      const agents = [...this.#gone];
      try {
        await this.#host.execute({ type: 'disconnect_agents', agents });
        for (const agent of agents) this.#gone.delete(agent);
      } catch (error) {
        this.#logger.debug({ err: error }, 'the pool could not be told that a runner has gone');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  #committed(events: readonly CommittedEvent[]): void {
    if (this.#byAgent.size === 0) return;
    for (const { event } of events) this.#follow(event);
  }

  #follow(event: Event): void {
    switch (event.type) {
      case 'lease_granted':
        this.#assign(event.lease, event.agent, event.token);
        return;
      case 'lease_moved': {
        const before = this.#byLease.get(event.lease);
        const isSame = before !== undefined && before.token === event.token;
        if (before !== undefined && !isSame && before.agent !== event.agent) {
          this.letGo(event.lease);
          before.line.release(event.lease, before.token, 'moved');
        }
        this.#assign(event.lease, event.agent, event.token);
        return;
      }
      case 'lease_ended': {
        const held = this.#byLease.get(event.lease);
        if (held === undefined) return;
        this.letGo(event.lease);
        held.line.release(event.lease, held.token, event.reason);
        return;
      }
      case 'agent_draining':
        this.#listenerOf(event.agent)?.drain(event.agent);
        return;
      case 'agent_updated':
        if (event.credential !== undefined) this.#handOver(event.agent, event.credential);
        return;
      case 'agent_retired': {
        const line = this.#listenerOf(event.agent);
        if (line === undefined) return;
        this.#leave(line, event.agent);
        line.retired(event.agent);
        return;
      }
      default:
        return;
    }
  }

  #assign(lease: string, agent: string, token: number): void {
    const line = this.#listenerOf(agent);
    if (line === undefined) return;
    // The welcome of a hello has told it already.
    if (this.#byLease.get(lease)?.token === token) return;
    this.#hold(lease, { line, agent, token });
    const view = this.#host.read((pool) => pool.lease(lease));
    line.assign(
      view.catch(() => null),
      token,
    );
  }

  #handOver(agent: string, sealed: string): void {
    const line = this.#listenerOf(agent);
    if (line === undefined) return;
    const credential = this.unseal(agent, sealed);
    if (credential !== null) line.credential(agent, credential);
  }

  /** The plain credential, for the runner that hosts the agent and for nobody else. */
  unseal(agent: string, sealed: string): string | null {
    try {
      return this.#sealer?.open(agent, sealed) ?? null;
    } catch (error) {
      this.#logger.error(
        { err: error, agent },
        'The credential of an agent cannot be read: it was sealed with another REMUDA_KEY. Set it again.',
      );
      return null;
    }
  }
}
