/** Journals to be damaged: one that was closed as it should be, one whose process was killed. */
import { cp, rm } from 'node:fs/promises';
import { afterAll, beforeAll } from 'vitest';
import { FileJournal } from '../../src/adapters/journals/file.ts';
import { AppendChild, makeTemporary, temporary } from './file-tools.ts';
import { batchOf, snapshotOf } from './journal-fixtures.ts';

export const BATCHES = 300;

interface Stored {
  /** Ended by close(); with snapshots of the events 100 and 200. */
  closed: string;
  /** Ended by SIGKILL: all of its batches are in the log. */
  killed: string;
}

/** Made once for the tests of a file; they work on copies. */
export function storeJournals(): Stored {
  const stored: Stored = { closed: '', killed: '' };
  beforeAll(async () => {
    stored.closed = await makeTemporary();
    stored.killed = await makeTemporary();
    const journal = new FileJournal(stored.closed);
    const { epoch } = await journal.open();
    for (let first = 1; first <= BATCHES; first++) await journal.append(batchOf(first, 1, epoch));
    await journal.saveSnapshot(snapshotOf(100, 5000));
    await journal.saveSnapshot(snapshotOf(200, 5000));
    await journal.close();
    const child = new AppendChild({ directory: stored.killed, batches: BATCHES });
    await child.until('done');
    await child.kill();
  });
  afterAll(async () => {
    for (const directory of Object.values(stored)) {
      await rm(directory, { recursive: true, force: true });
    }
  });
  return stored;
}

/** A copy to be damaged. */
export async function copyOf(directory: string): Promise<string> {
  const copy = await temporary();
  await cp(directory, copy, { recursive: true });
  return copy;
}

export interface Used {
  readonly journal: FileJournal;
  readonly repairs: string[];
}

/** Opens nothing; closes the journal whatever happens. */
export async function use(directory: string, work: (used: Used) => Promise<void>): Promise<void> {
  const repairs: string[] = [];
  const journal = new FileJournal(directory, { onRepair: (message) => repairs.push(message) });
  try {
    await work({ journal, repairs });
  } finally {
    await journal.close();
  }
}
