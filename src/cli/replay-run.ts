/** A replay from the file to its report, told on the way to whoever watches. */
import { JournalError } from '../host/ports.ts';
import { poolOptions } from '../server/config/pool-options.ts';
import type { Config } from '../server/config/schema.ts';
import type { ReplayFigures } from '../sim/replay/figures.ts';
import type { ReadTrace } from '../sim/replay/read-trace.ts';
import { replayTrace } from '../sim/replay/replay.ts';
import { ReplayError } from '../sim/replay/replay-error.ts';
import {
  openReplayJournal,
  type ReplayJournal,
  UnknownJournalError,
} from '../sim/replay/replay-journal.ts';
import type { CliContext } from './context.ts';
import { formatCount, formatPercent } from './duration.ts';
import { Failure, wrongUsage } from './failure.ts';
import { startProgress } from './progress.ts';
import type { ReplayOptions } from './replay-options.ts';
import { noteRead, readRows } from './trace-file.ts';

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
