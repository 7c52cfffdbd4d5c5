/**
 * Idle leases, by the place of their agent, in the order in which they fell idle: one list for each
 * purpose, since leases of a purpose share a timeout. A lease leaves from wherever it stands.
 */
const NONE = -1;

/** A lease is a row: since when it is idle, then its neighbours in the list and its sequence. What is
 *  read together lies together, because rows are reached at random. */
const BYTES_A_ROW = 24;
const NUMBERS_A_ROW = BYTES_A_ROW / Float64Array.BYTES_PER_ELEMENT;
const WORDS_A_ROW = BYTES_A_ROW / Int32Array.BYTES_PER_ELEMENT;
const NEXT = 2;
const PREVIOUS = 3;
/** Grows with each lease that falls idle: the order across lists. */
const SEQUENCE = 4;

export class IdleQueue {
  readonly #since: Float64Array;
  readonly #words: Int32Array;
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  /** Since when the heads are idle; they are looked at all the time. */
  readonly #headsSince: Float64Array;
  /** Where `countOlder` stands in each list. */
  readonly #cursors: Int32Array;
  #lastSequence = 0;

  constructor(places: number, lists: number) {
    const rows = new ArrayBuffer(places * BYTES_A_ROW);
    this.#since = new Float64Array(rows);
    this.#words = new Int32Array(rows);
    this.#heads = new Int32Array(lists).fill(NONE);
    this.#tails = new Int32Array(lists).fill(NONE);
    this.#headsSince = new Float64Array(lists).fill(Number.POSITIVE_INFINITY);
    this.#cursors = new Int32Array(lists);
  }

  /** The lease that has been idle longest in a list; −1 if there is none. */
  head(list: number): number {
    return this.#heads[list]!;
  }

  /** Since when that one has been idle; Infinity if there is none. */
  headSince(list: number): number {
    return this.#headsSince[list]!;
  }

  add(place: number, list: number, now: number): void {
    const tail = this.#tails[list]!;
    const row = place * WORDS_A_ROW;
    this.#since[place * NUMBERS_A_ROW] = now;
    this.#words[row + NEXT] = NONE;
    this.#words[row + PREVIOUS] = tail;
    this.#words[row + SEQUENCE] = ++this.#lastSequence;
    if (tail === NONE) this.#setHead(list, place);
    else this.#words[tail * WORDS_A_ROW + NEXT] = place;
    this.#tails[list] = place;
  }

  remove(place: number, list: number): void {
    const row = place * WORDS_A_ROW;
    const next = this.#words[row + NEXT]!;
    const previous = this.#words[row + PREVIOUS]!;
    if (previous === NONE) this.#setHead(list, next);
    else this.#words[previous * WORDS_A_ROW + NEXT] = next;
    if (next === NONE) this.#tails[list] = previous;
    else this.#words[next * WORDS_A_ROW + PREVIOUS] = previous;
  }

  /** The list whose head has been idle longest, if since `before` or earlier; else −1. */
  oldest(before: number): number {
    return this.#oldestOf(this.#heads, before);
  }

  /** How many have been idle since `before` or earlier, counted up to `most`. */
  countOlder(before: number, most: number): number {
    if (most === 1) return this.oldest(before) === NONE ? 0 : 1;
    this.#cursors.set(this.#heads);
    let count = 0;
    while (count < most) {
      const list = this.#oldestOf(this.#cursors, before);
      if (list === NONE) break;
      this.#cursors[list] = this.#words[this.#cursors[list]! * WORDS_A_ROW + NEXT]!;
      count += 1;
    }
    return count;
  }

  #setHead(list: number, place: number): void {
    this.#heads[list] = place;
    this.#headsSince[list] =
      place === NONE ? Number.POSITIVE_INFINITY : this.#since[place * NUMBERS_A_ROW]!;
  }

  #oldestOf(places: Int32Array, before: number): number {
    let oldest = NONE;
    let sequence = Number.POSITIVE_INFINITY;
    for (let list = 0; list < places.length; list++) {
      const place = places[list]!;
      if (place === NONE || this.#since[place * NUMBERS_A_ROW]! > before) continue;
      const own = this.#words[place * WORDS_A_ROW + SEQUENCE]!;
      if (own >= sequence) continue;
      oldest = list;
      sequence = own;
    }
    return oldest;
  }
}
