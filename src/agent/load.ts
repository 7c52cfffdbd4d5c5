/**
 * How loaded the agent is, from 0 to 1: what is under way at a moment is
 *
 *     level = busy slots / slots + waiting tasks / places to wait
 *
 * and the load is the mean of it over the past, in which a moment counts e^(−age / 15 s):
 *
 *     load = min(1, ∫ level(t − age) · e^(−age / 15 s) d(age) / 15 s)
 *
 * The level is constant between two changes, so that the integral is exact: it does not depend on
 * when or how often somebody looks. Busy half of the time gives 0.5, and a queue that comes and
 * goes shows before all slots are busy all the time. Before it started, an agent did nothing.
 */

const MEMORY_MS = 15_000;

export interface LoadOptions {
  readonly slots: number;
  readonly queueLimit: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

export class Load {
  readonly #slots: number;
  readonly #queueLimit: number;
  readonly #now: () => number;
  #level = 0;
  #mean = 0;
  #since: number;

  constructor({ slots, queueLimit, now }: LoadOptions) {
    this.#slots = slots;
    this.#queueLimit = queueLimit;
    this.#now = now;
    this.#since = now();
  }

  /** To be told of every change, at the moment of the change. */
  observe(busy: number, queued: number): void {
    this.#advance();
    this.#level = busy / this.#slots + queued / this.#queueLimit;
  }

  /** In thousandths. */
  value(): number {
    this.#advance();
    return Math.min(1, Math.round(this.#mean * 1_000) / 1_000);
  }

  #advance(): void {
    const now = this.#now();
    const kept = Math.exp((this.#since - now) / MEMORY_MS);
    this.#mean = this.#level + (this.#mean - this.#level) * kept;
    this.#since = now;
  }
}
