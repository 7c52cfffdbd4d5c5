/** The demand that `remuda plan` plans for: from a trace, from a journal, or from numbers. */
import type { PoolOptions } from '../core/options.ts';
import { poissonTrace } from '../sim/capacity/poisson.ts';
import type { Demand } from '../sim/capacity/probe.ts';
import { recordedTrace } from '../sim/capacity/recorded-trace.ts';
import type { PlanCapacityOptions } from './commands/plan-capacity.ts';
import type { CliContext } from './context.ts';
import { formatCount, plural } from './duration.ts';
import { Failure } from './failure.ts';
import { readJournal } from './read-journal.ts';
import { noteRead, readRows } from './trace-file.ts';

/** Requests by chance begin on a Monday, so that hours of the clock are full ones. */
const POISSON_FROM = Date.UTC(2026, 0, 5);

export interface PlannedDemand {
  readonly demand: Demand;
  /** Where it comes from, for a person. */
  readonly source: string;
}

export async function readDemand(
  context: CliContext,
  options: PlanCapacityOptions,
  pool: PoolOptions,
): Promise<PlannedDemand> {
  const { trace: file, rate, hold = 0, peakFactor = 1, purpose, from, to, requests } = options;
  if (file !== undefined) {
    const read = await readRows(context, file, { ...options, tenantColumn: options.tenantColumn! });
    noteRead(context, read);
    return { demand: { trace: read.trace, purpose, from, to }, source: file };
  }
  if (rate !== undefined) {
    const ratePerHour = rate * peakFactor;
    const trace = poissonTrace({
      ...{ ratePerHour, holdMs: hold * 60_000, requests, from: POISSON_FROM },
    });
    const peak = peakFactor === 1 ? '' : ` (${formatCount(rate)} × ${peakFactor})`;
    const source = `${formatCount(ratePerHour)} requests an hour${peak} of ${hold} min on average`;
    return { demand: { trace, purpose, from: POISSON_FROM }, source };
  }
  const { place, recording } = await readJournal(context, options, pool);
  const { trace, guessed } = recordedTrace(recording);
  if (trace.length === 0) {
    throw new Failure(`${place} has no request in that time.`, { code: 'NO_REQUESTS' });
  }
  const uses = plural(trace.length, 'use');
  context.out.note(`${uses} of agents in ${plural(recording.requests.length, 'request')}.`);
  if (guessed > 0) {
    context.out.note(
      `${plural(guessed, 'request')} got nothing; they count as if their agents had been used like others.`,
    );
  }
  return { demand: { trace, from: recording.from, to: recording.to }, source: place };
}
