/**
 * How often tenants must come so that a given share of them has a session at a time, on average.
 *
 * A tenant begins sessions at a rate that follows its rhythm, and begins none while it has one: it
 * is a loss system with one server, M(t)/G/1/1. Let ρ(t) be the number of sessions there would be
 * if none were lost (an infinite-server queue: the rate, folded with the lengths that are still on).
 * Then it has a session with probability ρ(t) / (1 + ρ(t)), exactly if rates are constant, and
 * closely if they change slowly (the modified offered load approximation: Jagerman 1975, Massey and
 * Whitt 1994). ρ is proportional to popularity, so one factor for all is left to find.
 */
import type { Population } from './population.ts';
import type { SessionLengths } from './purposes.ts';
import { busyness, TIME_ZONES } from './rhythm.ts';

const HOUR_MS = 3_600_000;
const STEP_MS = HOUR_MS / 4;
const STEPS_PER_WEEK = 168 * 4;
/** Tenants of like popularity are taken together: bins of its logarithm this wide. */
const BIN_WIDTH = 0.1;
const BISECTIONS = 60;
const HIGHEST_FACTOR = 1e12;

/** Tenants who differ in nothing that counts here. */
interface Group {
  readonly tenants: number;
  readonly popularity: number;
  readonly load: Float64Array;
}

/** `popularity` × the factor = the sessions that a tenant would have at a time if none were lost. */
export function calibrate(
  population: Population,
  lengths: readonly SessionLengths[],
  active: number,
  hours: number,
): number {
  const groups = groupsOf(population, lengths);
  const visits = visitsOf(hours);
  let low = 0;
  let high = HIGHEST_FACTOR;
  for (let nth = 0; nth < BISECTIONS; nth++) {
    // Between 0 and a trillion lies every order of magnitude: the middle is that of the exponents.
    const middle = low === 0 ? high / 1e3 : Math.sqrt(low * high);
    if (meanShare(groups, visits, middle) < active * population.size) low = middle;
    else high = middle;
  }
  return high;
}

/** The sum over tenants of the mean share of time with a session. */
function meanShare(groups: readonly Group[], visits: Float64Array, factor: number): number {
  let sum = 0;
  for (const { tenants, popularity, load } of groups) {
    const peak = factor * popularity;
    let share = 0;
    for (let step = 0; step < STEPS_PER_WEEK; step++) {
      if (visits[step] === 0) continue;
      const offered = peak * load[step]!;
      share += visits[step]! * (offered / (1 + offered));
    }
    sum += tenants * share;
  }
  return sum;
}

/** What share of the world's time is spent in each step of the week. */
function visitsOf(hours: number): Float64Array {
  const visits = new Float64Array(STEPS_PER_WEEK);
  const steps = Math.max(1, Math.round((hours * HOUR_MS) / STEP_MS));
  for (let step = 0; step < steps; step++) visits[step % STEPS_PER_WEEK]! += 1 / steps;
  return visits;
}

function groupsOf(population: Population, lengths: readonly SessionLengths[]): Group[] {
  const loads = lengths.map(loadOf).flatMap((local) => {
    return TIME_ZONES.map(({ hours }) => shifted(local, hours));
  });
  const sums = new Map<number, { tenants: number; popularity: number; load: Float64Array }>();
  for (let tenant = 0; tenant < population.size; tenant++) {
    const popularity = population.popularity[tenant]!;
    const bin = Math.round(Math.log(popularity) / BIN_WIDTH);
    const kind = population.purpose[tenant]! * TIME_ZONES.length + population.zone[tenant]!;
    const key = bin * loads.length + kind;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { tenants: 1, popularity, load: loads[kind]! });
    else {
      sum.tenants += 1;
      sum.popularity += popularity;
    }
  }
  return [...sums.values()].map(({ tenants, popularity, load }) => {
    return { tenants, popularity: popularity / tenants, load };
  });
}

/** By the step of a local week: the rhythm, folded with the sessions that are still on; mean 1. */
function loadOf(lengths: SessionLengths): Float64Array {
  const survival = lengths.survival(STEP_MS);
  const mean = survival.reduce((sum, value) => sum + value, 0);
  return Float64Array.from({ length: STEPS_PER_WEEK }, (_, step) => {
    let load = 0;
    for (let ago = 0; ago < survival.length; ago++) {
      load += survival[ago]! * busyness((step - ago) * STEP_MS);
    }
    return load / mean;
  });
}

/** Local steps by steps of UTC. */
function shifted(local: Float64Array, hours: number): Float64Array {
  const by = (hours * HOUR_MS) / STEP_MS + STEPS_PER_WEEK;
  return local.map((_, step) => local[(step + by) % STEPS_PER_WEEK]!);
}
