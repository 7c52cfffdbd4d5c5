/** Damaged snapshots, and what a check of a whole directory reports. */
import { cp, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { flipByte, startChild, temporary } from './file-tools.ts';
import { expectFault, readAll, snapshotOf } from './journal-fixtures.ts';
import { BATCHES, copyOf, storeJournals, use } from './stored-journals.ts';

const stored = storeJournals();

describe('a damaged snapshot', () => {
  it('is passed over with a word, and does not push out a whole one', async () => {
    const directory = await copyOf(stored.closed);
    const newest = join(directory, 'snapshot-200.bin');
    await truncate(newest, (await stat(newest)).size - 1);
    await use(directory, async ({ journal, repairs }) => {
      expect((await journal.loadSnapshot())?.lastEvent).toBe(100);
      expect(repairs).toEqual([
        'snapshot-200.bin was passed over: it is damaged (its length is wrong).',
      ]);
      const { snapshots, faults } = await journal.verify();
      expect(snapshots.map(({ file, ok, detail }) => [file, ok, detail])).toEqual([
        ['snapshot-200.bin', false, 'its length is wrong'],
        ['snapshot-100.bin', true, ''],
      ]);
      expect(faults).toEqual([{ where: 'snapshot-200.bin', message: 'its length is wrong' }]);
      await journal.saveSnapshot(snapshotOf(300, 10));
      expect((await readdir(directory)).filter((name) => name.startsWith('snap')).sort()).toEqual([
        'snapshot-100.bin',
        'snapshot-200.bin',
        'snapshot-300.bin',
      ]);
      await journal.saveSnapshot(snapshotOf(299, 10));
      expect((await readdir(directory)).filter((name) => name.startsWith('snap')).sort()).toEqual([
        'snapshot-299.bin',
        'snapshot-300.bin',
      ]);
    });
  });

  it('is found by a changed byte anywhere in it', async () => {
    const { size } = await stat(join(stored.closed, 'snapshot-200.bin'));
    for (let offset = 0; offset < size; offset += 331) {
      const directory = await temporary();
      const copy = join(directory, 'snapshot-200.bin');
      await cp(join(stored.closed, 'snapshot-200.bin'), copy);
      await flipByte(copy, offset);
      await use(directory, async ({ journal }) => {
        expect(await journal.loadSnapshot()).toBeNull();
      });
    }
  });

  it('leaves nothing behind when it was never finished', async () => {
    const directory = await copyOf(stored.closed);
    const left = join(directory, 'snapshot-250.bin.4194303-7.tmp');
    await writeFile(left, 'half');
    await use(directory, async ({ journal }) => {
      expect((await journal.loadSnapshot())?.lastEvent).toBe(200);
      await journal.open();
      await expect(stat(left)).rejects.toThrow();
    });
  });
});

describe('verify', () => {
  it('reports what is there and leaves no trace', async () => {
    const directory = await copyOf(stored.closed);
    const before = await readdir(directory);
    await use(directory, async ({ journal }) => {
      expect(await journal.verify()).toEqual({
        batches: BATCHES,
        events: BATCHES,
        firstEvent: 1,
        lastEvent: BATCHES,
        bytes: BATCHES * 40,
        faults: [],
        snapshots: [
          { file: 'snapshot-200.bin', lastEvent: 200, bytes: 5040, ok: true, detail: '' },
          { file: 'snapshot-100.bin', lastEvent: 100, bytes: 5040, ok: true, detail: '' },
        ],
      });
    });
    expect(await readdir(directory)).toEqual(before);
  });

  it('finds batches that are missing, twice there, or out of order', async () => {
    const directory = await copyOf(stored.closed);
    const database = new DatabaseSync(join(directory, 'journal.db'));
    database.exec('DELETE FROM batch WHERE first BETWEEN 20 AND 29');
    database.exec('UPDATE batch SET count = 2 WHERE first = 40');
    database.exec('UPDATE batch SET epoch = 0 WHERE first = 50');
    database.close();
    await use(directory, async ({ journal }) => {
      const messages = (await journal.verify()).faults.map(({ message }) => message);
      expect(messages).toEqual([
        'events 20 to 29 are missing',
        'the batch of event 40 fails its checksum',
        'events 41 to 41 are there twice',
        'the batch of event 50 fails its checksum',
      ]);
      const { message } = await expectFault(readAll(journal), 'corrupt');
      expect(message).toContain('events 20 to 29 are missing');
    });
  });

  it('finds no fault beside a writer, time and again', async () => {
    const directory = await temporary();
    const child = startChild({ directory, payloadBytes: 3000, snapshotEvery: 100 });
    await child.until('acknowledged');
    await use(directory, async ({ journal }) => {
      for (let round = 0; round < 15; round++) {
        const least = child.acknowledged;
        const report = await journal.verify();
        expect(report.faults).toEqual([]);
        expect(report.lastEvent).toBeGreaterThanOrEqual(least);
      }
    });
    await child.kill();
  });

  it('says so when there is no such directory', async () => {
    const directory = join(await temporary(), 'nowhere');
    await use(directory, async ({ journal }) => {
      const { faults, batches } = await journal.verify();
      expect(batches).toBe(0);
      expect(faults).toEqual([{ where: 'nowhere', message: 'there is no such directory' }]);
    });
    await expect(stat(directory)).rejects.toThrow();
  });
});
