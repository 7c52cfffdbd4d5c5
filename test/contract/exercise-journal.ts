/**
 * What every journal promises (src/host/ports.ts), as tests. An adapter brings its storage; what it
 * cannot be held to, it names with the reason.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Batch, type Journal, JournalError, type Snapshot } from '../../src/host/ports.ts';

export interface JournalStorage {
  /** A new instance on this storage, as another process would make it. */
  connect(): Journal;
  /** Lets a second writer in while the first still believes that it is the writer. */
  loseLock?(): Promise<void>;
  /** Changes a stored byte of the batch that begins with this event. No journal is open. */
  damageBatch?(first: number): Promise<void>;
  /** Changes a stored byte of this snapshot. No journal is open. */
  damageSnapshot?(lastEvent: number): Promise<void>;
  /** After the last test's journals were closed. */
  dispose(): Promise<void>;
}

export interface StorageOptions {
  /** How much the storage keeps of batches that no snapshot needs. */
  readonly retainBytes: number;
}

/** Clauses that an adapter leaves out, each with its reason. */
export type SkippedClauses = {
  readonly [clause in 'lost lock' | 'damaged batch' | 'damaged snapshot' | 'retention']?: string;
};

const MEGABYTE = 1024 * 1024;

/** Bytes that differ from batch to batch, and are the same each time. */
export function payloadOf(first: number, length: number): Uint8Array {
  const payload = new Uint8Array(length);
  let state = (first * 2654435761) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    payload[i] = state >>> 24;
  }
  return payload;
}

export function batchOf(first: number, count = 1, epoch = 1, length = 40): Batch {
  return { first, count, epoch, at: 1_700_000_000_000 + first, payload: payloadOf(first, length) };
}

export async function readAll(journal: Journal, from = 1): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of journal.read(from)) batches.push(batch);
  return batches;
}

/** The batches until the read fails, and what it failed with. */
async function readUntilFault(journal: Journal): Promise<{ batches: Batch[]; error: unknown }> {
  const batches: Batch[] = [];
  try {
    for await (const batch of journal.read(1)) batches.push(batch);
    return { batches, error: null };
  } catch (error) {
    return { batches, error };
  }
}

/** Fails unless the promise is rejected with a JournalError of this fault; returns the error. */
export async function expectFault(
  promise: Promise<unknown>,
  fault: JournalError['fault'],
): Promise<JournalError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(JournalError);
  expect((error as JournalError).fault).toBe(fault);
  return error as JournalError;
}

/** As plain arrays: a payload may come back as a Buffer. */
const plain = ({ first, count, epoch, at, payload }: Batch) => ({
  first,
  count,
  epoch,
  at,
  payload: Buffer.from(payload).toString('base64'),
});

export function expectBatches(actual: readonly Batch[], expected: readonly Batch[]): void {
  expect(actual.map(plain)).toEqual(expected.map(plain));
}

function expectSnapshot(actual: Snapshot | null, expected: Snapshot): void {
  const content = (snapshot: Snapshot | null) => ({
    lastEvent: snapshot?.lastEvent,
    chunks: snapshot?.chunks.map((chunk) => Buffer.from(chunk).toString('base64')),
  });
  expect(content(actual)).toEqual(content(expected));
}

export function snapshotOf(lastEvent: number, ...lengths: number[]): Snapshot {
  const chunks = lengths.map((length, index) => payloadOf(lastEvent * 31 + index, length));
  return { lastEvent, chunks };
}

