/**
 * What leases are for. Any name is welcome, so names in use are counted and let go when the last
 * lease of theirs is forgotten; a client that invents names cannot fill the memory.
 */
import { DEFAULT_OPTIONS, type PoolOptions, type PurposeOptions } from './options.ts';
import { NONE } from './rows.ts';

interface Purpose {
  readonly name: string;
  readonly options: PurposeOptions;
  /** NONE while no lease has it. */
  id: number;
  /** Leases of it that can be read, and those that live. */
  leases: number;
  live: number;
}

export class Purposes {
  readonly #options: ReadonlyMap<string, PurposeOptions>;
  readonly #default: PurposeOptions;
  readonly #byName = new Map<string, Purpose>();
  readonly #byId: Purpose[] = [];
  readonly #free: number[] = [];
  /** A request asks for the same name several times in a row. */
  #last: Purpose;

  constructor(options: PoolOptions['purposes']) {
    this.#options = new Map(Object.entries(options));
    this.#default = this.#options.get('default') ?? DEFAULT_OPTIONS.purposes.default;
    this.#last = this.#make('default');
  }

  options(name: string): PurposeOptions {
    return this.#find(name).options;
  }

  /** The id of a name, with one more lease that lives. */
  hold(name: string): number {
    const purpose = this.#find(name);
    if (purpose.id === NONE) {
      purpose.id = this.#free.pop() ?? this.#byId.length;
      this.#byId[purpose.id] = purpose;
      this.#byName.set(name, purpose);
    }
    purpose.leases++;
    purpose.live++;
    return purpose.id;
  }

  /** The lease has ended but can still be read. */
  end(id: number): void {
    this.#byId[id].live--;
  }

  /** The lease's row is used for another. */
  drop(id: number): void {
    const purpose = this.#byId[id];
    if (--purpose.leases > 0) return;
    this.#byName.delete(purpose.name);
    this.#free.push(id);
    purpose.id = NONE;
  }

  name(id: number): string {
    return this.#byId[id].name;
  }

  /** Live leases by purpose. */
  counts(): Record<string, number> {
    const live = [...this.#byName.values()].filter((purpose) => purpose.live > 0);
    return Object.fromEntries(live.map((purpose) => [purpose.name, purpose.live]));
  }

  #find(name: string): Purpose {
    if (this.#last.name === name) return this.#last;
    this.#last = this.#byName.get(name) ?? this.#make(name);
    return this.#last;
  }

  #make(name: string): Purpose {
    const options = this.#options.get(name) ?? this.#default;
    return { name, options, id: NONE, leases: 0, live: 0 };
  }
}
