/**
 * Names ⇄ small integers. Tables are indexed by the integers; names stay at the edges.
 *
 * A hash table with open addressing and linear probing (Knuth, TAOCP 3, 6.4, algorithms L and R),
 * in one array of numbers: a look-up waits for one place in memory where a Map waits for three,
 * and growing moves numbers only, so that a million names move in about ten milliseconds.
 */
import { allocateRows, grown } from './rows.ts';

const LEAST_SLOTS = 64;
/** A slot is two words: the name's hash, and its index plus one (0 = the slot is empty). */
const SLOT = 2;

export class Names {
  #slots = allocateRows(LEAST_SLOTS * SLOT);
  #mask: number = LEAST_SLOTS - 1;
  #names: (string | undefined)[] = [];
  /** By index, so that a name can be removed without hashing it again. */
  #hashes = new Int32Array(LEAST_SLOTS);
  readonly #free: number[] = [];
  #size = 0;
  #hashedName = '';
  #hash = hashOf('');

  get size(): number {
    return this.#size;
  }

  /** One more than the highest index in use so far. */
  get end(): number {
    return this.#names.length;
  }

  /** The index of a name, or -1. */
  find(name: string): number {
    const hash = name === this.#hashedName ? this.#hash : hashOf(name);
    const slots = this.#slots;
    for (let at = hash & this.#mask; ; at = (at + 1) & this.#mask) {
      const index = slots[at * SLOT + 1] - 1;
      if (index === -1) return -1;
      if (slots[at * SLOT] === hash && this.#names[index] === name) return index;
    }
  }

  /** The name that will be looked up next has been hashed already. */
  remember(name: string, hash: number): void {
    this.#hashedName = name;
    this.#hash = hash;
  }

  /** Reads the places where look-ups of the first `count` hashes begin, so that they are loaded. */
  touchSlots(hashes: Int32Array, count: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    let read = 0;
    for (let i = 0; i < count; i++) read ^= slots[(hashes[i] & mask) * SLOT];
    return read;
  }

  /**
   * Where look-ups of the first `count` hashes would probably end, without making sure; names that
   * are not known are left out. Returns how many there are.
   */
  guess(hashes: Int32Array, count: number, found: Int32Array): number {
    const slots = this.#slots;
    const mask = this.#mask;
    let known = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i];
      for (let at = hash & mask; ; at = (at + 1) & mask) {
        const index = slots[at * SLOT + 1] - 1;
        if (index !== -1 && slots[at * SLOT] !== hash) continue;
        if (index !== -1) found[known++] = index;
        break;
      }
    }
    return known;
  }

  /** Reads the entries of names, not the names themselves. */
  touchEntries(indices: Int32Array, count: number): number {
    const names = this.#names;
    let read = 0;
    for (let i = 0; i < count; i++) if (names[indices[i]] === undefined) read++;
    return read;
  }

  /** Reads names, so that comparing them will not wait. */
  touch(indices: Int32Array, count: number): number {
    const names = this.#names;
    let read = 0;
    for (let i = 0; i < count; i++) read += (names[indices[i]] as string).length;
    return read;
  }

  /** The name's index, given anew if it has none. Freed indices are used again, last freed first. */
  add(name: string): number {
    const known = this.find(name);
    if (known !== -1) return known;
    const index = this.#free.pop() ?? this.#names.length;
    this.#put(index, name);
    return index;
  }

  remove(index: number): void {
    if (this.#names[index] === undefined) return;
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = this.#hashes[index] & mask;
    while (slots[hole * SLOT + 1] !== index + 1) hole = (hole + 1) & mask;
    // Later members of the run move up, unless that would put them before their own place.
    for (let at = (hole + 1) & mask; slots[at * SLOT + 1] !== 0; at = (at + 1) & mask) {
      const home = slots[at * SLOT] & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole * SLOT] = slots[at * SLOT];
      slots[hole * SLOT + 1] = slots[at * SLOT + 1];
      hole = at;
    }
    slots[hole * SLOT + 1] = 0;
    this.#names[index] = undefined;
    this.#free.push(index);
    this.#size--;
  }

  /** The name at an index in use. */
  name(index: number): string {
    return this.#names[index] as string;
  }

  has(index: number): boolean {
    return this.#names[index] !== undefined;
  }

  /** All names by index, and the free indices in the order in which they were freed. */
  dump(): { names: readonly (string | undefined)[]; free: readonly number[] } {
    return { names: this.#names, free: this.#free };
  }

  /** Into an empty table only. */
  load(names: readonly (string | undefined)[], free: readonly number[]): void {
    names.forEach((name, index) => {
      if (name === undefined) this.#names[index] = undefined;
      else this.#put(index, name);
    });
    for (const index of free) this.#free.push(index);
  }

  #put(index: number, name: string): void {
    const hash = hashOf(name);
    if (index >= this.#hashes.length) this.#hashes = grown(this.#hashes, this.#hashes.length * 2);
    this.#names[index] = name;
    this.#hashes[index] = hash;
    this.#size++;
    // Half full at most: a run of occupied slots is then two or three long.
    if (this.#size * 2 > this.#mask + 1) this.#grow();
    else this.#place(hash, index);
  }

  #place(hash: number, index: number): void {
    let at = hash & this.#mask;
    while (this.#slots[at * SLOT + 1] !== 0) at = (at + 1) & this.#mask;
    this.#slots[at * SLOT] = hash;
    this.#slots[at * SLOT + 1] = index + 1;
  }

  #grow(): void {
    const slots = (this.#mask + 1) * 2;
    this.#mask = slots - 1;
    this.#slots = allocateRows(slots * SLOT);
    for (let index = 0; index < this.#names.length; index++) {
      if (this.#names[index] !== undefined) this.#place(this.#hashes[index], index);
    }
  }
}

/** 32 bits; multiply and mix (after MurmurHash3's finalizer), so that ids in sequence spread. */
export function hashOf(name: string): number {
  let hash = name.length;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
