import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileJournal } from '../../src/adapters/journals/file.ts';
import { exerciseJournal } from './exercise-journal.ts';
import { damageBatch, flipByte, makeTemporary, startChild, temporary } from './file-tools.ts';
import { batchOf, expectFault, readAll, snapshotOf } from './journal-fixtures.ts';

exerciseJournal('in a directory', async ({ retainBytes }) => {
  const directory = await makeTemporary();
  return {
    connect: () => new FileJournal(directory, { retainBytes }),
    // A new file of this name is another lock.
    loseLock: () => rm(join(directory, 'writer.lock')),
    damageBatch: (first) => damageBatch(directory, first),
    damageSnapshot: (lastEvent) => flipByte(join(directory, `snapshot-${lastEvent}.bin`), 2000),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

describe('a file journal', () => {
  const openIn = async (directory: string) => {
    const journal = new FileJournal(directory);
    onTestFinished(() => journal.close());
    return { journal, ...(await journal.open()) };
  };

  it('makes its directory, however deep, and leaves only these files when it is closed', async () => {
    const directory = join(await temporary(), 'a/b/c');
    const { journal, epoch } = await openIn(directory);
    await journal.append(batchOf(1, 1, epoch));
    await journal.saveSnapshot(snapshotOf(1, 10));
    await journal.close();
    expect((await readdir(directory)).sort()).toEqual([
      'journal.db',
      'journal.mark',
      'snapshot-1.bin',
      'writer.lock',
    ]);
  });

  it('takes no call that only a faulty program makes, and is not hurt by one', async () => {
    const { journal, epoch } = await openIn(await temporary());
    await expect(journal.open()).rejects.toThrow('already open');
    const batch = batchOf(1, 1, epoch);
    for (const bad of [{ first: 0 }, { first: 1.5 }, { count: 0 }, { epoch: -1 }, { at: 0.5 }]) {
      await expect(journal.append({ ...batch, ...bad })).rejects.toThrow(RangeError);
    }
    await expect(journal.saveSnapshot(snapshotOf(1, 10))).rejects.toThrow(RangeError);
    await journal.append(batch);
    expect(await journal.lastEvent()).toBe(1);
  });

  it('tells a writer that was replaced, also by its probe', async () => {
    const directory = await temporary();
    const first = await openIn(directory);
    await rm(join(directory, 'writer.lock'));
    const second = await openIn(directory);
    const { message } = await expectFault(first.journal.probe(), 'fenced');
    expect(message).toBe(
      `Another Remuda has taken over the data directory ${directory} (epoch ${second.epoch}, this one has ${first.epoch}). This one must stop.`,
    );
  });

  it('moves its log into the database as it grows', async () => {
    const directory = await temporary();
    const { journal, epoch } = await openIn(directory);
    for (let first = 1; first <= 400; first++) {
      await journal.append(batchOf(first, 1, epoch, 40_000));
    }
    const sizeOf = async (name: string) => (await stat(join(directory, name))).size;
    expect(await sizeOf('journal.db')).toBeGreaterThan(10_000_000);
    expect(await sizeOf('journal.db-wal')).toBeLessThan(8_000_000);
  });

  it('shows a reader in another process what a writer here appends', async () => {
    const directory = await temporary();
    const reader = new FileJournal(directory);
    onTestFinished(() => reader.close());
    expect(await reader.lastEvent()).toBe(0);
    const child = startChild({ directory, batches: 50 });
    await child.until('done');
    expect(await reader.lastEvent()).toBe(50);
    expect(await readAll(reader, 41)).toHaveLength(10);
  });
});
