/** How much of the pool was in use over time, as integrals: every figure is weighted by time. */

export interface UsageBin {
  /** Unix seconds at which the bin begins. */
  readonly t: number;
  readonly at: string;
  readonly utilization: number;
}

const MOST_BINS = 120;

export class Usage {
  readonly #from: number;
  readonly #binMs: number;
  /** Agent-milliseconds in use, by bin. */
  readonly #bins: Float64Array;
  #now: number;
  #used = 0;
  #idle = 0;
  #peak = 0;
  #usedMs = 0;
  #idleMs = 0;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#now = from;
    const span = to - from;
    // Whole milliseconds: a bin that ends between two of them would have to share one.
    this.#binMs = Math.max(1, Math.ceil(span / MOST_BINS));
    this.#bins = new Float64Array(Math.max(1, Math.ceil(span / this.#binMs)));
  }

  get used(): number {
    return this.#used;
  }

  get peak(): number {
    return this.#peak;
  }

  get idleMs(): number {
    return this.#idleMs;
  }

  advance(at: number): void {
    if (at <= this.#now) return;
    this.#usedMs += this.#used * (at - this.#now);
    this.#idleMs += this.#idle * (at - this.#now);
    if (this.#used > 0) this.#fill(at);
    this.#now = at;
  }

  change(used: number, idle: number): void {
    this.#used += used;
    this.#idle += idle;
    this.#peak = Math.max(this.#peak, this.#used);
  }

  /** The mean share of `agents` in use from the start until now. */
  mean(agents: number): number {
    const span = this.#now - this.#from;
    return (span === 0 ? this.#used : this.#usedMs / span) / agents;
  }

  overTime(agents: number): UsageBin[] {
    return Array.from(this.#bins, (usedMs, index) => {
      const begin = this.#from + index * this.#binMs;
      const end = Math.min(this.#now, begin + this.#binMs);
      const used = end > begin ? usedMs / (end - begin) : this.#used;
      return { t: begin / 1_000, at: new Date(begin).toISOString(), utilization: used / agents };
    });
  }

  #fill(until: number): void {
    let at = this.#now;
    while (at < until) {
      const bin = Math.min(this.#bins.length - 1, Math.floor((at - this.#from) / this.#binMs));
      const isLast = bin === this.#bins.length - 1;
      const end = isLast ? until : Math.min(until, this.#from + (bin + 1) * this.#binMs);
      this.#bins[bin]! += this.#used * (end - at);
      at = end;
    }
  }
}
