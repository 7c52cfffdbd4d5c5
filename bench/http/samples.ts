import type { OperationResult } from './plan.ts';

/** Latencies of the requests that were due within a span of time. */
export class Samples {
  readonly #from: number;
  readonly #to: number;
  #at = new Float64Array(1 << 16);
  #ms = new Float64Array(1 << 16);
  #count = 0;
  #errors = 0;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
  }

  /** A failed request counts with the time that it took to fail. */
  add(intended: number, ms: number, isGood: boolean): void {
    if (intended < this.#from || intended >= this.#to) return;
    if (this.#count === this.#at.length) this.#grow();
    this.#at[this.#count] = intended;
    this.#ms[this.#count] = ms;
    this.#count += 1;
    if (!isGood) this.#errors += 1;
  }

  result(): OperationResult {
    const order = Array.from({ length: this.#count }, (_, i) => i);
    order.sort((a, b) => (this.#at[a] as number) - (this.#at[b] as number));
    return { ms: Float64Array.from(order, (i) => this.#ms[i] as number), errors: this.#errors };
  }

  #grow(): void {
    const [at, ms] = [this.#at, this.#ms];
    this.#at = new Float64Array(at.length * 2);
    this.#ms = new Float64Array(at.length * 2);
    this.#at.set(at);
    this.#ms.set(ms);
  }
}
