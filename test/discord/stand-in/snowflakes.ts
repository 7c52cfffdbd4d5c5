/** The moment from which Discord counts, 1 January 2015, in milliseconds of Unix time. */
const EPOCH = 1_420_070_400_000n;

/** Ids as Discord makes them: milliseconds since its epoch, shifted by 22 bits, and a counter. */
export class Snowflakes {
  readonly #now: () => number;
  #count = 0n;

  constructor(now: () => number) {
    this.#now = now;
  }

  next(): string {
    const time = BigInt(Math.floor(this.#now())) - EPOCH;
    return ((time << 22n) | (this.#count++ & 0x3fffffn)).toString();
  }
}
