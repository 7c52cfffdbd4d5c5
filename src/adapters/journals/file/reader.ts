/** Reads a data directory without its writer's lock. Runs in a worker thread. */
import type { DatabaseSync } from 'node:sqlite';
import { type Batch, JournalError } from '../../../host/ports.ts';
import { lastEventOf } from '../checksum.ts';
import { type Connection, connect, sizeOf } from './connection.ts';
import { BATCH_COLUMNS, type BatchRow, isJournal, newestEvent, toBatch } from './database.ts';
import { damaged, EMPTY_BESIDE_LOG, toJournalError } from './faults.ts';
import { readMark } from './mark.ts';
import type { JournalPaths } from './paths.ts';
import { scanLiveWal } from './wal.ts';

/** What one answer holds at least, unless the journal ends before; a larger batch comes alone. */
const PAGE_BYTES = 2 * 1024 * 1024;
const PAGE_BATCHES = 2000;

export interface PageRequest {
  readonly from: number;
  /** The last batch of the page before; null for the first page. */
  readonly previous: { readonly lastEvent: number; readonly epoch: number } | null;
}

export type StoredBatch = Batch & { readonly payload: Uint8Array<ArrayBuffer> };

export interface Page {
  readonly batches: readonly StoredBatch[];
  readonly isLast: boolean;
}

const NOTHING: Page = { batches: [], isLast: true };

export class Reader {
  readonly #paths: JournalPaths;
  #connection: Connection | null = null;

  constructor(paths: JournalPaths) {
    this.#paths = paths;
  }

  lastEvent(): number {
    return this.#with(0, (database, marked) => {
      const lastEvent = newestEvent(database);
      this.#expectEnd(lastEvent, marked);
      return lastEvent;
    });
  }

  /** A page has its own short transaction, so that a slow reader never keeps the log from ending. */
  page(request: PageRequest): Page {
    return this.#with(NOTHING, (database, marked) => this.#readPage(database, marked, request));
  }

  #readPage(database: DatabaseSync, marked: number, { from, previous }: PageRequest): Page {
    const start = previous ? previous.lastEvent + 1 : this.#startOf(database, from);
    const batches: StoredBatch[] = [];
    let lastEvent = start - 1;
    let epoch = previous?.epoch ?? 0;
    let bytes = 0;
    const rows = database
      .prepare(`SELECT ${BATCH_COLUMNS} FROM batch WHERE first >= ? ORDER BY first`)
      .iterate(start) as unknown as Iterable<BatchRow>;
    try {
      for (const row of rows) {
        if (row.first !== lastEvent + 1) throw this.#gap(database, lastEvent + 1, row.first);
        const batch = toBatch(row, this.#paths.database);
        if (batch.epoch < epoch) {
          throw this.#damaged(`the batch of event ${batch.first} has an older epoch than the last`);
        }
        lastEvent = lastEventOf(batch);
        epoch = batch.epoch;
        if (lastEvent < from) continue;
        batches.push(batch);
        bytes += batch.payload.length;
        if (bytes >= PAGE_BYTES || batches.length >= PAGE_BATCHES) {
          return { batches, isLast: false };
        }
      }
      this.#expectEnd(lastEvent, marked);
      return { batches, isLast: true };
    } catch (error) {
      // What comes before the fault is good and goes out first; the next page begins with it.
      if (batches.length === 0) throw error;
      return { batches, isLast: false };
    }
  }

  /** The number of the batch that holds the event, or of the newest one before it. */
  #startOf(database: DatabaseSync, event: number): number {
    const found = database.prepare('SELECT max(first) AS first FROM batch WHERE first <= ?');
    const first = found.get(event)?.first;
    if (first !== null && first !== undefined) return Number(first);
    const oldest = database.prepare('SELECT min(first) AS first FROM batch').get()?.first;
    if (oldest === null || oldest === undefined) return 1;
    throw this.#gap(database, event, Number(oldest));
  }

  #gap(database: DatabaseSync, missing: number, next: number): JournalError {
    const oldest = Number(database.prepare('SELECT min(first) AS first FROM batch').get()?.first);
    if (oldest < next) {
      return this.#damaged(`events ${missing} to ${next - 1} are missing`);
    }
    return new JournalError(
      'corrupt',
      `${this.#paths.database} no longer keeps event ${missing}; its oldest is ${oldest}. Start from a snapshot, or from event ${oldest}.`,
    );
  }

  /** `marked` was read before the database, so the database may be ahead of it, never behind. */
  #expectEnd(lastEvent: number, marked: number): void {
    if (lastEvent >= marked) return;
    throw this.#damaged(`it ends at event ${lastEvent}, but event ${marked} was acknowledged`);
  }

  #damaged(what: string): JournalError {
    return damaged(this.#paths.database, what);
  }

  /** `empty` is the result for a journal that has not been written to yet. */
  #with<T>(empty: T, work: (database: DatabaseSync, marked: number) => T): T {
    const { directory, database: path } = this.#paths;
    try {
      const mark = readMark(this.#paths.mark);
      const marked = mark === null || mark === 'damaged' ? 0 : mark.lastEvent;
      if (this.#connection?.isCurrent() === false) this.close();
      this.#connection ??= this.#connect();
      if (this.#connection) return work(this.#connection.database, marked);
      this.#expectEnd(0, marked);
      return empty;
    } catch (error) {
      throw toJournalError(error, directory, path, 'reading');
    }
  }

  /** Null while there is no journal yet, or while its writer is just creating it. */
  #connect(): Connection | null {
    const { database: path, wal } = this.#paths;
    const { damage, frames } = scanLiveWal(wal);
    if (damage) throw damaged(wal, damage.what);
    if (sizeOf(path) === 0) {
      if (frames > 0) throw damaged(path, EMPTY_BESIDE_LOG);
      return null;
    }
    const connection = connect(this.#paths);
    try {
      if (isJournal(connection.database, path)) return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
    connection.close();
    return null;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }
}
