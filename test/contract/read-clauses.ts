/** The clauses of `read` and `lastEvent`. */
import { describe, expect, it } from 'vitest';
import { JournalError } from '../../src/host/ports.ts';
import { batchOf, expectBatches, payloadOf, readAll, readUntilFault } from './journal-fixtures.ts';
import type { JournalHarness } from './journal-harness.ts';

export function exerciseReads(harness: JournalHarness): void {
  describe('when empty', () => {
    it('opens at event 0 under an epoch above 0', async () => {
      const { epoch, lastEvent } = await harness.openNew();
      expect(lastEvent).toBe(0);
      expect(epoch).toBeGreaterThan(0);
    });

    it('reads nothing, opened or not', async () => {
      const reader = harness.connect();
      for (const opened of [false, true]) {
        if (opened) await harness.openNew();
        expect(await reader.lastEvent()).toBe(0);
        expect(await readAll(reader)).toEqual([]);
        expect(await reader.loadSnapshot()).toBeNull();
      }
    });
  });

  describe('read', () => {
    it('begins with the batch that holds the event', async () => {
      const { journal, epoch } = await harness.openNew();
      const written = [batchOf(1, 3, epoch), batchOf(4, 1, epoch), batchOf(5, 5, epoch)];
      for (const batch of written) await journal.append(batch);
      for (let from = 0; from <= 12; from++) {
        const expected = written.filter(({ first, count }) => first + count - 1 >= from);
        expectBatches(await readAll(journal, from), expected);
      }
    });

    it('gives many megabytes batch by batch, and can be left early', async () => {
      const { journal, epoch } = await harness.openNew();
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
      const { journal, epoch } = await harness.openNew();
      const reader = harness.connect();
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

    harness.unlessSkipped(
      'damaged batch',
      'stops at a batch that is not as it was written',
      async () => {
        const { journal, epoch } = await harness.openNew();
        for (let first = 1; first <= 9; first += 1) await journal.append(batchOf(first, 1, epoch));
        await harness.closeAll();
        await harness.storage.damageBatch!(5);
        const { batches, error } = await readUntilFault(harness.connect());
        expect(batches.map(({ first }) => first)).toEqual([1, 2, 3, 4]);
        expect(error).toBeInstanceOf(JournalError);
        expect((error as JournalError).fault).toBe('corrupt');
        expectBatches(
          await readAll(harness.connect(), 6),
          [6, 7, 8, 9].map((n) => batchOf(n, 1, epoch)),
        );
      },
    );
  });
}
