/** A number over time, as integrals: its mean as a whole and in each of some equal parts. */
export class Gauge {
  readonly #to: number;
  readonly #binMs: number;
  readonly #areas: Float64Array;
  #at = 0;
  #value = 0;
  #peak = 0;

  /** From time 0 to `to`, in whole ms. What is set before 0 is what it begins with. */
  constructor(to: number, bins: number) {
    this.#to = to;
    this.#binMs = binWidth(to, bins);
    this.#areas = new Float64Array(Math.max(1, Math.ceil(to / this.#binMs)));
  }

  get peak(): number {
    return this.#peak;
  }

  /** The number is `value` from `at` on. */
  set(value: number, at: number): void {
    if (at > this.#at) this.advance(at);
    this.#value = value;
    if (at >= 0 && value > this.#peak) this.#peak = value;
  }

  add(change: number, at: number): void {
    this.set(this.#value + change, at);
  }

  /** It stays as it is until then. */
  advance(until: number): void {
    const end = Math.min(until, this.#to);
    if (this.#value > this.#peak) this.#peak = this.#value;
    while (this.#at < end) {
      const bin = Math.floor(this.#at / this.#binMs);
      const next = Math.min(end, (bin + 1) * this.#binMs);
      this.#areas[bin]! += this.#value * (next - this.#at);
      this.#at = next;
    }
  }

  /** Until now. */
  mean(): number {
    if (this.#at === 0) return this.#value;
    return this.#areas.reduce((sum, area) => sum + area, 0) / this.#at;
  }

  /** Of each part of time, after the whole time has passed. */
  means(): number[] {
    return Array.from(this.#areas, (area, bin) => {
      const from = bin * this.#binMs;
      return area / (Math.min(this.#to, from + this.#binMs) - from);
    });
  }
}

/** Whole milliseconds: a part that ended between two of them would have to share one. */
export function binWidth(to: number, bins: number): number {
  return Math.max(1, Math.ceil(to / bins));
}
