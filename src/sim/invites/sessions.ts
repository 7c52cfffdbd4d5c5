/**
 * The times at which tenants need an agent. A row of a trace begins a session unless it finds one of
 * its tenant and purpose that is idle by then; each session asks for an agent once, at its start,
 * and holds it until it has been idle for so long.
 */
import { keyOf, type Trace, type TraceRow } from '../replay/trace.ts';

/** One a column, in the order of their starts. Times are milliseconds since 1970. */
export interface Sessions {
  readonly count: number;
  /** Index into `tenants`. */
  readonly tenant: Int32Array;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly tenants: readonly string[];
}

interface Open {
  readonly session: number;
  /** Until then it works; then it is idle. */
  worksUntil: number;
}

/** Takes rows; those of one tenant and purpose must come in the order of their times. */
export class SessionBuilder {
  readonly #idleMs: number;
  readonly #tenants: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #tenant: number[] = [];
  readonly #start: number[] = [];
  readonly #end: number[] = [];
  readonly #open = new Map<string, Open[]>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  add(row: TraceRow): void {
    const key = keyOf(row);
    const open = this.#open.get(key);
    const own = open?.find(
      ({ worksUntil }) => worksUntil <= row.at && worksUntil + this.#idleMs > row.at,
    );
    if (own !== undefined) this.#work(own, row);
    else this.#begin(row, key, open);
  }

  sessions(): Sessions {
    const starts = this.#start;
    const order = Uint32Array.from(starts.keys());
    if (starts.some((start, nth) => nth > 0 && start < starts[nth - 1]!)) {
      order.sort((a, b) => starts[a]! - starts[b]! || a - b);
    }
    return {
      count: order.length,
      tenant: Int32Array.from(order, (session) => this.#tenant[session]!),
      start: Float64Array.from(order, (session) => starts[session]!),
      end: Float64Array.from(order, (session) => this.#end[session]!),
      tenants: this.#tenants,
    };
  }

  #begin(row: TraceRow, key: string, open: readonly Open[] = []): void {
    const own = { session: this.#start.length, worksUntil: row.at };
    const still = open.filter(({ worksUntil }) => worksUntil + this.#idleMs > row.at);
    this.#open.set(key, [...still, own]);
    this.#tenant.push(this.#number(row.tenant));
    this.#start.push(row.at);
    this.#work(own, row);
  }

  #work(own: Open, { at, durationMs = 0 }: TraceRow): void {
    own.worksUntil = at + durationMs;
    this.#end[own.session] = own.worksUntil + this.#idleMs;
  }

  #number(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.#tenants.length);
    this.#tenants.push(name);
    return this.#tenants.length - 1;
  }
}

export function sessionsOf(trace: Trace, idleMs: number): Sessions {
  const builder = new SessionBuilder(idleMs);
  for (let nth = 0; nth < trace.length; nth += 1) builder.add(trace.row(nth));
  return builder.sessions();
}

/** Those that begin in the window, `to` exclusive; the tenants keep their numbers. */
export function sessionsBetween(sessions: Sessions, from: number, to: number): Sessions {
  const { start, tenants } = sessions;
  const first = firstFrom(start, from);
  const last = firstFrom(start, to);
  return {
    ...{ count: last - first, tenants },
    tenant: sessions.tenant.subarray(first, last),
    start: start.subarray(first, last),
    end: sessions.end.subarray(first, last),
  };
}

function firstFrom(sorted: Float64Array, at: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
