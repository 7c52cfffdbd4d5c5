/**
 * What agents say of themselves and how long they have been silent. Signals, not facts: they are
 * in no event and no snapshot; only the transitions that they cause are.
 */
import { grown } from './rows.ts';

export class AgentSignals {
  #heartbeatAt: Float64Array;
  /** NaN until the agent has reported one. */
  #load: Float64Array;
  #misses: Uint8Array;
  readonly #lostBecause = new Map<number, string>();

  constructor(capacity: number) {
    this.#heartbeatAt = new Float64Array(capacity);
    this.#load = new Float64Array(capacity).fill(Number.NaN);
    this.#misses = new Uint8Array(capacity);
  }

  grow(capacity: number): void {
    this.#heartbeatAt = grown(this.#heartbeatAt, capacity);
    this.#load = grown(this.#load, capacity, Number.NaN);
    this.#misses = grown(this.#misses, capacity);
  }

  /** A new agent, or a new process of an agent; its registration counts as a heartbeat. */
  reset(agent: number, now: number): void {
    this.#heartbeatAt[agent] = now;
    this.#load[agent] = Number.NaN;
    this.#misses[agent] = 0;
    this.#lostBecause.delete(agent);
  }

  heartbeatAt(agent: number): number {
    return this.#heartbeatAt[agent];
  }

  /** Without a load the last one that was reported stays. */
  noteHeartbeat(agent: number, now: number, load: number | undefined): void {
    this.#heartbeatAt[agent] = now;
    if (load !== undefined) this.#load[agent] = load;
    this.#misses[agent] = 0;
    if (this.#lostBecause.size > 0) this.#lostBecause.delete(agent);
  }

  /** As last reported, 0 … 1; NaN if never. */
  load(agent: number): number {
    return this.#load[agent];
  }

  misses(agent: number): number {
    return this.#misses[agent];
  }

  addMiss(agent: number): number {
    const misses = Math.min(this.#misses[agent] + 1, 255);
    this.#misses[agent] = misses;
    return misses;
  }

  /** How its process ended or failed to start; undefined unless it is lost by that. */
  lostBecause(agent: number): string | undefined {
    return this.#lostBecause.get(agent);
  }

  lose(agent: number, because: string): void {
    this.#lostBecause.set(agent, because);
  }

  /** Silence before now is not held against anybody: the pool itself was away. */
  forgiveSilence(now: number): void {
    this.#heartbeatAt.fill(now);
    this.#misses.fill(0);
  }
}
