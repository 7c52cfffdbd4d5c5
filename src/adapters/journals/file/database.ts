/**
 * The batches in SQLite: one row a batch, its number the key. Everything a reader gets goes through
 * `toBatch`, which lets no damaged row pass.
 */
import { DatabaseSync } from 'node:sqlite';
import { type Batch, JournalError } from '../../../host/ports.ts';
import { checksumOf } from '../checksum.ts';
import { BUSY_TIMEOUT_MS, damaged } from './faults.ts';
import type { JournalPaths } from './paths.ts';

/** Tells a journal from other SQLite databases; `file` shows it. "Rmda" in ASCII. */
const APPLICATION_ID = 0x526d6461;
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE batch (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE TABLE writer (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    touches INTEGER NOT NULL
  ) STRICT;
  INSERT INTO writer (id, epoch, touches) VALUES (1, 0, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * FULL syncs the log at every commit; that is what an acknowledgement promises. Without fullfsync
 * macOS only hands the bytes to the disk's cache. The writer makes its checkpoints itself, after
 * the acknowledgement, so that no append fails for a checkpoint's sake.
 */
const WRITER_SETTINGS = `
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA wal_autocheckpoint = 0;
  PRAGMA journal_size_limit = ${64 * 1024 * 1024};
  PRAGMA cell_size_check = ON;
  PRAGMA cache_size = -4096;
`;

const READER_SETTINGS = 'PRAGMA cell_size_check = ON; PRAGMA cache_size = -2048;';

export interface BatchRow {
  readonly first: number;
  readonly count: number;
  readonly epoch: number;
  readonly at: number;
  readonly crc: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

export const BATCH_COLUMNS = 'first, count, epoch, at, crc, payload';

export function pragma(database: DatabaseSync, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

export function openForWriting(paths: JournalPaths): DatabaseSync {
  const database = new DatabaseSync(paths.database, { timeout: BUSY_TIMEOUT_MS });
  try {
    const mode = pragma(database, 'journal_mode = WAL');
    if (mode !== 'wal') {
      throw new JournalError(
        'io',
        `The file system of ${paths.directory} cannot share memory between programs, which the journal needs. Use a local disk, not a network share (journal.url).`,
      );
    }
    database.exec(WRITER_SETTINGS);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** `location` is a path, or a URL with SQLite's own parameters. */
export function openReadOnly(location: string | URL): DatabaseSync {
  const database = new DatabaseSync(location, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec(READER_SETTINGS);
    // Opening is lazy; reading something shows here whether the log's index can be used.
    database.exec('SELECT count(*) FROM sqlite_schema');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** False for a database that is still empty. Throws for one that is not a journal. */
export function isJournal(database: DatabaseSync, path: string): boolean {
  const application = pragma(database, 'application_id');
  const version = Number(pragma(database, 'user_version'));
  if (application === APPLICATION_ID && version === SCHEMA_VERSION) return true;
  if (application === APPLICATION_ID && version > SCHEMA_VERSION) {
    throw new JournalError(
      'corrupt',
      `${path} was written by a newer Remuda (format ${version}; this one reads ${SCHEMA_VERSION}). Upgrade this one.`,
    );
  }
  const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n;
  if (tables === 0 && application === 0) return false;
  throw damaged(path, 'it is a database, but not one of a journal');
}

export function createSchema(database: DatabaseSync): void {
  database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
}

/** Throws JournalError `corrupt` unless the row holds what was appended. */
export function toBatch(row: BatchRow, path: string): Batch & { payload: Uint8Array<ArrayBuffer> } {
  const { first, count, epoch, at, payload } = row;
  const batch = { first, count, epoch, at, payload };
  const areNumbers = [first, count, epoch, at].every(Number.isSafeInteger);
  const isIntact = areNumbers && count >= 1 && payload instanceof Uint8Array;
  if (!isIntact || checksumOf(batch) !== row.crc) {
    throw damaged(path, `the batch of event ${first} fails its checksum`);
  }
  return batch;
}

/** The newest batch, checked; null if there is none. */
export function newestBatch(database: DatabaseSync, path: string): Batch | null {
  const row = database
    .prepare(`SELECT ${BATCH_COLUMNS} FROM batch ORDER BY first DESC LIMIT 1`)
    .get() as unknown as BatchRow | undefined;
  return row === undefined ? null : toBatch(row, path);
}

/** The newest event's number without reading its batch; 0 if there is none. */
export function newestEvent(database: DatabaseSync): number {
  const row = database
    .prepare('SELECT first + count - 1 AS last FROM batch ORDER BY first DESC LIMIT 1')
    .get();
  return Number(row?.last ?? 0);
}

export function writerEpoch(database: DatabaseSync): number {
  return Number(database.prepare('SELECT epoch FROM writer').get()?.epoch ?? 0);
}

/** A commit without content. */
export function touch(database: DatabaseSync): void {
  database.exec('UPDATE writer SET touches = touches + 1');
}
