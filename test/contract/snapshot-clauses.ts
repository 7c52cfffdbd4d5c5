/** The clauses of `saveSnapshot` and `loadSnapshot`. */
import { describe, expect, it } from 'vitest';
import type { JournalError } from '../../src/host/ports.ts';
import {
  batchOf,
  expectBatches,
  expectSnapshot,
  payloadOf,
  readAll,
  readUntilFault,
  snapshotOf,
} from './journal-fixtures.ts';
import type { JournalHarness } from './journal-harness.ts';

const MEGABYTE = 1024 * 1024;

export function exerciseSnapshots(harness: JournalHarness): void {
  describe('snapshots', () => {
    /** A journal of ten events, one a batch. */
    const openTen = async () => {
      const opened = await harness.openNew();
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
      expectSnapshot(await harness.connect().loadSnapshot(), snapshot);
    });

    it('keep what they were when their buffers are used again', async () => {
      const { journal } = await openTen();
      const chunk = Buffer.from('a pooled buffer '.repeat(20));
      const expected = Buffer.from(chunk);
      await journal.saveSnapshot({ lastEvent: 3, chunks: [chunk] });
      chunk.fill(0);
      expectSnapshot(await journal.loadSnapshot(), { lastEvent: 3, chunks: [expected] });
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
      const reader = harness.connect();
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

    harness.unlessSkipped('damaged snapshot', 'pass over a damaged one', async () => {
      const { journal } = await openTen();
      for (const lastEvent of [2, 5, 8]) await journal.saveSnapshot(snapshotOf(lastEvent, 5000));
      await harness.closeAll();
      await harness.storage.damageSnapshot!(8);
      expectSnapshot(await harness.connect().loadSnapshot(), snapshotOf(5, 5000));
      await harness.closeAll();
      await harness.storage.damageSnapshot!(5);
      expect(await harness.connect().loadSnapshot()).toBeNull();
    });

    harness.unlessSkipped('retention', 'let batches go that no kept one needs', async () => {
      await harness.begin(100_000);
      const { journal, epoch } = await harness.openNew();
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
      await harness.closeAll();
      expect((await harness.openNew()).lastEvent).toBe(101);
    });
  });
}
