/**
 * A trace at the resolution of minutes: who was active in which. A tenant-minute with at least one
 * event is active, and is one request for an agent.
 */
import type { Trace } from '../replay/trace.ts';

/** Minutes since 1970; `to` is exclusive. */
export interface MinuteWindow {
  readonly from: number;
  readonly to: number;
}

const MS_PER_MINUTE = 60_000;
export const MINUTES_PER_DAY = 1_440;

/** The minute that a time in ms since 1970 falls into. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / MS_PER_MINUTE);
}

/** When a minute begins, in ms since 1970. */
export function msOf(minute: number): number {
  return minute * MS_PER_MINUTE;
}

/**
 * Active tenant-minutes by time; within a minute by their first event, and where that is the same,
 * in the order of the file.
 */
export class ActiveMinutes {
  readonly length: number;
  readonly tenants: readonly string[];
  /** The minute of each, since 1970, and its tenant as an index of `tenants`. */
  readonly minute: Uint32Array;
  readonly tenant: Int32Array;

  constructor(trace: Trace) {
    const numbers = new Map<string, number>();
    const lastMinute: number[] = [];
    const minute = new Uint32Array(trace.length);
    const tenant = new Int32Array(trace.length);
    let length = 0;
    for (let nth = 0; nth < trace.length; nth += 1) {
      const row = trace.row(nth);
      const at = minuteOf(row.at);
      let number = numbers.get(row.tenant);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(row.tenant, number);
      } else if (lastMinute[number] === at) continue;
      lastMinute[number] = at;
      minute[length] = at;
      tenant[length] = number;
      length += 1;
    }
    this.length = length;
    this.minute = minute.subarray(0, length);
    this.tenant = tenant.subarray(0, length);
    this.tenants = [...numbers.keys()];
  }

  /** The first index whose minute is this one or later. */
  firstFrom(minute: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.minute[middle]! < minute) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
