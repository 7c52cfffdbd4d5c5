/**
 * A journal in front of a journal, for a replay. The host answers a command only when its events
 * are durable; a replay that waited for the disk a million times would take an hour. Here a batch
 * counts as written as soon as it is in line, and the journal behind gets a few thousand events at
 * a time. No more than `mostInFlight` events are ever ahead of the disk, and `close` waits for all
 * of them: until then nothing of the replay may be told to anybody.
 *
 * Batches are cut by their number of events alone, so the same events make the same journal.
 */
import type { Event } from '../core/event.ts';
import { decodeEvents, encodeEvents } from '../host/codec.ts';
import { type Batch, type Journal, JournalError, type Snapshot } from '../host/ports.ts';

export interface GroupCommitOptions {
  readonly batchEvents?: number;
  readonly mostInFlight?: number;
}

const BATCH_EVENTS = 2_500;
const MOST_IN_FLIGHT = 10_000;

export class GroupCommitJournal implements Journal {
  readonly name: string;
  readonly #journal: Journal;
  readonly #batchEvents: number;
  readonly #mostInFlight: number;
  #collected: Event[] = [];
  #accepted = 0;
  #durable = 0;
  #bytes = 0;
  #epoch = 0;
  #at = 0;
  /** The batches in line, oldest first. Each settles, never rejects, once written or failed. */
  readonly #inLine: Promise<void>[] = [];
  #failure: Error | null = null;

  constructor(journal: Journal, options: GroupCommitOptions = {}) {
    this.#journal = journal;
    this.name = journal.name;
    this.#batchEvents = options.batchEvents ?? BATCH_EVENTS;
    // With less there would be nothing in line to wait for.
    this.#mostInFlight = Math.max(this.#batchEvents, options.mostInFlight ?? MOST_IN_FLIGHT);
  }

  /** What the events took as bytes, so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Why the journal behind could not be written; null while it can. */
  get failure(): Error | null {
    return this.#failure;
  }

  async open(): Promise<{ epoch: number; lastEvent: number }> {
    const opened = await this.#journal.open();
    this.#accepted = opened.lastEvent;
    this.#durable = opened.lastEvent;
    return opened;
  }

  async append(batch: Batch): Promise<void> {
    if (this.#failure) throw stepDown(this.#failure);
    for (const event of decodeEvents(batch.payload)) this.#collected.push(event);
    this.#accepted += batch.count;
    this.#epoch = batch.epoch;
    this.#at = batch.at;
    while (this.#collected.length >= this.#batchEvents) {
      this.#handOn(this.#collected.splice(0, this.#batchEvents));
    }
    while (this.#accepted - this.#durable > this.#mostInFlight && this.#failure === null) {
      await this.#inLine[0];
    }
    if (this.#failure) throw stepDown(this.#failure);
  }

  async probe(): Promise<void> {
    await this.#journal.probe();
  }

  async lastEvent(): Promise<number> {
    return this.#accepted;
  }

  async *read(from: number): AsyncGenerator<Batch> {
    await this.#flush();
    yield* this.#journal.read(from);
  }

  loadSnapshot(): Promise<Snapshot | null> {
    return this.#journal.loadSnapshot();
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await this.#flush();
    await this.#journal.saveSnapshot(snapshot);
  }

  /** Throws when something that was in line could not be written. */
  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await this.#journal.close();
    }
  }

  async #flush(): Promise<void> {
    if (this.#collected.length > 0) this.#handOn(this.#collected.splice(0));
    await this.#inLine.at(-1);
    if (this.#failure) throw this.#failure;
  }

  #handOn(events: readonly Event[]): void {
    const payload = encodeEvents(events);
    const first = this.#accepted - this.#collected.length - events.length + 1;
    const batch = { first, count: events.length, epoch: this.#epoch, at: this.#at, payload };
    this.#bytes += payload.length;
    this.#inLine.push(this.#write(this.#inLine.at(-1), batch));
  }

  async #write(before: Promise<void> | undefined, batch: Batch): Promise<void> {
    await before;
    try {
      // What follows a batch that failed has no place in the journal.
      if (this.#failure === null) await this.#journal.append(batch);
      this.#durable = batch.first + batch.count - 1;
    } catch (error) {
      this.#failure = error as Error;
    }
    void this.#inLine.shift();
  }
}

/**
 * What was accepted is lost, so there is nothing to recover; and a host that tries again later
 * would wait for a clock that has stopped. One that is fenced refuses everything at once.
 */
function stepDown(failure: Error): JournalError {
  return new JournalError('fenced', failure.message, { cause: failure });
}
