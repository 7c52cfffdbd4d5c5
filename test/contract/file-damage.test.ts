/** Stored bytes that are not what was written: never silent, whatever they are. */
import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { damageBatch, flipByte, temporary } from './file-tools.ts';
import { batchOf, expectFault, readAll } from './journal-fixtures.ts';
import { BATCHES, copyOf, storeJournals, use } from './stored-journals.ts';

const stored = storeJournals();

/** Neither the writer nor a reader takes it, and a check tells why. Returns the writer's words. */
async function expectRefused(directory: string, file: string): Promise<string> {
  let message = '';
  await use(directory, async ({ journal }) => {
    await expectFault(readAll(journal), 'corrupt');
    ({ message } = await expectFault(journal.open(), 'corrupt'));
    expect(message).toContain(join(directory, file));
    expect(message).toContain('backup');
    const { faults } = await journal.verify();
    expect(faults.length).toBeGreaterThan(0);
    // It is still refused: nothing was repaired away on the first attempt.
    await expectFault(journal.open(), 'corrupt');
  });
  return message;
}

async function expectWhole(directory: string, repairs: RegExp | null): Promise<void> {
  await use(directory, async ({ journal, repairs: told }) => {
    const { epoch, lastEvent } = await journal.open();
    expect(lastEvent).toBe(BATCHES);
    expect(await readAll(journal)).toHaveLength(BATCHES);
    if (repairs) expect(told.join('\n')).toMatch(repairs);
    else expect(told).toEqual([]);
    await journal.append(batchOf(BATCHES + 1, 1, epoch));
    expect((await journal.verify()).faults).toEqual([]);
  });
}

describe('the log of a killed process', () => {
  it('is taken as it is when nothing is wrong with it', async () => {
    await expectWhole(await copyOf(stored.killed), null);
  });

  it('is refused for one changed byte, wherever it is', async () => {
    const { size } = await stat(join(stored.killed, 'journal.db-wal'));
    for (const part of [0, 0.0001, 0.1, 0.37, 0.5, 0.82, 0.99, 1]) {
      const directory = await copyOf(stored.killed);
      const offset = Math.floor((size - 1) * part);
      await flipByte(join(directory, 'journal.db-wal'), offset);
      await expectRefused(directory, 'journal.db');
    }
  }, 60_000);

  it('is refused for damage in its middle also after a power failure, with the place', async () => {
    const directory = await copyOf(stored.killed);
    await rm(join(directory, 'journal.mark'));
    await flipByte(join(directory, 'journal.db-wal'), 32 + 50 * 4120 + 1000);
    const message = await expectRefused(directory, 'journal.db-wal');
    expect(message).toContain(`frame 51 (byte ${32 + 50 * 4120}) is not as written`);
  });

  it('loses an unfinished write at its end, and that is told', async () => {
    const directory = await copyOf(stored.killed);
    const path = join(directory, 'journal.db-wal');
    // The beginning of one more frame: its header and half of its page.
    const last = (await readFile(path)).subarray(-4120);
    await writeFile(path, last.subarray(0, 24), { flag: 'a' });
    await writeFile(path, Buffer.alloc(4096, 7), { flag: 'a' });
    await expectWhole(directory, /journal\.db-wal ended in an unfinished write.*not been ackn/);
  });

  it('may be followed by anything that was never part of it', async () => {
    const directory = await copyOf(stored.killed);
    await writeFile(join(directory, 'journal.db-wal'), Buffer.alloc(10_000, 9), { flag: 'a' });
    await expectWhole(directory, null);
  });

  it('is refused when its end is cut off, until the mark is removed', async () => {
    const directory = await copyOf(stored.killed);
    const path = join(directory, 'journal.db-wal');
    await truncate(path, (await stat(path)).size - 5000);
    const message = await expectRefused(directory, 'journal.db');
    expect(message).toContain(`it ends at event 298, but event ${BATCHES} was acknowledged`);
    expect(message).toContain(`remove ${join(directory, 'journal.mark')}`);
    await rm(join(directory, 'journal.mark'));
    await use(directory, async ({ journal, repairs }) => {
      expect((await journal.open()).lastEvent).toBe(298);
      expect(await readAll(journal)).toHaveLength(298);
      expect(repairs).toHaveLength(1);
      expect(repairs[0]).toContain('journal.db-wal ended in an unfinished write');
      expect(repairs[0]).toContain('had probably not been acknowledged');
    });
  });

  it('is refused when it is missing', async () => {
    const directory = await copyOf(stored.killed);
    await rm(join(directory, 'journal.db-wal'));
    await expectRefused(directory, 'journal.db');
  });

  it('is not deleted with an empty database', async () => {
    const directory = await copyOf(stored.killed);
    await truncate(join(directory, 'journal.db'), 0);
    const message = await expectRefused(directory, 'journal.db');
    expect(message).toContain('empty or missing');
    expect((await stat(join(directory, 'journal.db-wal'))).size).toBeGreaterThan(1_000_000);
  });
});

