/** Which column of a trace says what, and a record as a row, or as the reason why it is none. */

import type { TraceRow } from './trace.ts';
import { parseDuration, parseTime } from './trace-time.ts';

export interface WantedColumns {
  readonly tenantColumn: string;
  /** The first of TIME_COLUMNS that exists, unless given. */
  readonly timeColumn?: string;
  readonly durationColumn?: string;
  readonly purposeColumn?: string;
  readonly specializationColumn?: string;
  readonly exclude?: readonly { readonly column: string; readonly value: string }[];
  readonly from?: number;
  readonly to?: number;
}

export interface TraceColumns {
  readonly time: string;
  /** `minutes` for a column that is called `minute`. */
  readonly unit: 'seconds' | 'minutes';
}

export const TIME_COLUMNS = ['t', 'time', 'timestamp', 'submit_s', 'ts', 'minute'] as const;

/** A column was asked for that the file does not have. */
export class UnknownColumnError extends Error {
  readonly column: string;
  readonly known: readonly string[];
  constructor(column: string, known: readonly string[]) {
    super(`there is no column "${column}"`);
    this.name = 'UnknownColumnError';
    this.column = column;
    this.known = known;
  }
}

/** What the pool takes as a tenant and as any other name (see src/protocol/fields.ts). */
const TENANT = /^[^\p{Cc}\p{Cs}]{1,128}$/u;
const NAME = /^(?!__proto__$)[^\p{Cc}\p{Cs}]{1,64}$/u;

const SECONDS_PER_MINUTE = 60;

export class TraceReader {
  readonly columns: TraceColumns;
  readonly #width: number;
  readonly #time: number;
  readonly #tenant: number;
  readonly #duration: number | null;
  readonly #purpose: number | null;
  readonly #specialization: number | null;
  readonly #exclude: readonly { readonly index: number; readonly value: string }[];
  readonly #from: number;
  readonly #to: number;

  /** Throws UnknownColumnError. */
  constructor(header: readonly string[], wanted: WantedColumns) {
    const indexOf = (column: string): number => {
      const index = header.indexOf(column);
      if (index < 0) throw new UnknownColumnError(column, header);
      return index;
    };
    const optional = (column: string | undefined): number | null =>
      column === undefined ? null : indexOf(column);
    const time = wanted.timeColumn ?? TIME_COLUMNS.find((name) => header.includes(name));
    this.#time = indexOf(time ?? TIME_COLUMNS[0]);
    this.columns = {
      time: header[this.#time]!,
      unit: header[this.#time] === 'minute' ? 'minutes' : 'seconds',
    };
    this.#width = header.length;
    this.#tenant = indexOf(wanted.tenantColumn);
    this.#duration = optional(wanted.durationColumn);
    this.#purpose = optional(wanted.purposeColumn);
    this.#specialization = optional(wanted.specializationColumn);
    this.#exclude = (wanted.exclude ?? []).map(({ column, value }) => ({
      index: indexOf(column),
      value,
    }));
    this.#from = wanted.from ?? 0;
    this.#to = wanted.to ?? Number.POSITIVE_INFINITY;
  }

  /** The row, or in one word why it is left out. */
  read(record: readonly string[]): TraceRow | string {
    if (record.length !== this.#width) return 'malformed';
    for (const { index, value } of this.#exclude) if (record[index] === value) return 'excluded';
    const unit = this.columns.unit === 'minutes' ? SECONDS_PER_MINUTE : 1;
    const at = parseTime(record[this.#time]!, unit);
    if (at === null) return 'bad_time';
    if (at < this.#from || at >= this.#to) return 'outside_window';
    const tenant = record[this.#tenant]!;
    if (!TENANT.test(tenant)) return 'bad_tenant';
    const durationMs = this.#duration === null ? undefined : parseDuration(record[this.#duration]!);
    if (durationMs === null) return 'bad_duration';
    const purpose = this.#purpose === null ? undefined : record[this.#purpose]!;
    if (purpose !== undefined && !NAME.test(purpose)) return 'bad_purpose';
    const specialization =
      this.#specialization === null ? undefined : record[this.#specialization]!;
    if (specialization !== undefined && !NAME.test(specialization)) return 'bad_specialization';
    return { at, tenant, durationMs, purpose, specialization };
  }
}
