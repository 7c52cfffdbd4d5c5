/** How long requests waited. Most did not wait at all, so only the others are kept one by one. */

export interface WaitFigures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

export class Waits {
  #immediate = 0;
  readonly #waited: number[] = [];

  add(ms: number): void {
    if (ms === 0) this.#immediate += 1;
    else this.#waited.push(ms);
  }

  /** Percentiles by nearest rank: a wait that somebody really had. */
  figures(): WaitFigures {
    const waited = Float64Array.from(this.#waited).sort();
    const count = this.#immediate + waited.length;
    if (count === 0) return { p50: 0, p99: 0, max: 0, mean: 0 };
    const percentile = (share: number): number => {
      const rank = Math.ceil(share * count) - 1;
      return rank < this.#immediate ? 0 : waited[rank - this.#immediate]!;
    };
    const sum = waited.reduce((total, ms) => total + ms, 0);
    return {
      p50: percentile(0.5),
      p99: percentile(0.99),
      max: waited.at(-1) ?? 0,
      mean: Math.round((sum / count) * 1_000) / 1_000,
    };
  }
}
