/** Waiting times in whole ms, counted by their length: exact percentiles without keeping them. */

export interface WaitFigures {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Longer ones are counted as this long: nobody waits longer than the queue's patience. */
const LONGEST_MS = 10 * 60_000;

export class WaitCounts {
  readonly #counts = new Uint32Array(LONGEST_MS + 1);
  #total = 0;

  add(ms: number): void {
    this.#counts[Math.min(ms, LONGEST_MS)]! += 1;
    this.#total += 1;
  }

  /** By nearest rank: waits that somebody really had; 0 where nobody asked. */
  figures(): WaitFigures {
    return { p50: this.#percentile(0.5), p95: this.#percentile(0.95), p99: this.#percentile(0.99) };
  }

  #percentile(share: number): number {
    const rank = Math.ceil(share * this.#total);
    let count = 0;
    for (let wait = 0; wait <= LONGEST_MS; wait++) {
      count += this.#counts[wait]!;
      if (count >= rank) return wait;
    }
    return LONGEST_MS;
  }
}
