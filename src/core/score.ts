/**
 * The points by which a free agent is chosen: 100 + health
 * 40/20/0 + tier 30/20/10 + idle minutes 20/15/10/5 + leases in the last 24 hours 10/5/0.
 *
 * An agent's health, idle time and load fall into classes; agents of one class have equal points.
 */
import { LIGHT_LOAD, MEDIUM_LOAD } from './limits.ts';
import type { Score } from './outcome.ts';
import { HEALTHS } from './words.ts';

const BASE_POINTS = 100;
/** By rank: unhealthy, degraded, healthy. */
const HEALTH_POINTS = [0, 20, 40] as const;
/** By rank: lite, standard, premium. */
export const TIER_POINTS = [10, 20, 30] as const;
/** By idle class: up to 10, 30, 60 minutes, and longer. */
const IDLE_POINTS = [5, 10, 15, 20] as const;
/** By load class: 10 leases or more in 24 h, 5 … 9, fewer. */
const LOAD_POINTS = [0, 5, 10] as const;

/** An agent leaves idle class i once it has been idle for longer than this. */
export const IDLE_LIMIT_MS = [10 * 60_000, 30 * 60_000, 60 * 60_000] as const;

export function idleClass(idleMs: number): number {
  if (idleMs > IDLE_LIMIT_MS[2]) return 3;
  if (idleMs > IDLE_LIMIT_MS[1]) return 2;
  return idleMs > IDLE_LIMIT_MS[0] ? 1 : 0;
}

function loadClass(leases24h: number): number {
  if (leases24h < LIGHT_LOAD) return 2;
  return leases24h < MEDIUM_LOAD ? 1 : 0;
}

export function scoreOf(health: number, tier: number, idleMs: number, leases24h: number): Score {
  const points = {
    health: HEALTH_POINTS[health],
    tier: TIER_POINTS[tier],
    idle: IDLE_POINTS[idleClass(idleMs)],
    load: LOAD_POINTS[loadClass(leases24h)],
  };
  const total = BASE_POINTS + points.health + points.tier + points.idle + points.load;
  return { total, ...points };
}

const IDLE_CLASSES = IDLE_POINTS.length;
const LOAD_CLASSES = LOAD_POINTS.length;
/** Classes that the ready index keeps; an unhealthy agent is never ready, so it has none. */
export const CLASSES: number = (HEALTHS.length - 1) * LOAD_CLASSES * IDLE_CLASSES;

/** The number of a class; classes that differ only in idle time are neighbours. */
export function classOf(health: number, load: number, idle: number): number {
  return ((health - 1) * LOAD_CLASSES + load) * IDLE_CLASSES + idle;
}

export function idleOfClass(cls: number): number {
  return cls % IDLE_CLASSES;
}

/** Points of a class without tier and base. */
const CLASS_POINTS: readonly number[] = Array.from({ length: CLASSES }, (_, cls) => {
  const idle = idleOfClass(cls);
  const load = Math.floor(cls / IDLE_CLASSES) % LOAD_CLASSES;
  const health = Math.floor(cls / (IDLE_CLASSES * LOAD_CLASSES)) + 1;
  return HEALTH_POINTS[health] + LOAD_POINTS[load] + IDLE_POINTS[idle];
});

/** Classes of equal points as bit masks, best first: idle 20 + load 5 equals idle 15 + load 10. */
export const RANKS: readonly { readonly points: number; readonly mask: number }[] = [
  ...new Set(CLASS_POINTS),
]
  .sort((a, b) => b - a)
  .map((points) => {
    const mask = CLASS_POINTS.reduce((m, p, cls) => (p === points ? m | (1 << cls) : m), 0);
    return { points, mask };
  });

/** The same masks and points in arrays of numbers: the search reads them for each request. */
export const RANK_MASKS: Int32Array = Int32Array.from(RANKS, ({ mask }) => mask);
export const RANK_POINTS: Int32Array = Int32Array.from(RANKS, ({ points }) => points);
