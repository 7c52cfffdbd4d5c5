/** Demand from two numbers: arrivals by chance at a rate, each for a time by chance around a mean. */

import { mulberry32 } from '../mulberry32.ts';
import { Trace } from '../replay/trace.ts';

export interface PoissonDemand {
  readonly ratePerHour: number;
  readonly holdMs: number;
  /** How many requests; the time that they take follows. */
  readonly requests: number;
  readonly from: number;
}

/** Every request is of a tenant of its own. The same numbers give the same trace. */
export function poissonTrace({ ratePerHour, holdMs, requests, from }: PoissonDemand): Trace {
  const draw = mulberry32(SEED);
  const exponential = (mean: number): number => -mean * Math.log(1 - draw());
  const trace = new Trace();
  let at = from;
  for (let nth = 1; nth <= requests; nth += 1) {
    at += exponential(3_600_000 / ratePerHour);
    const durationMs = Math.max(1, Math.round(exponential(holdMs)));
    trace.add({ at: Math.round(at), tenant: `t${nth}`, durationMs });
  }
  return trace;
}

const SEED = 0x5eed;
