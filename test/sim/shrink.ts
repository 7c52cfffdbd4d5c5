/** The smallest run that still fails for the same reason. */
import { FAULTS, type Fault } from './plan.ts';
import { type RunResult, simulate } from './simulate.ts';

/** Runs that shrinking may take. */
const MOST_RUNS = 60;

export interface Shrunk {
  readonly steps: number;
  readonly without: readonly Fault[];
  readonly result: RunResult;
}

export async function shrink(
  seed: number,
  found: RunResult,
  without: readonly Fault[],
): Promise<Shrunk> {
  let best: Shrunk = { steps: found.steps, without, result: found };
  let runs = 0;
  const attempt = async (steps: number, left: readonly Fault[]): Promise<boolean> => {
    if (runs >= MOST_RUNS) return false;
    runs++;
    const result = await simulate({ seed, steps, without: left });
    if (result.violation?.invariant !== found.violation?.invariant) return false;
    // What is found while there are faults needs no more steps than were taken.
    best = { steps: result.isAtRest ? steps : result.steps, without: left, result };
    return true;
  };
  for (const fault of FAULTS) {
    if (!best.without.includes(fault)) await attempt(best.steps, [...best.without, fault]);
  }
  // Not every run of fewer steps that fails has one of more that does not: halves, then ones.
  for (let cut = best.steps >> 1; cut >= 1; cut >>= 1) {
    while (best.steps > cut && (await attempt(best.steps - cut, best.without)));
  }
  return best;
}
