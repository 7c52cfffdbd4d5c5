/** A trace from its file, told on the way to whoever watches. */
import { didYouMean } from '../protocol/suggest.ts';
import { type ReadTrace, readTrace } from '../sim/replay/read-trace.ts';
import { ReplayError } from '../sim/replay/replay-error.ts';
import { UnknownColumnError } from '../sim/replay/trace-columns.ts';
import type { CliContext } from './context.ts';
import { formatCount, plural } from './duration.ts';
import { fileFailure, wrongUsage } from './failure.ts';
import { type Progress, startProgress } from './progress.ts';
import { exclusions, type TraceOptions } from './replay-options.ts';

/** The usable rows of a trace. Throws ReplayError, and Failure in words of the command line. */
export async function readRows(
  context: CliContext,
  file: string,
  options: TraceOptions,
): Promise<ReadTrace> {
  const { exclude, from, to } = options;
  if (from !== undefined && to !== undefined && from >= to) {
    throw wrongUsage('--from must be earlier than --to.');
  }
  const query = { ...options, exclude: exclusions(exclude), signal: context.signal };
  const read = await readWatched(context, file, { rows: '0' }, (bar) => {
    const onRead = (share: number, rows: number) => bar.update(share, { rows: formatCount(rows) });
    return readTrace(file, { ...query, onRead });
  });
  if (read.trace.length > 0) return read;
  throw new ReplayError(`${file} has no row that can be used${skippedWords(read)}.`);
}

/** Shows how far a CSV file has been read, and says what is wrong with it. */
export async function readWatched<T>(
  context: CliContext,
  file: string,
  words: { readonly [name: string]: string },
  read: (bar: Progress) => Promise<T>,
): Promise<T> {
  const counted = 'rows' in words ? ' | {rows} rows' : '';
  const bar = await startProgress(context, `reading {bar} {percentage} %${counted}`, 1, words);
  try {
    return await read(bar);
  } catch (error) {
    throw explained(file, error);
  } finally {
    bar.stop();
  }
}

export function noteRead({ out }: CliContext, { trace, columns, rows, skipped }: ReadTrace): void {
  const { time, unit } = columns;
  const among = `${plural(rows, 'row')}, ${plural(trace.tenants, 'tenant')}`;
  out.note(
    `${among}; times from the column "${time}" (${unit}, or ISO 8601)${skippedWords({ skipped })}.`,
  );
  if (trace.outOfOrder > 0) {
    const isOne = trace.outOfOrder === 1;
    out.note(
      `${plural(trace.outOfOrder, 'row')} ${isOne ? 'was' : 'were'} out of order in time and ${isOne ? 'is' : 'are'} taken in order.`,
    );
  }
}

function skippedWords({ skipped }: Pick<ReadTrace, 'skipped'>): string {
  const reasons = Object.entries(skipped).map(([reason, count]) => {
    return `${formatCount(count)} ${reason.replaceAll('_', ' ')}`;
  });
  return reasons.length === 0 ? '' : `; skipped: ${reasons.join(', ')}`;
}

function explained(file: string, error: unknown): unknown {
  if (error instanceof UnknownColumnError) {
    const { column, known } = error;
    const hint = didYouMean(column, known);
    const columns = known.map((name) => `"${name}"`).join(', ');
    return wrongUsage(
      `${file} has no column "${column}"${hint || '.'} Its columns are ${columns}.`,
    );
  }
  return fileFailure(file, error);
}
