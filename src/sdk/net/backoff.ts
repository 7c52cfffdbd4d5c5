/**
 * Exponential back-off with full jitter: the n-th wait is drawn evenly from 0 to `base · 2^n`, at most
 * `max`. Drawn from the whole range, a thousand clients of a restarted pool do not come back in step.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  #failures = 0;

  constructor(baseMs = 200, maxMs = 5_000) {
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
  }

  /** The next wait. */
  nextMs(): number {
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#failures);
    if (ceiling < this.#maxMs) this.#failures++;
    return Math.random() * ceiling;
  }

  reset(): void {
    this.#failures = 0;
  }
}
