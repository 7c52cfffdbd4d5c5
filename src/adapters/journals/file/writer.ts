/** The one writer of a data directory: its lock, its database, its mark. Runs in a worker thread. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Batch, JournalError } from '../../../host/ports.ts';
import { checksumOf, lastEventOf } from '../checksum.ts';
import {
  createSchema,
  isJournal,
  newestEvent,
  openForWriting,
  touch,
  writerEpoch,
} from './database.ts';
import { isInputOutput, toJournalError, tryToWrite } from './faults.ts';
import { inspect, type Stored } from './inspect.ts';
import { WriterLock } from './lock.ts';
import { MarkWriter } from './mark.ts';
import { type JournalPaths, makeDirectory } from './paths.ts';
import { Retention } from './retention.ts';
import { removeUnfinished } from './snapshots.ts';

/**
 * The database itself refuses a batch that does not follow the newest one, or a writer that was
 * replaced: a lock can be lost (a network share, a removed lock file), this cannot.
 */
const APPEND = `
  INSERT INTO batch (first, count, epoch, at, crc, payload)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6
  WHERE coalesce((SELECT first + count FROM batch ORDER BY first DESC LIMIT 1), 1) = ?1
    AND (SELECT epoch FROM writer) <= ?3
`;

/** Log frames after which they are moved into the database: 4 MB, some ten milliseconds. */
const CHECKPOINT_FRAMES = 1000;
const PAGE_BYTES = 4096;
/** What a deletion adds to the log, about. */
const PRUNE_FRAMES = 8;

export interface WriterOptions {
  readonly paths: JournalPaths;
  readonly retainBytes: number;
}

interface OpenWriter {
  readonly lock: WriterLock;
  readonly epoch: number;
  readonly database: DatabaseSync;
  readonly insert: StatementSync;
  readonly mark: MarkWriter;
  readonly retention: Retention;
}

export class Writer {
  readonly #paths: JournalPaths;
  readonly #options: WriterOptions;
  readonly #report: (message: string) => void;
  #open: OpenWriter | null = null;
  #lastEvent = 0;
  /** Written to the log since the last checkpoint, about. */
  #frames = 0;
  #isCheckpointFailing = false;

  constructor(options: WriterOptions, report: (message: string) => void) {
    this.#paths = options.paths;
    this.#options = options;
    this.#report = report;
  }