describe('the database', () => {
  it('is read up to a changed byte of a batch', async () => {
    const directory = await copyOf(stored.closed);
    await damageBatch(directory, 150);
    await use(directory, async ({ journal }) => {
      const { message } = await expectFault(readAll(journal), 'corrupt');
      expect(message).toContain(join(directory, 'journal.db'));
      expect(message).toContain('the batch of event 150 fails its checksum');
      expect(await readAll(journal, 151)).toHaveLength(BATCHES - 150);
      expect((await journal.verify()).faults).toEqual([
        { where: 'journal.db', message: 'the batch of event 150 fails its checksum' },
      ]);
    });
  });

  it('is refused when its newest batch is damaged', async () => {
    const directory = await copyOf(stored.closed);
    await damageBatch(directory, BATCHES);
    const message = await expectRefused(directory, 'journal.db');
    expect(message).toContain(`the batch of event ${BATCHES} fails its checksum`);
  });

  it('is refused when its end is cut off', async () => {
    const directory = await copyOf(stored.closed);
    const path = join(directory, 'journal.db');
    await truncate(path, (await stat(path)).size - 4096);
    await expectRefused(directory, 'journal.db');
  });

  it('is refused when it is missing beside its mark or a snapshot', async () => {
    const directory = await copyOf(stored.closed);
    await rm(join(directory, 'journal.db'));
    await expectRefused(directory, 'journal.db');
    await rm(join(directory, 'journal.mark'));
    await use(directory, async ({ journal }) => {
      const { message } = await expectFault(journal.open(), 'corrupt');
      expect(message).toContain('snapshot-200.bin');
    });
  });

  it('may be followed by bytes that do not belong to it', async () => {
    const directory = await copyOf(stored.closed);
    await writeFile(join(directory, 'journal.db'), Buffer.alloc(7000, 3), { flag: 'a' });
    await expectWhole(directory, null);
  });

  it('is refused when it is something else', async () => {
    const directory = await temporary();
    await writeFile(join(directory, 'journal.db'), 'not a database, but long enough'.repeat(100));
    expect(await expectRefused(directory, 'journal.db')).toContain('it is not a database');
  });

  it('is refused when it is another program’s, and when it is of a newer format', async () => {
    const directory = await temporary();
    const database = new DatabaseSync(join(directory, 'journal.db'));
    database.exec('CREATE TABLE song (title TEXT)');
    database.close();
    await use(directory, async ({ journal }) => {
      const { message } = await expectFault(journal.open(), 'corrupt');
      expect(message).toContain('it is a database, but not one of a journal');
    });
    const newer = await copyOf(stored.closed);
    const journalDatabase = new DatabaseSync(join(newer, 'journal.db'));
    journalDatabase.exec('PRAGMA user_version = 2');
    journalDatabase.close();
    await use(newer, async ({ journal }) => {
      const { message } = await expectFault(journal.open(), 'corrupt');
      expect(message).toContain('was written by a newer Remuda (format 2; this one reads 1)');
    });
  });
});

describe('the mark', () => {
  it('is only reported when it is damaged', async () => {
    const directory = await copyOf(stored.closed);
    await flipByte(join(directory, 'journal.mark'), 9);
    await use(directory, async ({ journal }) => {
      expect((await journal.verify()).faults).toEqual([
        { where: 'journal.mark', message: 'it is not as it was written' },
      ]);
    });
    await expectWhole(directory, /journal\.mark was damaged; it is written anew/);
  });
});
