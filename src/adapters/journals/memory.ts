import { crc32 } from 'node:zlib';
import { type Batch, type Journal, JournalError, type Snapshot } from '../../host/ports.ts';
import { assertBatch, assertSnapshotFits, checksumOf, lastEventOf } from './checksum.ts';

const KEPT_SNAPSHOTS = 2;

export interface MemoryDiskOptions {
  /** As in FileJournalOptions, of payloads; without it nothing is ever deleted. */
  readonly retainBytes?: number;
}

interface StoredBatch {
  readonly batch: Batch;
  readonly crc: number;
}

interface StoredSnapshot {
  readonly snapshot: Snapshot;
  readonly crcs: readonly number[];
}

/** Stands for the disk: what is on it outlives the journals that use it. */
export class MemoryDisk {
  readonly batches: StoredBatch[] = [];
  /** Newest first. */
  readonly snapshots: StoredSnapshot[] = [];
  epoch = 0;
  /** The journal that is open for writing. A dead process holds nothing: set it to null. */
  holder: MemoryJournal | null = null;
  readonly #retainBytes: number;
  #bytes = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.#retainBytes = options.retainBytes ?? Number.POSITIVE_INFINITY;
  }

  get lastEvent(): number {
    const newest = this.batches.at(-1);
    return newest ? lastEventOf(newest.batch) : 0;
  }

  add(batch: Batch): void {
    const { first, count, epoch, at } = batch;
    const kept = { first, count, epoch, at, payload: new Uint8Array(batch.payload) };
    this.batches.push({ batch: kept, crc: checksumOf(kept) });
    this.#bytes += kept.payload.length;
  }

  /** The index of the first batch that ends at `event` or later. */
  indexOf(event: number): number {
    let low = 0;
    let high = this.batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (lastEventOf(this.batches[middle]!.batch) < event) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  addSnapshot({ lastEvent, chunks }: Snapshot): void {
    const snapshot = { lastEvent, chunks: chunks.map((chunk) => new Uint8Array(chunk)) };
    const same = this.snapshots.findIndex((stored) => stored.snapshot.lastEvent === lastEvent);
    if (same >= 0) this.snapshots.splice(same, 1);
    this.snapshots.push({ snapshot, crcs: snapshot.chunks.map((chunk) => crc32(chunk)) });
    this.snapshots.sort((a, b) => b.snapshot.lastEvent - a.snapshot.lastEvent);
    this.snapshots.length = Math.min(this.snapshots.length, KEPT_SNAPSHOTS);
    this.#prune(this.snapshots[KEPT_SNAPSHOTS - 1]?.snapshot.lastEvent ?? 0);
  }

  /** The newest batch stays in any case, as the end that the next one is checked against. */
  #prune(unneededUpTo: number): void {
    let count = 0;
    for (const { batch } of this.batches.slice(0, -1)) {
      if (this.#bytes <= this.#retainBytes || lastEventOf(batch) > unneededUpTo) break;
      this.#bytes -= batch.payload.length;
      count += 1;
    }
    this.batches.splice(0, count);
  }
}

/** The journal of a process that may forget everything when it ends: for tests and for trials. */
export class MemoryJournal implements Journal {
  readonly name = 'memory:';
  readonly #disk: MemoryDisk;
  /** 0 until it is the writer. */
  #epoch = 0;
  #isClosed = false;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
  }

  async open(): Promise<{ epoch: number; lastEvent: number }> {
    this.#expectUsable();
    if (this.#epoch > 0) throw new Error('the journal is already open');
    if (this.#disk.holder) {
      throw new JournalError(
        'fenced',
        `The journal ${this.name} is in use by another writer of this process. Close that one, or give this one a journal of its own.`,
      );
    }
    this.#disk.holder = this;
    const newest = this.#disk.batches.at(-1)?.batch;
    this.#epoch = Math.max(this.#disk.epoch, newest?.epoch ?? 0) + 1;
    this.#disk.epoch = this.#epoch;
    return { epoch: this.#epoch, lastEvent: this.#disk.lastEvent };
  }

  async append(batch: Batch): Promise<void> {
    assertBatch(batch);
    this.#expectWriter(batch.epoch);
    const { lastEvent } = this.#disk;
    if (lastEvent + 1 !== batch.first) {
      throw new JournalError(
        'fenced',
        `The journal ${this.name} ends at event ${lastEvent}, so event ${batch.first} cannot follow. Another writer may have appended; this one must stop.`,
      );
    }
    this.#disk.add(batch);
  }

  async probe(): Promise<void> {
    this.#expectWriter(this.#epoch);
  }

  async lastEvent(): Promise<number> {
    this.#expectUsable();
    return this.#disk.lastEvent;
  }

  async *read(from: number): AsyncGenerator<Batch> {
    const { batches } = this.#disk;
    let next = Math.max(1, from);
    // Looked up anew each time: batches are added and deleted while a reader is on its way.
    for (let index = this.#disk.indexOf(next); index < batches.length; ) {
      this.#expectUsable();
      const { batch, crc } = batches[index]!;
      if (batch.first > next) throw this.#missing(next, batch.first, index === 0);
      if (checksumOf(batch) !== crc) {
        throw new JournalError(
          'corrupt',
          `The batch of event ${batch.first} in the journal ${this.name} fails its checksum.`,
        );
      }
      yield batch;
      next = lastEventOf(batch) + 1;
      index = this.#disk.indexOf(next);
    }
  }

  #missing(event: number, next: number, isOldest: boolean): JournalError {
    const what = isOldest
      ? `no longer keeps event ${event}; its oldest is ${next}. Start from a snapshot, or from event ${next}`
      : `lacks the events ${event} to ${next - 1}`;
    return new JournalError('corrupt', `The journal ${this.name} ${what}.`);
  }

  async loadSnapshot(): Promise<Snapshot | null> {
    this.#expectUsable();
    const intact = this.#disk.snapshots.find(({ snapshot, crcs }) =>
      snapshot.chunks.every((chunk, index) => crc32(chunk) === crcs[index]),
    );
    return intact?.snapshot ?? null;
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    this.#expectUsable();
    assertSnapshotFits(snapshot.lastEvent, this.#disk.lastEvent);
    this.#disk.addSnapshot(snapshot);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#disk.holder === this) this.#disk.holder = null;
  }

  #expectWriter(own: number): void {
    this.#expectUsable();
    if (this.#epoch === 0) {
      throw new Error('the journal is not open for writing; call open() first');
    }
    const { epoch } = this.#disk;
    if (epoch <= own) return;
    throw new JournalError(
      'fenced',
      `Another writer has taken over the journal ${this.name} (epoch ${epoch}, this one has ${own}). This one must stop.`,
    );
  }

  #expectUsable(): void {
    if (this.#isClosed) throw new JournalError('io', `The journal ${this.name} is closed.`);
  }
}
