import { basename } from 'node:path';
import { type Batch, type Journal, JournalError, type Snapshot } from '../../host/ports.ts';
import { assertBatch, assertSnapshotFits, lastEventOf } from './checksum.ts';
import { toJournalError } from './file/faults.ts';
import { type JournalPaths, pathsIn } from './file/paths.ts';
import type { PageRequest } from './file/reader.ts';
import type { ReaderCalls } from './file/reader-thread.ts';
import { DamagedSnapshotError, readSnapshot } from './file/snapshot-file.ts';
import { listSnapshots, saveSnapshot } from './file/snapshots.ts';
import { Thread } from './file/thread.ts';
import { type JournalReport, withSnapshots } from './file/verify.ts';
import type { WriterOptions } from './file/writer.ts';
import type { WriterCalls } from './file/writer-thread.ts';

export type { JournalReport } from './file/verify.ts';

/** While one is looked for, newer ones may push out all that were there. */
const LOAD_ATTEMPTS = 3;
const DEFAULT_RETAIN_BYTES = 512 * 1024 * 1024;

export interface FileJournalOptions {
  /**
   * Batches that no snapshot needs any more are kept, for export and replay, while all together
   * fill no more than this of journal.db.
   */
  readonly retainBytes?: number;
  /** Told of each repair and of everything damaged that was passed over. */
  readonly onRepair?: (message: string) => void;
}

/**
 * The journal in a directory of this machine: an SQLite database with a row a batch, and snapshots
 * as files beside it. SQLite is synchronous, so it lives in two worker threads, one to write and
 * one to read; each starts with its first use. What they do is in file/writer.ts and file/reader.ts.
 */
export class FileJournal implements Journal {
  readonly name: string;
  readonly #paths: JournalPaths;
  readonly #writerOptions: WriterOptions;
  readonly #report: (message: string) => void;
  #writerThread: Thread<WriterCalls> | null = null;
  #readerThread: Thread<ReaderCalls> | null = null;
  #isWriter = false;
  #isClosed = false;

  constructor(directory: string, options: FileJournalOptions = {}) {
    this.#paths = pathsIn(directory);
    this.name = `file:${this.#paths.directory}`;
    const { retainBytes = DEFAULT_RETAIN_BYTES, onRepair } = options;
    this.#writerOptions = { paths: this.#paths, retainBytes };
    this.#report = onRepair ?? (() => undefined);
  }

  async open(): Promise<{ epoch: number; lastEvent: number }> {
    const opened = await this.#writer().call('open', []);
    this.#isWriter = true;
    return opened;
  }

  async append(batch: Batch): Promise<void> {
    assertBatch(batch);
    const { first, count, epoch, at } = batch;
    // One copy of its own: the caller's payload may be a part of a larger buffer, and it must stay
    // readable, because a batch that did not fit on the disk is appended again.
    const payload = new Uint8Array(batch.payload);
    await this.#writer().call('append', [{ first, count, epoch, at, payload }], [payload.buffer]);
  }

  async probe(): Promise<void> {
    await this.#writer().call('probe', []);
  }

  async lastEvent(): Promise<number> {
    return this.#reader().call('lastEvent', []);
  }

  async *read(event: number): AsyncGenerator<Batch> {
    const reader = this.#reader();
    const from = Math.max(1, event);
    const fetch = (previous: PageRequest['previous']) => {
      const page = reader.call('page', [{ from, previous }]);
      // A page is fetched ahead; when its reader has left, nobody is there to see it fail.
      page.catch(() => undefined);
      return page;
    };
    let next = fetch(null);
    for (;;) {
      const { batches, isLast } = await next;
      const last = batches.at(-1);
      if (!isLast && last) next = fetch({ lastEvent: lastEventOf(last), epoch: last.epoch });
      yield* batches;
      if (isLast) return;
    }
  }

  async loadSnapshot(): Promise<Snapshot | null> {
    this.#expectUsable();
    for (let attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
      let hasVanished = false;
      for (const file of this.#listSnapshots()) {
        try {
          return await readSnapshot(file);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') hasVanished = true;
          else this.#report(`${basename(file.path)} was passed over: ${reasonOf(error)}.`);
        }
      }
      if (!hasVanished) break;
    }
    return null;
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    assertSnapshotFits(snapshot.lastEvent, await this.lastEvent());
    const { directory } = this.#paths;
    try {
      await saveSnapshot(directory, snapshot);
    } catch (error) {
      throw toJournalError(error, directory, directory);
    }
    if (this.#isWriter) await this.#writer().call('snapshotSaved', []);
  }

  /** Checks all that is stored, needs no lock and changes nothing: see `JournalReport.faults`. */
  async verify(): Promise<JournalReport> {
    const batches = await this.#reader().call('verify', []);
    const lastEventNow = () => this.lastEvent().catch(() => batches.lastEvent);
    return withSnapshots(this.#paths.directory, batches, lastEventNow);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The writer goes last: only it can remove the log, and only when nobody else has it open.
    try {
      await this.#readerThread?.call('close', []);
    } finally {
      await this.#readerThread?.end();
      await this.#endWriter();
    }
  }

  async #endWriter(): Promise<void> {
    try {
      await this.#writerThread?.call('close', []);
    } finally {
      await this.#writerThread?.end();
    }
  }

  #writer(): Thread<WriterCalls> {
    this.#expectUsable();
    this.#writerThread ??= new Thread<WriterCalls>({
      file: './writer-thread',
      data: this.#writerOptions,
      report: this.#report,
    });
    return this.#writerThread;
  }

  #reader(): Thread<ReaderCalls> {
    this.#expectUsable();
    this.#readerThread ??= new Thread<ReaderCalls>({
      file: './reader-thread',
      data: this.#paths,
      report: this.#report,
    });
    return this.#readerThread;
  }

  #listSnapshots() {
    const { directory } = this.#paths;
    try {
      return listSnapshots(directory);
    } catch (error) {
      throw toJournalError(error, directory, directory, 'reading');
    }
  }

  #expectUsable(): void {
    if (this.#isClosed) throw new JournalError('io', `The journal ${this.name} is closed.`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof DamagedSnapshotError) return `it is damaged (${error.message})`;
  return `it cannot be read (${(error as Error).message})`;
}
