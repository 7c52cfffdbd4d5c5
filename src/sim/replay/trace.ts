/**
 * A recorded workload in memory: a few numbers a row, names kept once. A million rows take some
 * 20 MB, so a trace of years fits beside the pool, can be sorted, and is read only once.
 */

export interface TraceRow {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly tenant: string;
  /** How long the job takes; undefined in a trace of moments. */
  readonly durationMs?: number;
  readonly purpose?: string;
  readonly specialization?: string;
}

/**
 * Rows of the same key can share a lease. No name can hold a line feed: none may hold control
 * characters.
 */
export function keyOf({ tenant, purpose = '', specialization = '' }: TraceRow): string {
  return purpose === '' && specialization === ''
    ? tenant
    : `${tenant}\n${purpose}\n${specialization}`;
}

const START_CAPACITY = 1_024;
const NO_NAME = -1;

/** Text → a small number, and back. */
class Names {
  readonly #numbers = new Map<string, number>();
  readonly list: string[] = [];

  number(name: string | undefined): number {
    if (name === undefined) return NO_NAME;
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.list.length);
    this.list.push(name);
    return this.list.length - 1;
  }
}

export class Trace {
  #at: Float64Array = new Float64Array(START_CAPACITY);
  #duration: Float64Array | null = null;
  #tenant: Int32Array = new Int32Array(START_CAPACITY);
  #purpose: Int32Array | null = null;
  #specialization: Int32Array | null = null;
  readonly #tenants = new Names();
  readonly #purposes = new Names();
  readonly #specializations = new Names();
  #length = 0;
  #outOfOrder = 0;
  #latest = 0;
  /** The rows by time; null while they are in order as they are. */
  #order: Uint32Array | null = null;

  get length(): number {
    return this.#length;
  }

  /** Rows that came after a later one. */
  get outOfOrder(): number {
    return this.#outOfOrder;
  }

  get tenants(): number {
    return this.#tenants.list.length;
  }

  get hasDurations(): boolean {
    return this.#duration !== null;
  }

  add(row: TraceRow): void {
    const index = this.#length;
    if (index === this.#at.length) this.#grow();
    if (row.at < this.#latest) this.#outOfOrder += 1;
    else this.#latest = row.at;
    this.#at[index] = row.at;
    this.#tenant[index] = this.#tenants.number(row.tenant);
    if (row.durationMs !== undefined) {
      this.#duration ??= new Float64Array(this.#at.length);
      this.#duration[index] = row.durationMs;
    }
    if (row.purpose !== undefined) {
      this.#purpose ??= new Int32Array(this.#at.length).fill(NO_NAME);
      this.#purpose[index] = this.#purposes.number(row.purpose);
    }
    if (row.specialization !== undefined) {
      this.#specialization ??= new Int32Array(this.#at.length).fill(NO_NAME);
      this.#specialization[index] = this.#specializations.number(row.specialization);
    }
    this.#length += 1;
    this.#order = null;
  }

  /** The row that is `nth` in time; those of one moment stay in the order of the file. */
  row(nth: number): TraceRow {
    const index = this.#indexOf(nth);
    return {
      at: this.#at[index]!,
      tenant: this.#tenants.list[this.#tenant[index]!]!,
      durationMs: this.#duration?.[index],
      purpose: this.#purposes.list[this.#purpose?.[index] ?? NO_NAME],
      specialization: this.#specializations.list[this.#specialization?.[index] ?? NO_NAME],
    };
  }

  /** How many rows want each specialization; empty without such a column. */
  rowsBySpecialization(): Map<string, number> {
    const rows = new Map<string, number>();
    for (let nth = 0; nth < this.#length; nth += 1) {
      const name = this.#specializations.list[this.#specialization?.[nth] ?? NO_NAME];
      if (name !== undefined) rows.set(name, (rows.get(name) ?? 0) + 1);
    }
    return rows;
  }

  #indexOf(nth: number): number {
    if (this.#outOfOrder === 0) return nth;
    if (this.#order === null) {
      const at = this.#at;
      this.#order = Uint32Array.from({ length: this.#length }, (_, index) => index);
      this.#order.sort((a, b) => at[a]! - at[b]! || a - b);
    }
    return this.#order[nth]!;
  }

  #grow(): void {
    const capacity = this.#at.length * 2;
    this.#at = copied(new Float64Array(capacity), this.#at);
    this.#tenant = copied(new Int32Array(capacity), this.#tenant);
    if (this.#duration) this.#duration = copied(new Float64Array(capacity), this.#duration);
    if (this.#purpose) {
      this.#purpose = copied(new Int32Array(capacity).fill(NO_NAME), this.#purpose);
    }
    if (this.#specialization) {
      const grown = new Int32Array(capacity).fill(NO_NAME);
      this.#specialization = copied(grown, this.#specialization);
    }
  }
}

function copied<A extends Float64Array | Int32Array>(into: A, from: A): A {
  into.set(from);
  return into;
}
