/** A replay from the file to its report, told on the way to whoever watches. */
import { JournalError } from '../host/ports.ts';
import { didYouMean } from '../protocol/suggest.ts';
import { poolOptions } from '../server/config/pool-options.ts';
import type { Config } from '../server/config/schema.ts';
import type { ReplayFigures } from '../sim/replay/figures.ts';
import { type ReadTrace, readTrace } from '../sim/replay/read-trace.ts';
import { replayTrace } from '../sim/replay/replay.ts';
import { ReplayError } from '../sim/replay/replay-error.ts';
import {
  openReplayJournal,
  type ReplayJournal,
  UnknownJournalError,
} from '../sim/replay/replay-journal.ts';
import { UnknownColumnError } from '../sim/replay/trace-columns.ts';
import type { CliContext } from './context.ts';
import { formatCount, formatPercent, plural } from './duration.ts';
import { Failure, fileFailure, wrongUsage } from './failure.ts';
import { startProgress } from './progress.ts';
import { exclusions, type ReplayOptions, type TraceOptions } from './replay-options.ts';

export interface ReplayReport extends ReplayFigures {
  readonly file: string;
  /** Rows of the file that were read; those that were not used are `skipped`. */
  readonly rows: number;
  readonly skipped: number;
  readonly skipped_reasons: { readonly [reason: string]: number };
  readonly wall_sec: number;
  readonly peak_rss_mb: number;
}

const REPORTS_PER_SEC = 10;

export async function runReplay(
  context: CliContext,
  file: string,
  options: ReplayOptions,
  config: Config,
): Promise<ReplayReport> {
  const startedAt = performance.now();
  try {
    const read = await readRows(context, file, options);
    noteRead(context, read);
    const figures = await replayRows(context, read, options, config);
    return {
      file,
      rows: read.rows,
      skipped: read.rows - read.trace.length,
      skipped_reasons: read.skipped,
      ...figures,
      wall_sec: Math.round(performance.now() - startedAt) / 1_000,
      peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1_024),
    };
  } catch (error) {
    if (error instanceof ReplayError) throw new Failure(error.message);
    if (!(error instanceof JournalError)) throw error;
    // The journal speaks of the configuration, but that of a replay is not the server's.
    const message = error.message.replace('(journal.url)', '(--journal, or TMPDIR)');
    throw new Failure(message, {}, { cause: error });
  }
}

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
  const query = { ...options, exclude: exclusions(exclude) };
  const bar = await startProgress(context, 'reading {bar} {percentage} % | {rows} rows', 1, {
    rows: '0',
  });
  const onRead = (share: number, rows: number) => bar.update(share, { rows: formatCount(rows) });
  try {
    const read = await readTrace(file, { ...query, signal: context.signal, onRead });
    if (read.trace.length > 0) return read;
    throw new ReplayError(`${file} has no row that can be used${skippedWords(read)}.`);
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

async function replayRows(
  context: CliContext,
  { trace }: ReadTrace,
  options: ReplayOptions,
  config: Config,
): Promise<ReplayFigures> {
  const { agents, purpose, from, to, speed } = options;
  const { journal, dispose } = await openJournalOf(options);
  const format =
    '{bar} {percentage} % | {value} / {total} rows | {rate} rows/s | {date} | {utilization} in use';
  const words = { rate: '-', date: '-', utilization: '-' };
  const bar = await startProgress(context, format, trace.length, words);
  const startedAt = performance.now();
  let toldAt = 0;
  try {
    return await replayTrace({
      ...{ trace, journal, agents, purpose, from, to, speed },
      pool: poolOptions(config),
      signal: context.signal,
      onProgress: ({ rows, at, utilization }) => {
        const now = performance.now();
        if (now - toldAt < 1_000 / REPORTS_PER_SEC) return;
        toldAt = now;
        bar.update(rows, {
          rate: formatCount(Math.round((rows * 1_000) / (now - startedAt))),
          date: new Date(at).toISOString().slice(0, 16).replace('T', ' '),
          utilization: formatPercent(utilization),
        });
      },
    });
  } finally {
    bar.stop();
    await dispose();
  }
}

async function openJournalOf({ journal: url }: ReplayOptions): Promise<ReplayJournal> {
  try {
    return await openReplayJournal(url);
  } catch (error) {
    if (error instanceof UnknownJournalError) throw wrongUsage(`--journal: ${error.message}`);
    throw error;
  }
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
