/** The clauses of `open`, `append` and `probe`. */
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/host/ports.ts';
import { batchOf, expectBatches, expectFault, payloadOf, readAll } from './journal-fixtures.ts';
import type { JournalHarness } from './journal-harness.ts';

const MEGABYTE = 1024 * 1024;

export function exerciseAppends(harness: JournalHarness): void {
  describe('append', () => {
    it('keeps every field and byte', async () => {
      const { journal, epoch } = await harness.openNew();
      const written = [batchOf(1, 3, epoch), batchOf(4, 1, epoch, 1), batchOf(5, 1000, epoch)];
      for (const batch of written) await journal.append(batch);
      expect(await journal.lastEvent()).toBe(1004);
      expectBatches(await readAll(journal), written);
      expectBatches(await readAll(harness.connect()), written);
    });

    it('takes empty payloads and one of 10 MB', async () => {
      const { journal, epoch } = await harness.openNew();
      const lengths = [0, 0, 10 * MEGABYTE, 0];
      const written = lengths.map((length, index) => batchOf(index + 1, 1, epoch, length));
      for (const batch of written) await journal.append(batch);
      const read = await readAll(journal);
      expect(read.map(({ payload }) => payload.length)).toEqual(lengths);
      expect(Buffer.compare(read[2]!.payload, written[2]!.payload)).toBe(0);
    });

    it('takes a part of a larger buffer, leaves it alone and keeps what it was', async () => {
      const { journal, epoch } = await harness.openNew();
      // A Buffer shares its memory with others, and its slice() is no copy.
      const buffers = [payloadOf(7, 4000), Buffer.from('a pooled buffer '.repeat(200))];
      const kept: Buffer[] = [];
      for (const [index, buffer] of buffers.entries()) {
        const payload = buffer.subarray(1000, 1500);
        const before = Buffer.from(payload).toString('hex');
        const appended = journal.append({ ...batchOf(index + 1, 1, epoch), payload });
        expect(Buffer.from(payload).toString('hex')).toBe(before);
        await appended;
        kept.push(Buffer.from(payload));
        buffer.fill(0);
      }
      const read = await readAll(journal);
      for (const [index, bytes] of kept.entries()) {
        expect(Buffer.compare(read[index]!.payload, bytes)).toBe(0);
      }
    });

    it('takes 1,000 at once, in order', async () => {
      const { journal, epoch } = await harness.openNew();
      const written = Array.from({ length: 1000 }, (_, i) => batchOf(i + 1, 1, epoch));
      const order: number[] = [];
      await Promise.all(
        written.map((batch) => journal.append(batch).then(() => order.push(batch.first))),
      );
      expect(order).toEqual(written.map(({ first }) => first));
      expectBatches(await readAll(journal), written);
    });

    it('refuses a gap and a number that is taken, and keeps nothing of them', async () => {
      const { journal, epoch } = await harness.openNew();
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
      const first = await harness.openNew();
      await first.journal.append(batchOf(1, 1, first.epoch));
      await first.journal.close();
      const { journal, epoch } = await harness.openNew();
      await expectFault(journal.append(batchOf(2, 1, first.epoch)), 'fenced');
      await journal.append(batchOf(2, 1, epoch));
      expect(await journal.lastEvent()).toBe(2);
    });

    it('is refused before open and after close', async () => {
      const journal = harness.connect();
      await expect(journal.append(batchOf(1))).rejects.toThrow();
      const { epoch } = await journal.open();
      await journal.append(batchOf(1, 1, epoch));
      await journal.close();
      await journal.close();
      await expect(journal.append(batchOf(2, 1, epoch))).rejects.toThrow();
      await expect(journal.lastEvent()).rejects.toThrow();
      expect(await harness.connect().lastEvent()).toBe(1);
    });
  });

  describe('probe', () => {
    it('passes on a healthy journal and leaves nothing behind', async () => {
      const { journal, epoch } = await harness.openNew();
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
        const { journal, epoch, lastEvent } = await harness.openNew();
        expect(epoch).toBeGreaterThan(lastEpoch);
        expect(lastEvent).toBe(written.length);
        written.push(batchOf(lastEvent + 1, 1, epoch));
        await journal.append(written.at(-1)!);
        lastEpoch = epoch;
        await journal.close();
      }
      expectBatches(await readAll(harness.connect()), written);
    });

    it('exclude each other until the first one closes', async () => {
      const first = await harness.openNew();
      const second = harness.connect();
      const error = await expectFault(second.open(), 'fenced');
      expect(error.message).toContain('in use');
      await first.journal.append(batchOf(1, 1, first.epoch));
      await expectFault(second.open(), 'fenced');
      await first.journal.close();
      const { epoch, lastEvent } = await second.open();
      expect(lastEvent).toBe(1);
      expect(epoch).toBeGreaterThan(first.epoch);
    });

    harness.unlessSkipped(
      'lost lock',
      'are fenced by a newer one when their lock is lost',
      async () => {
        const first = await harness.openNew();
        await first.journal.append(batchOf(1, 1, first.epoch));
        await harness.storage.loseLock!();
        const second = await harness.openNew();
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
      },
    );
  });
}
