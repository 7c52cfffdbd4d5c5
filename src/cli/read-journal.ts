/** The recording that a journal holds, for commands that plan with it. */
import type { PoolOptions } from '../core/options.ts';
import { readRecording } from '../sim/what-if/read-recording.ts';
import type { Recording } from '../sim/what-if/recording.ts';
import type { CliContext } from './context.ts';
import { formatCount } from './duration.ts';
import { Failure } from './failure.ts';
import { findJournal } from './journal-place.ts';
import { startProgress } from './progress.ts';

interface JournalQuery {
  readonly journal?: string;
  readonly recordedConfig?: string;
  readonly config?: string;
  readonly from?: number;
  readonly to?: number;
}

export async function readJournal(
  context: CliContext,
  query: JournalQuery,
  pool: PoolOptions,
): Promise<{ readonly place: string; readonly recording: Recording }> {
  const { journal: named, recordedConfig, config, from, to } = query;
  const place = await findJournal(context, named, recordedConfig ?? config);
  const { FileJournal } = await import('../adapters/journals/file.ts');
  const journal = new FileJournal(place);
  const bar = await startProgress(context, 'reading {bar} {percentage} % | {events} events', 1, {
    events: '0',
  });
  try {
    const recording = await readRecording(journal, {
      ...{ pool, from, to, signal: context.signal },
      onRead: (events, last) => bar.update(events / last, { events: formatCount(events) }),
    });
    if (recording !== null) return { place, recording };
    throw new Failure(`${place} has no event in that time.`, { code: 'NO_EVENTS' });
  } finally {
    bar.stop();
    await journal.close();
  }
}
