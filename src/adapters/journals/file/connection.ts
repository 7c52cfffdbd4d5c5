/** Read-only connections to a journal, also where nothing may be written. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { openReadOnly } from './database.ts';
import { cannotOpen } from './faults.ts';
import type { JournalPaths } from './paths.ts';

export interface Connection {
  readonly database: DatabaseSync;
  /** False when a writer's work since then would not appear in it. */
  isCurrent(): boolean;
  close(): void;
}

export const sizeOf = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function asItIs(database: DatabaseSync): Connection {
  return { database, isCurrent: () => true, close: () => database.close() };
}

/** The bare database file. Only right when there is no log that adds to it. */
function immutable(paths: JournalPaths): Connection {
  const location = pathToFileURL(paths.database);
  location.searchParams.set('immutable', '1');
  const database = openReadOnly(location);
  return { database, isCurrent: () => false, close: () => database.close() };
}

function copied(paths: JournalPaths): Connection {
  const directory = mkdtempSync(join(tmpdir(), 'remuda-journal-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    const path = join(directory, 'journal.db');
    copyFileSync(paths.database, path);
    copyFileSync(paths.wal, `${path}-wal`);
    const database = openReadOnly(path);
    return {
      database,
      isCurrent: () => !existsSync(paths.shm),
      close() {
        database.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** No program has the journal open, and its log is empty: it was closed as it should be. */
export function isAtRest(paths: JournalPaths): boolean {
  const hasIndex = existsSync(paths.shm);
  return !hasIndex && sizeOf(paths.wal) === 0;
}

/**
 * SQLite keeps an index of the log in a file beside it and makes it when it is missing. Where it
 * cannot (a read-only copy), a journal at rest is read without, any other from a temporary copy.
 */
export function connect(paths: JournalPaths): Connection {
  try {
    return asItIs(openReadOnly(paths.database));
  } catch (error) {
    if (!cannotOpen(error) || sizeOf(paths.database) === 0) throw error;
    return sizeOf(paths.wal) === 0 ? immutable(paths) : copied(paths);
  }
}

/** Leaves no trace in the directory of a journal at rest, where `connect` would add that index. */
export function connectUnseen(paths: JournalPaths): Connection {
  return isAtRest(paths) ? immutable(paths) : connect(paths);
}
