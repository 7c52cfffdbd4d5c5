/**
 * Names ⇄ small integers. Tables are indexed by the integers; names stay at the edges.
 *
 * A Map doubles by rehashing everything at once, which at a million entries stops the pool for a
 * tenth of a second. 256 small Maps rehash one at a time, each in well under a millisecond.
 */
const SHARDS = 256;

export class Names {
  readonly #shards: Map<string, number>[] = [];
  readonly #names: (string | undefined)[] = [];
  readonly #free: number[] = [];
  #size = 0;

  constructor() {
    for (let i = 0; i < SHARDS; i++) this.#shards.push(new Map());
  }

  get size(): number {
    return this.#size;
  }

  /** One more than the highest index in use so far. */
  get end(): number {
    return this.#names.length;
  }

  /** The index of a name, or -1. */
  find(name: string): number {
    return this.#shard(name).get(name) ?? -1;
  }

  /** The name's index, given anew if it has none. Freed indices are used again, last freed first. */
  add(name: string): number {
    const shard = this.#shard(name);
    const known = shard.get(name);
    if (known !== undefined) return known;
    const index = this.#free.pop() ?? this.#names.length;
    this.#names[index] = name;
    shard.set(name, index);
    this.#size++;
    return index;
  }

  remove(index: number): void {
    const name = this.#names[index];
    if (name === undefined) return;
    this.#shard(name).delete(name);
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

  /** All names by index (empty string where none), and the free indices in the order they will go. */
  dump(): { names: (string | undefined)[]; free: readonly number[] } {
    return { names: this.#names, free: this.#free };
  }

  load(names: readonly (string | undefined)[], free: readonly number[]): void {
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      this.#names[index] = name;
      if (name === undefined) continue;
      this.#shard(name).set(name, index);
      this.#size++;
    }
    for (const index of free) this.#free.push(index);
  }

  #shard(name: string): Map<string, number> {
    // The last characters vary most in ids; reading three is enough to spread them.
    const end = name.length;
    const hash =
      name.charCodeAt(end - 1) * 31 + name.charCodeAt(end - 2) * 17 + name.charCodeAt(end - 3) * 7;
    return this.#shards[hash & (SHARDS - 1)] as Map<string, number>;
  }
}