  open(): { epoch: number; lastEvent: number } {
    if (this.#open) throw new Error('the journal is already open');
    return this.#guard(() => {
      makeDirectory(this.#paths.directory);
      const lock = new WriterLock(this.#paths);
      try {
        const stored = inspect(this.#paths, this.#report);
        removeUnfinished(this.#paths.directory);
        return this.#become(lock, stored);
      } catch (error) {
        lock.release();
        throw error;
      }
    });
  }

  #become(lock: WriterLock, stored: Stored): { epoch: number; lastEvent: number } {
    const { database: path } = this.#paths;
    const { lastEvent } = stored;
    const epoch = stored.epoch + 1;
    const database = openForWriting(this.#paths);
    let mark: MarkWriter | undefined;
    try {
      if (!isJournal(database, path)) createSchema(database);
      database.prepare('UPDATE writer SET epoch = ?').run(epoch);
      // From here on the log holds only what this writer appends: no remains of a torn write.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      mark = new MarkWriter(this.#paths.mark);
      mark.write({ lastEvent, epoch });
      const insert = database.prepare(APPEND);
      const retention = new Retention(database, this.#paths.directory, this.#options.retainBytes);
      this.#open = { lock, epoch, database, insert, mark, retention };
      this.#lastEvent = lastEvent;
      return { epoch, lastEvent };
    } catch (error) {
      mark?.close();
      database.close();
      throw error;
    }
  }

  append(batch: Batch): void {
    const { database, insert, mark } = this.#opened();
    const { first, count, epoch, at, payload } = batch;
    if (first !== this.#lastEvent + 1) throw this.#fenced(batch);
    const crc = checksumOf(batch);
    const { changes } = this.#guard(() => {
      try {
        return insert.run(first, count, epoch, at, crc, payload);
      } catch (error) {
        if (isInputOutput(error)) eraseUnsynced(database);
        throw error;
      }
    });
    if (changes === 0) throw this.#fenced(batch);
    this.#lastEvent = lastEventOf(batch);
    this.#frames += 2 + Math.ceil(payload.length / PAGE_BYTES);
    mark.write({ lastEvent: this.#lastEvent, epoch });
  }

  /** Throws what an append would throw now. A commit of its own shows it, and a little room. */
  probe(): void {
    const { database, epoch } = this.#opened();
    this.#guard(() => {
      const current = writerEpoch(database);
      if (current > epoch) throw this.#replaced(current, epoch);
      tryToWrite(this.#paths.directory);
      touch(database);
      this.#frames += 1;
    });
  }

  #replaced(current: number, own: number): JournalError {
    return new JournalError(
      'fenced',
      `Another Remuda has taken over the data directory ${this.#paths.directory} (epoch ${current}, this one has ${own}). This one must stop.`,
    );
  }

  #fenced(batch: Batch): JournalError {
    const { database } = this.#opened();
    const [lastEvent, epoch] = this.#guard(() => [newestEvent(database), writerEpoch(database)]);
    if (epoch > batch.epoch) return this.#replaced(epoch, batch.epoch);
    const message = `The journal in ${this.#paths.directory} ends at event ${lastEvent}, so event ${batch.first} cannot follow. Another Remuda may have written to it; this one must stop.`;
    return new JournalError('fenced', message);
  }

  /** Work that no reply waits for. Returns whether a checkpoint was made. */
  checkpointIfDue(): boolean {
    if (!this.#open || this.#frames < CHECKPOINT_FRAMES) return false;
    this.#frames = 0;
    this.#checkpoint('PASSIVE');
    return true;
  }

  /** A failed checkpoint loses nothing: the batches stay in the log until one succeeds. */
  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    try {
      this.#opened().database.exec(`PRAGMA wal_checkpoint(${mode})`);
      this.#isCheckpointFailing = false;
    } catch (error) {
      const { directory, database } = this.#paths;
      if (!this.#isCheckpointFailing) {
        const { message } = toJournalError(error, directory, database);
        this.#report(`The journal's log could not be moved into its database. ${message}`);
      }
      this.#isCheckpointFailing = true;
    }
  }

  /** Looks again for batches that no kept snapshot needs; `prune` then deletes them. */
  async review(): Promise<void> {
    try {
      await this.#open?.retention.review();
    } catch (error) {
      const { directory } = this.#paths;
      this.#report(toJournalError(error, directory, directory).message);
    }
  }

  /** Deletes some of them. Returns whether there may be more. */
  prune(): boolean {
    if (!this.#open) return false;
    try {
      this.#frames += PRUNE_FRAMES;
      return this.#open.retention.prune();
    } catch (error) {
      const { directory, database } = this.#paths;
      const { message } = toJournalError(error, directory, database);
      this.#report(`Batches that are no longer needed could not be deleted. ${message}`);
      return false;
    }
  }

  close(): void {
    if (!this.#open) return;
    const { lock, database, mark } = this.#open;
    try {
      this.#checkpoint('TRUNCATE');
      this.#open = null;
      this.#guard(() => {
        database.close();
        mark.close();
      });
    } finally {
      this.#open = null;
      lock.release();
    }
  }

  #opened(): OpenWriter {
    if (!this.#open) throw new Error('the journal is not open for writing; call open() first');
    return this.#open;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw toJournalError(error, this.#paths.directory, this.#paths.database);
    }
  }
}

/**
 * A commit whose sync failed may still lie whole in the log, and a crash would bring it back after
 * its caller was told that it failed. The next commit takes its place; this is one without content.
 */
function eraseUnsynced(database: DatabaseSync): void {
  try {
    touch(database);
  } catch {
    // The disk fails altogether. The next append that succeeds erases it.
  }
}
