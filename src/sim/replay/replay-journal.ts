/** The journal of a replay: one of its own that goes with it, unless the user wants to keep it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJournal } from '../../adapters/journals/open.ts';
import type { Journal } from '../../host/ports.ts';
import { ReplayError } from './replay-error.ts';

export interface ReplayJournal {
  readonly journal: Journal;
  /** After the journal has been closed. */
  dispose(): Promise<void>;
}

export async function openReplayJournal(url: string | undefined): Promise<ReplayJournal> {
  if (url !== undefined) return { journal: await emptyJournal(url), dispose: async () => {} };
  const directory = await mkdtemp(join(tmpdir(), 'remuda-replay-'));
  return {
    journal: openJournal(`file:${directory}`),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The address names no journal that there is. */
export class UnknownJournalError extends ReplayError {}

function opened(url: string): Journal {
  try {
    return openJournal(url);
  } catch (error) {
    throw new UnknownJournalError((error as Error).message.replace(/^journal\.url: /, ''));
  }
}

/** Time in a replay is that of its trace: its events cannot follow those of another life. */
async function emptyJournal(url: string): Promise<Journal> {
  const journal = opened(url);
  try {
    const lastEvent = await journal.lastEvent();
    if (lastEvent === 0) return journal;
    throw new ReplayError(
      `${journal.name} already holds ${lastEvent} events; a replay needs a journal of its own.`,
    );
  } catch (error) {
    await journal.close();
    throw error;
  }
}
