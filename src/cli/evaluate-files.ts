/** What an evaluation reads and writes. */
import { resolve } from 'node:path';
import { writeDecisions } from '../sim/evaluate/decisions-file.ts';
import { ActiveMinutes, type MinuteWindow, minuteOf, msOf } from '../sim/evaluate/minutes.ts';
import { ReplayError } from '../sim/replay/replay-error.ts';
import type { CliContext } from './context.ts';
import type { DecisionOptions, TraceEvaluationOptions } from './evaluate-options.ts';
import { Failure, wrongUsage } from './failure.ts';
import { noteRead, readRows } from './trace-file.ts';

export interface ReadMinutes {
  readonly active: ActiveMinutes;
  readonly window: MinuteWindow;
  /** The first active minute of `--learn-from`. */
  readonly firstLearned: number;
  /** Those active in the window. */
  readonly tenants: number;
}

/** Reads a trace up to the end of the window. */
export async function readActiveMinutes(
  context: CliContext,
  options: TraceEvaluationOptions,
): Promise<ReadMinutes> {
  const { trace: file, exclude, from, to, learnFrom, tenantColumn, timeColumn } = options;
  refuseOrder('--from', from, '--to', to);
  if (learnFrom !== undefined && from !== undefined && learnFrom > from) {
    throw wrongUsage('--learn-from must not be later than --from.');
  }
  refuseSameFile(options, file);
  const end = to === undefined ? undefined : minuteOf(to);
  const query = { tenantColumn, timeColumn, exclude, to: end === undefined ? end : msOf(end) };
  const read = await readRows(context, file, query);
  noteRead(context, read);
  const active = new ActiveMinutes(read.trace);
  const window = {
    from: minuteOf(from ?? learnFrom ?? msOf(active.minute[0]!)),
    to: end ?? active.minute[active.length - 1]! + 1,
  };
  const first = active.firstFrom(window.from);
  if (first === active.length) {
    const [begin, last] = [active.minute[0]!, active.minute[active.length - 1]!].map(timeOf);
    throw new ReplayError(
      `${file} has no active minute from --from to --to; before, it has some from ${begin} to ${last}.`,
    );
  }
  return {
    ...{ active, window },
    firstLearned: learnFrom === undefined ? 0 : active.firstFrom(minuteOf(learnFrom)),
    tenants: new Set(active.tenant.subarray(first)).size,
  };
}

export function timeOf(minute: number): string {
  return new Date(msOf(minute)).toISOString();
}

/** A window must hold a minute; times count by the minute that they fall into. */
export function refuseOrder(
  earlier: string,
  from: number | undefined,
  later: string,
  to: number | undefined,
): void {
  if (from === undefined || to === undefined || minuteOf(from) < minuteOf(to)) return;
  throw wrongUsage(`${earlier} must be earlier than ${later}, by a minute at least.`);
}

export function refuseSameFile({ decisions }: DecisionOptions, input: string): void {
  if (decisions === undefined || resolve(decisions) !== resolve(input)) return;
  throw wrongUsage(`--decisions would overwrite ${input}; name another file.`);
}

export async function saveDecisions(
  { signal }: CliContext,
  { decisions: file }: DecisionOptions,
  header: readonly string[],
  rows: Iterable<readonly (string | number)[]>,
): Promise<void> {
  if (file === undefined) return;
  try {
    await writeDecisions(file, header, rows, signal);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw new Failure(`${file} cannot be written (${code}).`, {}, { cause: error });
  }
}
