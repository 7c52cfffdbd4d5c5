/**
 * When tenants ask, as rates that hold for weeks to come. A week is cut into 48 slices: the hours of
 * a working day and of a day of the weekend, UTC. Counts of the past are spread a little over the
 * hours beside them and drawn toward the tenant's mean, the more so the fewer they are (a Gamma
 * prior for a Poisson rate), so that hours in which a tenant has not been seen yet count too; old
 * weeks count less than new ones.
 */
import type { Sessions } from './sessions.ts';

export const SLICES = 48;
const HOURS = 24;
const HOUR_MS = 3_600_000;
const DAY_MS = HOURS * HOUR_MS;
/** 1970 began on a Thursday. */
const FIRST_DAY = 3;
const SATURDAY = 5;

/** After so many days an hour of the past counts half as much. */
const HALF_LIFE_DAYS = 42;
/** The tenant's mean counts as much as so many requests. */
const PRIOR_REQUESTS = 6;
/** What of a count stays in its hour; the rest goes to the two beside it. */
const STAYS = 0.5;
/** A tenant is not thought to hold more agents at once than the pool ever gives to one. */
const MOST_AT_ONCE = 49;

export interface TenantActivity {
  /** Requests an hour, by slice. */
  readonly requests: Float32Array;
  /** Agents that it would hold on average if it always got one, by slice. */
  readonly load: Float32Array;
  /** The share of its requests that it makes while it has `index` sessions already. */
  readonly atOnce: readonly number[];
}

export function sliceOf(at: number): number {
  const day = (Math.floor(at / DAY_MS) + FIRST_DAY) % 7;
  const hour = Math.floor(at / HOUR_MS) % HOURS;
  return day >= SATURDAY ? HOURS + hour : hour;
}

/** Hours of a week that a slice stands for. */
export function hoursAWeek(slice: number): number {
  return slice < HOURS ? SATURDAY : 7 - SATURDAY;
}

/** The activity of each tenant, by its number, in the window from `from` until `to`. */
export function learnActivity(sessions: Sessions, from: number, to: number): TenantActivity[] {
  const exposure = new Float64Array(SLICES);
  for (let at = Math.floor(from / HOUR_MS) * HOUR_MS; at < to; at += HOUR_MS) {
    const hours = (Math.min(to, at + HOUR_MS) - Math.max(from, at)) / HOUR_MS;
    exposure[sliceOf(at)]! += hours * weightAt(at, to);
  }
  const counts = sessions.tenants.map(() => new Float64Array(SLICES));
  const held = sessions.tenants.map(() => new Float64Array(SLICES));
  const atOnce = sessions.tenants.map((): number[] => []);
  const open = sessions.tenants.map((): number[] => []);
  for (let nth = 0; nth < sessions.count; nth += 1) {
    const start = sessions.start[nth]!;
    const tenant = sessions.tenant[nth]!;
    const end = Math.min(to, sessions.end[nth]!);
    if (start >= to || end <= from) continue;
    const before = open[tenant]!.filter((other) => other > start);
    open[tenant] = before;
    before.push(sessions.end[nth]!);
    addHeld(held[tenant]!, Math.max(from, start), end, to);
    if (start < from) continue;
    const weight = weightAt(start, to);
    counts[tenant]![sliceOf(start)]! += weight;
    const others = Math.min(MOST_AT_ONCE, before.length) - 1;
    while (atOnce[tenant]!.length <= others) atOnce[tenant]!.push(0);
    atOnce[tenant]![others]! += weight;
  }
  return counts.map((own, tenant) => activityOf(own, held[tenant]!, atOnce[tenant]!, exposure));
}

/** Of hours of the day without a year: a tenant's relative counts, and how long it holds an agent. */
export function activityOfHours(grantsByHour: readonly number[], holdMs: number): TenantActivity {
  const counts = new Float64Array(SLICES);
  const exposure = new Float64Array(SLICES);
  for (let slice = 0; slice < SLICES; slice += 1) {
    exposure[slice] = hoursAWeek(slice);
    counts[slice] = (grantsByHour[slice % HOURS]! * exposure[slice]!) / 7;
  }
  const held = counts.map((count) => (count * holdMs) / HOUR_MS);
  return activityOf(counts, held, counts.some((count) => count > 0) ? [1] : [], exposure);
}

function weightAt(at: number, to: number): number {
  return 0.5 ** ((to - at) / DAY_MS / HALF_LIFE_DAYS);
}

function addHeld(held: Float64Array, start: number, end: number, to: number): void {
  for (let at = start; at < end; ) {
    const next = Math.min(end, (Math.floor(at / HOUR_MS) + 1) * HOUR_MS);
    held[sliceOf(at)]! += ((next - at) / HOUR_MS) * weightAt(at, to);
    at = next;
  }
}

function activityOf(
  counts: Float64Array,
  held: Float64Array,
  atOnce: readonly number[],
  exposure: Float64Array,
): TenantActivity {
  const requests = smoothed(counts, exposure);
  const all = sum(counts);
  // Sessions of one tenant are about equally long at any hour: a mean is steadier than 48.
  const hoursHeld = all === 0 ? 0 : sum(held) / all;
  return {
    requests,
    load: requests.map((rate) => rate * hoursHeld),
    atOnce: all === 0 ? [] : atOnce.map((weight) => weight / all),
  };
}

function smoothed(counts: Float64Array, exposure: Float64Array): Float32Array {
  const spread = counts.map((_, slice) => {
    const day = slice - (slice % HOURS);
    const before = counts[day + ((slice + HOURS - 1) % HOURS)]!;
    const after = counts[day + ((slice + 1) % HOURS)]!;
    return counts[slice]! * STAYS + ((before + after) * (1 - STAYS)) / 2;
  });
  const all = sum(counts);
  const hours = sum(exposure);
  if (all === 0 || hours === 0) return new Float32Array(SLICES);
  const mean = all / hours;
  return Float32Array.from(spread, (count, slice) => {
    const seen = exposure[slice]!;
    const prior = (PRIOR_REQUESTS * seen) / hours;
    if (seen === 0) return mean;
    return ((count + prior) / seen) * (all / (all + PRIOR_REQUESTS));
  });
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i += 1) total += values[i]!;
  return total;
}
