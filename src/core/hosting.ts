/**
 * Agents that runners host over a socket: who hosts whom, who has lost the connection, and which
 * leases the agents have not accepted yet. An agent without a runner accepts by itself.
 *
 *   connect ──► hosted ──► away ──► (grace over) lost: its leases go on with others
 *                  ▲         │
 *                  └─────────┘ connects again in time: it keeps its leases
 *
 * Time never goes back and both patiences are constant, so what comes first is also due first: the
 * maps are in the order of their deadlines.
 */
import type { PoolOptions } from './options.ts';

export interface HostingDump {
  readonly runners: readonly (readonly [agent: number, runner: string])[];
  readonly away: readonly (readonly [agent: number, since: number])[];
  readonly unaccepted: readonly (readonly [lease: number, since: number])[];
}

const NOBODY: readonly number[] = [];

export class Hosting {
  readonly #acceptTimeoutMs: number;
  readonly #graceMs: number;
  readonly #runners = new Map<number, string>();
  readonly #away = new Map<number, number>();
  readonly #unaccepted = new Map<number, number>();
  /** Agents that did not take a lease which is still looking for one. A signal: not in a dump. */
  readonly #refusers = new Map<number, Set<number>>();

  constructor({ acceptTimeoutMs, reconnectGraceMs }: PoolOptions['hosting']) {
    this.#acceptTimeoutMs = acceptTimeoutMs;
    this.#graceMs = reconnectGraceMs;
  }

  /** The runner that hosts the agent, or hosted it until its connection was lost just now. */
  runner(agent: number): string | undefined {
    return this.#runners.size === 0 ? undefined : this.#runners.get(agent);
  }

  /** Agents with a runner. */
  agents(): IterableIterator<number> {
    return this.#runners.keys();
  }

  connect(agent: number, runner: string): void {
    this.#runners.set(agent, runner);
    this.#away.delete(agent);
  }

  leave(agent: number, now: number): void {
    this.#away.set(agent, now);
  }

  forget(agent: number): void {
    if (this.#runners.size === 0) return;
    this.#runners.delete(agent);
    this.#away.delete(agent);
  }

  /** A lease of the agent has begun: it waits to be accepted if the agent is hosted. */
  assigned(lease: number, agent: number, now: number): void {
    if (this.#unaccepted.size > 0) this.#unaccepted.delete(lease);
    if (this.#runners.size > 0 && this.#runners.has(agent)) this.#unaccepted.set(lease, now);
    else this.settled(lease);
  }

  /** The agent did not take the lease: it is not asked again, or two could pass it to and fro. */
  refused(lease: number, agent: number): void {
    const known = this.#refusers.get(lease);
    if (known === undefined) this.#refusers.set(lease, new Set([agent]));
    else known.add(agent);
  }

  refusersOf(lease: number): Iterable<number> {
    return this.#refusers.get(lease) ?? NOBODY;
  }

  /** The lease is accepted, or has ended. */
  settled(lease: number): void {
    if (this.#unaccepted.size > 0) this.#unaccepted.delete(lease);
    if (this.#refusers.size > 0) this.#refusers.delete(lease);
  }

  isUnaccepted(lease: number): boolean {
    return this.#unaccepted.has(lease);
  }

  /** When the next patience is over; Infinity when nobody is waited for. */
  get nextAt(): number {
    if (this.#away.size === 0 && this.#unaccepted.size === 0) return Number.POSITIVE_INFINITY;
    const [away = Number.POSITIVE_INFINITY] = this.#away.values();
    const [unaccepted = Number.POSITIVE_INFINITY] = this.#unaccepted.values();
    return Math.min(away + this.#graceMs, unaccepted + this.#acceptTimeoutMs);
  }

  /** Agents whose grace is over. */
  lostBy(now: number): number[] {
    return dueOf(this.#away, now - this.#graceMs);
  }

  /** Leases that nobody has accepted in time. */
  unacceptedBy(now: number): number[] {
    return dueOf(this.#unaccepted, now - this.#acceptTimeoutMs);
  }

  dump(): HostingDump {
    return {
      runners: [...this.#runners],
      away: [...this.#away],
      unaccepted: [...this.#unaccepted],
    };
  }

  restore(from: HostingDump): void {
    for (const [agent, runner] of from.runners) this.#runners.set(agent, runner);
    for (const [agent, since] of from.away) this.#away.set(agent, since);
    for (const [lease, since] of from.unaccepted) this.#unaccepted.set(lease, since);
  }
}

function dueOf(since: ReadonlyMap<number, number>, until: number): number[] {
  const due: number[] = [];
  for (const [row, at] of since) {
    if (at > until) break;
    due.push(row);
  }
  return due;
}
