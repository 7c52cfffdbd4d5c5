/**
 * Idle leases, by the place of their agent, in the order in which they fell idle: one list for each
 * purpose, since leases of a purpose share a timeout. A lease leaves from wherever it stands.
 */
const NONE = -1;

export class IdleQueue {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Grows with each lease that falls idle: the order across lists. */
  readonly #sequence: Int32Array;
  readonly #since: Float64Array;
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  /** Where `countOlder` stands in each list. */
  readonly #cursors: Int32Array;
  #lastSequence = 0;

  constructor(places: number, lists: number) {
    this.#next = new Int32Array(places);
    this.#previous = new Int32Array(places);
    this.#sequence = new Int32Array(places);
    this.#since = new Float64Array(places);
    this.#heads = new Int32Array(lists).fill(NONE);
    this.#tails = new Int32Array(lists).fill(NONE);
    this.#cursors = new Int32Array(lists);
  }

  /** The lease that has been idle longest in a list; −1 if there is none. */
  head(list: number): number {
    return this.#heads[list]!;
  }

  since(place: number): number {
    return this.#since[place]!;
  }

  add(place: number, list: number, now: number): void {
    const tail = this.#tails[list]!;
    this.#sequence[place] = ++this.#lastSequence;
    this.#since[place] = now;
    this.#next[place] = NONE;
    this.#previous[place] = tail;
    if (tail === NONE) this.#heads[list] = place;
    else this.#next[tail] = place;
    this.#tails[list] = place;
  }

  remove(place: number, list: number): void {
    const next = this.#next[place]!;
    const previous = this.#previous[place]!;
    if (previous === NONE) this.#heads[list] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#tails[list] = previous;
    else this.#previous[next] = previous;
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
      this.#cursors[list] = this.#next[this.#cursors[list]!]!;
      count += 1;
    }
    return count;
  }

  #oldestOf(places: Int32Array, before: number): number {
    let oldest = NONE;
    let sequence = Number.POSITIVE_INFINITY;
    for (let list = 0; list < places.length; list++) {
      const place = places[list]!;
      if (place === NONE || this.#since[place]! > before) continue;
      if (this.#sequence[place]! >= sequence) continue;
      oldest = list;
      sequence = this.#sequence[place]!;
    }
    return oldest;
  }
}
