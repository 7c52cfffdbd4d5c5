/** A synthetic world: its tenants and all their sessions, from a seed. */
import { calibrate } from './calibrate.ts';
import type { WorldOptions } from './options.ts';
import { Population } from './population.ts';
import { PURPOSES, SessionLengths } from './purposes.ts';
import { Random } from './random.ts';
import { makeSessions, type Sessions, WARM_UP_MS } from './sessions.ts';

export const HOUR_MS = 3_600_000;
/** A Monday, 00:00 UTC: time 0 of every world, in ms since 1970. */
export const EPOCH_MS = Date.UTC(2026, 0, 5);

export interface World {
  readonly population: Population;
  readonly sessions: Sessions;
  /** When it ends, in ms since its beginning. */
  readonly endMs: number;
}

export function makeWorld({ tenants, active, agentsPerTenant, hours, seed }: WorldOptions): World {
  const random = new Random(seed);
  const population = new Population(tenants, agentsPerTenant, random);
  const lengths = PURPOSES.map((purpose) => new SessionLengths(purpose));
  const factor = calibrate(population, lengths, active, hours);
  const sessions = makeSessions(population, lengths, factor, hours, random);
  return { population, sessions, endMs: Math.round(hours * HOUR_MS) };
}

/** About how many sessions a world has: those who have one, by how often it is another. */
export function sessionsOf({ tenants, active, hours }: WorldOptions): number {
  const perHour = PURPOSES.map((purpose) => {
    return purpose.share / (new SessionLengths(purpose).meanMs / HOUR_MS);
  }).reduce((sum, rate) => sum + rate, 0);
  return Math.round(tenants * active * perHour * (hours + WARM_UP_MS / HOUR_MS));
}
