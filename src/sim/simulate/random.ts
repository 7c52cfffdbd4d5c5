/**
 * A seeded source of chance: the same seed gives the same numbers on every machine. The generator
 * is sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state and a period of at least 2^32.
 */
const WARM_UP_ROUNDS = 16;
const TWO_TO_32 = 2 ** 32;

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spareNormal: number | null = null;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / TWO_TO_32) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.word();
  }

  /** 32 random bits as a whole number from 0 to 2^32 − 1. */
  word(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** From 0 up to, and without, 1. */
  uniform(): number {
    return this.word() / TWO_TO_32;
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** With mean 1; never 0. */
  exponential(): number {
    return -Math.log((this.word() + 0.5) / TWO_TO_32);
  }

  /** With mean 0 and deviation 1 (Box and Muller). */
  normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    const radius = Math.sqrt(2 * this.exponential());
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** An index into `shares`, as often as its share of their sum. */
  pick(shares: readonly number[]): number {
    const sum = shares.reduce((total, share) => total + share, 0);
    let left = this.uniform() * sum;
    for (let index = 0; index < shares.length - 1; index++) {
      left -= shares[index]!;
      if (left < 0) return index;
    }
    return shares.length - 1;
  }
}
