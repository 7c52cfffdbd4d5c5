/**
 * What leases are for. Any name is welcome, so names in use are counted and let go when the last
 * lease of theirs is forgotten; a client that invents names cannot fill the memory.
 */
import { DEFAULT_OPTIONS, type PoolOptions, type PurposeOptions } from './options.ts';

export class Purposes {
  readonly #options: ReadonlyMap<string, PurposeOptions>;
  readonly #default: PurposeOptions;
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #references: number[] = [];
  readonly #live: number[] = [];
  readonly #free: number[] = [];

  constructor(options: PoolOptions['purposes']) {
    this.#options = new Map(Object.entries(options));
    this.#default = this.#options.get('default') ?? DEFAULT_OPTIONS.purposes.default;
  }

  options(name: string): PurposeOptions {
    return this.#options.get(name) ?? this.#default;
  }

  /** The id of a name, with one more reference and one more live lease. */
  hold(name: string): number {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#free.pop() ?? this.#names.length;
      this.#ids.set(name, id);
      this.#names[id] = name;
      this.#references[id] = 0;
      this.#live[id] = 0;
    }
    this.#references[id]++;
    this.#live[id]++;
    return id;
  }

  /** The lease has ended but can still be read. */
  end(id: number): void {
    this.#live[id]--;
  }

  /** The lease's row is used for another. */
  drop(id: number): void {
    if (--this.#references[id] > 0) return;
    this.#ids.delete(this.#names[id]);
    this.#free.push(id);
  }

  name(id: number): string {
    return this.#names[id];
  }

  /** Live leases by purpose. */
  counts(): Record<string, number> {
    const live = [...this.#ids].filter(([, id]) => this.#live[id] > 0);
    return Object.fromEntries(live.map(([name, id]) => [name, this.#live[id]]));
  }
}