export function exerciseJournal(
  name: string,
  make: (options: StorageOptions) => JournalStorage | Promise<JournalStorage>,
  skipped: SkippedClauses = {},
): void {
  let storage: JournalStorage;
  let journals: Journal[] = [];

  const connect = (): Journal => {
    const journal = storage.connect();
    journals.push(journal);
    return journal;
  };

  const openNew = async () => {
    const journal = connect();
    const { epoch, lastEvent } = await journal.open();
    return { journal, epoch, lastEvent };
  };

  const closeAll = async () => {
    for (const journal of journals) await journal.close();
    journals = [];
  };

  const begin = async (retainBytes: number) => {
    storage = await make({ retainBytes });
  };

  /** Registers a test, or its reason for being left out. */
  const unlessSkipped = (
    clause: keyof SkippedClauses,
    title: string,
    test: () => Promise<void>,
  ) => {
    const reason = skipped[clause];
    if (reason === undefined) it(title, test);
    else it.skip(`${title} (left out: ${reason})`, test);
  };

  describe(`journal ${name}`, () => {
    beforeEach(() => begin(Number.MAX_SAFE_INTEGER));

    afterEach(async () => {
      await closeAll();
      await storage.dispose();
    });

    describe('when empty', () => {
      it('opens at event 0 under an epoch above 0', async () => {
        const { epoch, lastEvent } = await openNew();
        expect(lastEvent).toBe(0);
        expect(epoch).toBeGreaterThan(0);
      });

      it('reads nothing, opened or not', async () => {
        const reader = connect();
        for (const opened of [false, true]) {
          if (opened) await openNew();
          expect(await reader.lastEvent()).toBe(0);
          expect(await readAll(reader)).toEqual([]);
          expect(await reader.loadSnapshot()).toBeNull();
        }
      });
    });

    describe('append', () => {
      it('keeps every field and byte', async () => {
        const { journal, epoch } = await openNew();
        const written = [batchOf(1, 3, epoch), batchOf(4, 1, epoch, 1), batchOf(5, 1000, epoch)];
        for (const batch of written) await journal.append(batch);
        expect(await journal.lastEvent()).toBe(1004);
        expectBatches(await readAll(journal), written);
        expectBatches(await readAll(connect()), written);
      });

      it('takes an empty payload and one of 10 MB', async () => {
        const { journal, epoch } = await openNew();
        const written = [batchOf(1, 1, epoch, 0), batchOf(2, 1, epoch, 10 * MEGABYTE)];
        for (const batch of written) await journal.append(batch);
        const read = await readAll(journal);
        expect(read.map(({ payload }) => payload.length)).toEqual([0, 10 * MEGABYTE]);
        expect(Buffer.compare(read[1]!.payload, written[1]!.payload)).toBe(0);
      });

      it('takes a part of a larger buffer, leaves it alone and keeps what it was', async () => {
        const { journal, epoch } = await openNew();
        const buffer = payloadOf(7, 4000);
        const payload = buffer.subarray(1000, 1500);
        const before = Buffer.from(payload);
        const appended = journal.append({ ...batchOf(1, 1, epoch), payload });
        expect(Buffer.compare(payload, before)).toBe(0);
        await appended;
        buffer.fill(0);
        const [read] = await readAll(journal);
        expect(Buffer.compare(read!.payload, before)).toBe(0);
      });

      it('takes 1,000 at once, in order', async () => {
        const { journal, epoch } = await openNew();
        const written = Array.from({ length: 1000 }, (_, i) => batchOf(i + 1, 1, epoch));
        const order: number[] = [];
        await Promise.all(
          written.map((batch) => journal.append(batch).then(() => order.push(batch.first))),
        );
        expect(order).toEqual(written.map(({ first }) => first));
        expectBatches(await readAll(journal), written);
      });

      it('refuses a gap and a number that is taken, and keeps nothing of them', async () => {
        const { journal, epoch } = await openNew();
        await expectFault(journal.append(batchOf(2, 1, epoch)), 'fenced');
        await journal.append(batchOf(1, 2, epoch));
        for (const first of [1, 2, 4]) {
          await expectFault(journal.append(batchOf(first, 1, epoch)), 'fenced');
        }
        expect(await journal.lastEvent()).toBe(2);
        await journal.append(batchOf(3, 1, epoch));
        expectBatches(await readAll(journal), [batchOf(1, 2, epoch), batchOf(3, 1, epoch)]);
      });

      it('refuses an epoch older than the newest writer', async () => {
        const first = await openNew();
        await first.journal.append(batchOf(1, 1, first.epoch));
        await first.journal.close();
        const { journal, epoch } = await openNew();
        await expectFault(journal.append(batchOf(2, 1, first.epoch)), 'fenced');
        await journal.append(batchOf(2, 1, epoch));
        expect(await journal.lastEvent()).toBe(2);
      });

      it('is refused before open and after close', async () => {
        const journal = connect();
        await expect(journal.append(batchOf(1))).rejects.toThrow();
        const { epoch } = await journal.open();
        await journal.append(batchOf(1, 1, epoch));
        await journal.close();
        await journal.close();
        await expect(journal.append(batchOf(2, 1, epoch))).rejects.toThrow();
        await expect(journal.lastEvent()).rejects.toThrow();
        expect(await connect().lastEvent()).toBe(1);
      });
    });

    describe('probe', () => {
      it('passes on a healthy journal and leaves nothing behind', async () => {
        const { journal, epoch } = await openNew();
        await journal.append(batchOf(1, 1, epoch));
        for (let i = 0; i < 3; i++) await journal.probe();
        expect(await journal.lastEvent()).toBe(1);
        await journal.append(batchOf(2, 1, epoch));
        expectBatches(await readAll(journal), [batchOf(1, 1, epoch), batchOf(2, 1, epoch)]);
      });
    });

    describe('writers', () => {
      it('have a new epoch each time and go on where the last one ended', async () => {
        const written: Batch[] = [];
        let lastEpoch = 0;
        for (let life = 0; life < 4; life++) {
          const { journal, epoch, lastEvent } = await openNew();
          expect(epoch).toBeGreaterThan(lastEpoch);
          expect(lastEvent).toBe(written.length);
          written.push(batchOf(lastEvent + 1, 1, epoch));
          await journal.append(written.at(-1)!);
          lastEpoch = epoch;
          await journal.close();
        }
        expectBatches(await readAll(connect()), written);
      });

      it('exclude each other until the first one closes', async () => {
        const first = await openNew();
        const second = connect();
        const error = await expectFault(second.open(), 'fenced');
        expect(error.message).toContain('in use');
        await first.journal.append(batchOf(1, 1, first.epoch));
        await expectFault(second.open(), 'fenced');
        await first.journal.close();
        const { epoch, lastEvent } = await second.open();
        expect(lastEvent).toBe(1);
        expect(epoch).toBeGreaterThan(first.epoch);
      });

      unlessSkipped('lost lock', 'are fenced by a newer one when their lock is lost', async () => {
        const first = await openNew();
        await first.journal.append(batchOf(1, 1, first.epoch));
        await storage.loseLock!();
        const second = await openNew();
        expect(second.lastEvent).toBe(1);
        expect(second.epoch).toBeGreaterThan(first.epoch);
        // Not even before the new one has appended anything.
        await expectFault(first.journal.append(batchOf(2, 1, first.epoch)), 'fenced');
        await second.journal.append(batchOf(2, 5, second.epoch));
        await expectFault(first.journal.append(batchOf(2, 1, first.epoch)), 'fenced');
        await expectFault(first.journal.append(batchOf(7, 1, first.epoch)), 'fenced');
        expectBatches(await readAll(second.journal), [
          batchOf(1, 1, first.epoch),
          batchOf(2, 5, second.epoch),
        ]);
      });
    });

    describe('read', () => {
      it('begins with the batch that holds the event', async () => {
        const { journal, epoch } = await openNew();
        const written = [batchOf(1, 3, epoch), batchOf(4, 1, epoch), batchOf(5, 5, epoch)];
        for (const batch of written) await journal.append(batch);
        for (let from = 0; from <= 12; from++) {
          const expected = written.filter(({ first, count }) => first + count - 1 >= from);
          expectBatches(await readAll(journal, from), expected);
        }
      });

      it('gives many megabytes batch by batch, and can be left early', async () => {
        const { journal, epoch } = await openNew();
        const written = Array.from({ length: 60 }, (_, i) => batchOf(i + 1, 1, epoch, 200_000));
        for (const batch of written) await journal.append(batch);
        let next = 1;
        for await (const batch of journal.read(1)) {
          expect(batch.first).toBe(next++);
          expect(Buffer.compare(batch.payload, written[batch.first - 1]!.payload)).toBe(0);
        }
        expect(next).toBe(61);
        for await (const batch of journal.read(1)) if (batch.first === 5) break;
        expect(await readAll(journal, 60)).toHaveLength(1);
      });

      it('goes on beside a writer and always gives what had been acknowledged', async () => {
        const { journal, epoch } = await openNew();
        const reader = connect();
        let acknowledged = 0;
        let isDone = false;
        const writing = (async () => {
          for (let first = 1; first <= 900; first += 3) {
            await journal.append(batchOf(first, 3, epoch, 3000));
            acknowledged = first + 2;
          }
          isDone = true;
        })();
        let reads = 0;
        while (!isDone) {
          const least = acknowledged;
          expect(await reader.lastEvent()).toBeGreaterThanOrEqual(least);
          let next = 1;
          for await (const { first, count, payload } of reader.read(1)) {
            expect(first).toBe(next);
            expect(Buffer.compare(payload, payloadOf(first, 3000))).toBe(0);
            next += count;
          }
          expect(next - 1).toBeGreaterThanOrEqual(least);
          reads += 1;
          await new Promise((resolve) => setImmediate(resolve));
        }
        await writing;
        expect(reads).toBeGreaterThan(0);
        expect(await readAll(reader, 898)).toHaveLength(1);
      });

      unlessSkipped('damaged batch', 'stops at a batch that is not as it was written', async () => {
        const { journal, epoch } = await openNew();
        for (let first = 1; first <= 9; first += 1) await journal.append(batchOf(first, 1, epoch));
        await closeAll();
        await storage.damageBatch!(5);
        const { batches, error } = await readUntilFault(connect());
        expect(batches.map(({ first }) => first)).toEqual([1, 2, 3, 4]);
        expect(error).toBeInstanceOf(JournalError);
        expect((error as JournalError).fault).toBe('corrupt');
        expectBatches(
          await readAll(connect(), 6),
          [6, 7, 8, 9].map((n) => batchOf(n, 1, epoch)),
        );
      });
    });

    describe('snapshots', () => {
      /** A journal of ten events, one a batch. */
      const openTen = async () => {
        const opened = await openNew();
        for (let first = 1; first <= 10; first++) {
          await opened.journal.append(batchOf(first, 1, opened.epoch));
        }
        return opened;
      };

      it('come back as they were, also in another life', async () => {
        const { journal } = await openTen();
        const snapshot = snapshotOf(7, 100, 0, 1, 3 * MEGABYTE);
        await journal.saveSnapshot(snapshot);
        expectSnapshot(await journal.loadSnapshot(), snapshot);
        await journal.close();
        expectSnapshot(await connect().loadSnapshot(), snapshot);
      });

      it('may be without any chunk', async () => {
        const { journal } = await openTen();
        await journal.saveSnapshot(snapshotOf(3));
        expectSnapshot(await journal.loadSnapshot(), snapshotOf(3));
      });

      it('give the one with the newest event', async () => {
        const { journal } = await openTen();
        await journal.saveSnapshot(snapshotOf(9, 50));
        await journal.saveSnapshot(snapshotOf(4, 60));
        expectSnapshot(await journal.loadSnapshot(), snapshotOf(9, 50));
        await journal.saveSnapshot(snapshotOf(10, 70));
        expectSnapshot(await journal.loadSnapshot(), snapshotOf(10, 70));
      });

      it('replace one of the same event', async () => {
        const { journal } = await openTen();
        await journal.saveSnapshot(snapshotOf(9, 50));
        await journal.saveSnapshot({ lastEvent: 9, chunks: [payloadOf(1, 10)] });
        expectSnapshot(await journal.loadSnapshot(), {
          lastEvent: 9,
          chunks: [payloadOf(1, 10)],
        });
      });

      it('can be saved by a reader beside the writer', async () => {
        const { journal, epoch } = await openTen();
        const reader = connect();
        let last = 10;
        const writing = (async () => {
          for (; last < 200; last++) await journal.append(batchOf(last + 1, 1, epoch, 2000));
        })();
        for (let i = 0; i < 5; i++) {
          const lastEvent = await reader.lastEvent();
          await reader.saveSnapshot(snapshotOf(lastEvent, 100_000, 100_000));
          expectSnapshot(await journal.loadSnapshot(), snapshotOf(lastEvent, 100_000, 100_000));
        }
        await writing;
        expect(await journal.lastEvent()).toBe(200);
      });

      it('leave every batch readable that the older of the newest two needs', async () => {
        const { journal, epoch } = await openTen();
        for (const lastEvent of [2, 5, 8]) await journal.saveSnapshot(snapshotOf(lastEvent, 50));
        const expected = [6, 7, 8, 9, 10].map((first) => batchOf(first, 1, epoch));
        expectBatches(await readAll(journal, 6), expected);
      });

      unlessSkipped('damaged snapshot', 'pass over a damaged one', async () => {
        const { journal } = await openTen();
        for (const lastEvent of [2, 5, 8]) await journal.saveSnapshot(snapshotOf(lastEvent, 5000));
        await closeAll();
        await storage.damageSnapshot!(8);
        expectSnapshot(await connect().loadSnapshot(), snapshotOf(5, 5000));
        await closeAll();
        await storage.damageSnapshot!(5);
        expect(await connect().loadSnapshot()).toBeNull();
      });

      unlessSkipped('retention', 'let batches go that no kept one needs', async () => {
        await storage.dispose();
        await begin(100_000);
        const { journal, epoch } = await openNew();
        const written = Array.from({ length: 100 }, (_, i) => batchOf(i + 1, 1, epoch, 10_000));
        for (const batch of written) await journal.append(batch);
        await journal.saveSnapshot(snapshotOf(50, 10));
        expect(await readAll(journal)).toHaveLength(100);
        await journal.saveSnapshot(snapshotOf(100, 10));
        let { batches, error } = await readUntilFault(journal);
        for (const end = Date.now() + 10_000; error === null && Date.now() < end; ) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          ({ batches, error } = await readUntilFault(journal));
        }
        expect((error as JournalError).fault).toBe('corrupt');
        expect((error as JournalError).message).toContain('no longer keeps event 1');
        expect(batches).toEqual([]);
        expectBatches(await readAll(journal, 51), written.slice(50));
        await journal.append(batchOf(101, 1, epoch));
        await closeAll();
        expect((await openNew()).lastEvent).toBe(101);
      });
    });
  });
}
