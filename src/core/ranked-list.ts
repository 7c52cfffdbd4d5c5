/**
 * Integers kept in the order of a comparator: sorted blocks of at most 512. Finding a place is two
 * binary searches, inserting moves half a block, and the rank of a member is a sum over blocks:
 * 100,000 members are 200 blocks. A member's order must not change while it is in the list:
 * delete it, change it, add it again.
 */
const BLOCK = 512;

export class RankedList {
  readonly #before: (a: number, b: number) => boolean;
  readonly #blocks: number[][] = [];
  #size = 0;

  /** `before` is a strict total order: it answers true for exactly one of (a, b) and (b, a). */
  constructor(before: (a: number, b: number) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#size;
  }

  /** The member that comes before all others, or -1. */
  first(): number {
    const block = this.#blocks[0];
    return block === undefined ? -1 : block[0];
  }

  add(member: number): void {
    this.#size++;
    if (this.#blocks.length === 0) {
      this.#blocks.push([member]);
      return;
    }
    const at = Math.min(this.#blockOf(member), this.#blocks.length - 1);
    const block = this.#blocks[at];
    block.splice(this.#placeIn(block, member), 0, member);
    if (block.length > BLOCK) this.#blocks.splice(at + 1, 0, block.splice(BLOCK / 2));
  }

  delete(member: number): boolean {
    const at = this.#blockOf(member);
    const block = this.#blocks[at];
    if (block === undefined) return false;
    const place = this.#placeIn(block, member);
    if (block[place] !== member) return false;
    block.splice(place, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
    this.#size--;
    return true;
  }

  /** How many members come before this one. */
  rank(member: number): number {
    const at = this.#blockOf(member);
    let rank = 0;
    for (let i = 0; i < at && i < this.#blocks.length; i++) rank += this.#blocks[i].length;
    const block = this.#blocks[at];
    return block === undefined ? rank : rank + this.#placeIn(block, member);
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (const block of this.#blocks) yield* block;
  }

  /** The first block whose last member does not come before `member`. */
  #blockOf(member: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = this.#blocks[middle];
      const last = block[block.length - 1];
      if (last !== member && this.#before(last, member)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #placeIn(block: readonly number[], member: number): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (block[middle] !== member && this.#before(block[middle], member)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
