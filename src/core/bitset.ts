/**
 * A set of integers below a fixed capacity, as a tree of 32-bit words: each word of a level says
 * which words of the level below are not empty. Adding, removing and finding the first member or
 * the next one touch one word a level: four words for a million members.
 */
export class Bitset {
  readonly #words: Int32Array;
  /** Where each level begins in `#words`; level 0 holds the members. */
  readonly #starts: number[] = [];

  constructor(capacity: number) {
    let words = 0;
    let length = capacity;
    do {
      length = Math.max(1, Math.ceil(length / 32));
      this.#starts.push(words);
      words += length;
    } while (length > 1);
    this.#words = new Int32Array(words);
  }

  has(member: number): boolean {
    return (this.#words[member >> 5] & (1 << (member & 31))) !== 0;
  }

  add(member: number): void {
    const words = this.#words;
    const starts = this.#starts;
    let index = member;
    for (let level = 0; level < starts.length; level++) {
      const at = starts[level] + (index >> 5);
      const before = words[at];
      words[at] = before | (1 << (index & 31));
      if (before !== 0) return;
      index >>= 5;
    }
  }

  delete(member: number): void {
    const words = this.#words;
    const starts = this.#starts;
    let index = member;
    for (let level = 0; level < starts.length; level++) {
      const at = starts[level] + (index >> 5);
      const after = words[at] & ~(1 << (index & 31));
      words[at] = after;
      if (after !== 0) return;
      index >>= 5;
    }
  }

  get isEmpty(): boolean {
    return this.#words[this.#words.length - 1] === 0;
  }

  /** The smallest member, or -1. */
  first(): number {
    const top = this.#starts.length - 1;
    return this.isEmpty ? -1 : this.#descend(top, 0);
  }

  /** The smallest member above `member`, or -1. */
  after(member: number): number {
    const words = this.#words;
    const starts = this.#starts;
    let index = member;
    for (let level = 0; level < starts.length; level++) {
      const bit = index & 31;
      const above = bit === 31 ? 0 : words[starts[level] + (index >> 5)] & (-1 << (bit + 1));
      if (above !== 0) {
        const next = (index & ~31) | lowestBit(above);
        return level === 0 ? next : this.#descend(level - 1, next);
      }
      index >>= 5;
    }
    return -1;
  }

  /** The smallest member below word `word` of level `level`. */
  #descend(level: number, word: number): number {
    let index = word;
    for (let l = level; l >= 0; l--) {
      index = (index << 5) | lowestBit(this.#words[this.#starts[l] + index]);
    }
    return index;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
