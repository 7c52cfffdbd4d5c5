/**
 * What queueing theory says about numbers of agents. `load` is the offered load in erlangs: arrivals
 * a second times the mean seconds that an agent is held for.
 *
 * Sources: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in
 * automatic telephone exchanges" (1917) for both formulas; the recursion for B is exact and stable,
 * since it only adds positive numbers (D. L. Jagerman, Bell System Technical Journal 53, 1974, eq. 7);
 * S. Halfin and W. Whitt, "Heavy-traffic limits for queues with many exponential servers", Operations
 * Research 29 (1981), eq. 2.3, for the chance to wait with R + β√R servers.
 */

/** More are never tried: ten times the fleets that the pool is for. */
const MOST_AGENTS = 4_194_304;

/** The share of requests that find all agents busy, where such requests go away (M/M/N/N). */
export function erlangB(load: number, agents: number): number {
  // 1/B(n) = 1 + n/load · 1/B(n−1), from 1/B(0) = 1: no factorial, and no difference of like numbers.
  if (load === 0) return agents === 0 ? 1 : 0;
  let inverse = 1;
  for (let n = 1; n <= agents; n += 1) {
    inverse = 1 + (n / load) * inverse;
    if (inverse === Number.POSITIVE_INFINITY) return 0;
  }
  return 1 / inverse;
}

/** The share of requests that must wait, where all are patient (M/M/N); 1 without a steady state. */
export function erlangC(load: number, agents: number): number {
  if (agents <= load) return load === 0 ? 0 : 1;
  return waitingOf(erlangB(load, agents), load, agents);
}

function waitingOf(blocked: number, load: number, agents: number): number {
  return (agents * blocked) / (agents - load * (1 - blocked));
}

/** The share that waits for longer than `withinMs`, with agents that are held for `holdMs`. */
export function erlangCLate(
  load: number,
  agents: number,
  holdMs: number,
  withinMs: number,
): number {
  return lateOf(erlangC(load, agents), load, agents, holdMs, withinMs);
}

function lateOf(
  waiting: number,
  load: number,
  agents: number,
  holdMs: number,
  withinMs: number,
): number {
  if (agents <= load || waiting === 0) return waiting;
  return waiting * Math.exp((-(agents - load) * withinMs) / holdMs);
}

/** The fewest agents with which no more than `share` are blocked; null beyond any pool. */
export function agentsForLoss(load: number, share: number): number | null {
  return fewest(load, (blocked) => blocked <= share);
}

/** The fewest agents with which no more than `share` wait for longer; null beyond any pool. */
export function agentsForWait(
  load: number,
  share: number,
  holdMs: number,
  withinMs: number,
): number | null {
  return fewest(load, (blocked, agents) => {
    if (agents <= load) return load === 0;
    const waiting = waitingOf(blocked, load, agents);
    return lateOf(waiting, load, agents, holdMs, withinMs) <= share;
  });
}

function fewest(
  load: number,
  isEnough: (blocked: number, agents: number) => boolean,
): number | null {
  if (load === 0) return 0;
  let inverse = 1;
  for (let agents = 0; agents <= MOST_AGENTS; agents += 1) {
    if (agents > 0) inverse = 1 + (agents / load) * inverse;
    if (isEnough(1 / inverse, agents)) return agents;
    if (inverse === Number.POSITIVE_INFINITY) return null;
  }
  return null;
}

export interface Staffing {
  readonly agents: number;
  readonly beta: number;
}

/** R + β√R, with β such that no more than `share` must wait at all; null for a share of 0. */
export function squareRootStaffing(load: number, share: number): Staffing | null {
  if (share <= 0) return null;
  if (share >= 1) return { agents: Math.ceil(load), beta: 0 };
  let low = 0;
  let high = 40;
  for (let step = 0; step < 100; step += 1) {
    const middle = (low + high) / 2;
    if (halfinWhitt(middle) > share) low = middle;
    else high = middle;
  }
  return { agents: Math.ceil(load + high * Math.sqrt(load)), beta: high };
}

/** The chance to wait: 1 / (1 + β Φ(β) / φ(β)). */
export function halfinWhitt(beta: number): number {
  const density = Math.exp((-beta * beta) / 2) / Math.sqrt(2 * Math.PI);
  return density / (density + beta * normal(beta));
}

/**
 * Φ(x) for x ≥ 0: 1/2 + φ(x) (x + x³/3 + x⁵/(3·5) + …), G. Marsaglia, "Evaluating the normal
 * distribution", Journal of Statistical Software 11 (2004). All terms are positive.
 */
function normal(x: number): number {
  if (x > 8) return 1;
  let term = x;
  let sum = x;
  for (let n = 3; sum + term !== sum || n === 3; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
