/** Stored bytes that are not what was written: never silent, whatever they are. */
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileJournal } from '../../src/adapters/journals/file.ts';
import { batchOf, expectFault, readAll, snapshotOf } from './journal-fixtures.ts';
import {
  AppendChild,
  damageBatch,
  flipByte,
  makeTemporary,
  startChild,
  temporary,
} from './file-tools.ts';

const BATCHES = 300;

/** A journal that was closed as it should be, and one whose process was killed. */
let closed: string;
let killed: string;

beforeAll(async () => {
  closed = await makeTemporary();
  killed = await makeTemporary();
  const journal = new FileJournal(closed);
  const { epoch } = await journal.open();
  for (let first = 1; first <= BATCHES; first++) await journal.append(batchOf(first, 1, epoch));
  await journal.saveSnapshot(snapshotOf(100, 5000));
  await journal.saveSnapshot(snapshotOf(200, 5000));
  await journal.close();
  const child = new AppendChild({ directory: killed, batches: BATCHES });
  await child.until('done');
  await child.kill();
});

afterAll(async () => {
  for (const directory of [closed, killed]) await rm(directory, { recursive: true, force: true });
});

/** A copy to be damaged. */
async function copyOf(directory: string): Promise<string> {
  const copy = await temporary();
  await cp(directory, copy, { recursive: true });
  return copy;
}

interface Used {
  readonly journal: FileJournal;
  readonly repairs: string[];
}

async function use(directory: string, work: (used: Used) => Promise<void>): Promise<void> {
  const repairs: string[] = [];
  const journal = new FileJournal(directory, { onRepair: (message) => repairs.push(message) });
  try {
    await work({ journal, repairs });
  } finally {
    await journal.close();
  }
}

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
    await expectWhole(await copyOf(killed), null);
  });

  it('is refused for one changed byte, wherever it is', async () => {
    const { size } = await stat(join(killed, 'journal.db-wal'));
    for (const part of [0, 0.0001, 0.1, 0.37, 0.5, 0.82, 0.99, 1]) {
      const directory = await copyOf(killed);
      const offset = Math.floor((size - 1) * part);
      await flipByte(join(directory, 'journal.db-wal'), offset);
      await expectRefused(directory, 'journal.db');
    }
  }, 60_000);

  it('is refused for damage in its middle also after a power failure, with the place', async () => {
    const directory = await copyOf(killed);
    await rm(join(directory, 'journal.mark'));
    await flipByte(join(directory, 'journal.db-wal'), 32 + 50 * 4120 + 1000);
    const message = await expectRefused(directory, 'journal.db-wal');
    expect(message).toContain(`frame 51 (byte ${32 + 50 * 4120}) is not as written`);
  });

  it('loses an unfinished write at its end, and that is told', async () => {
    const directory = await copyOf(killed);
    const path = join(directory, 'journal.db-wal');
    // The beginning of one more frame: its header and half of its page.
    const last = (await readFile(path)).subarray(-4120);
    await writeFile(path, last.subarray(0, 24), { flag: 'a' });
    await writeFile(path, Buffer.alloc(4096, 7), { flag: 'a' });
    await expectWhole(directory, /journal\.db-wal ended in an unfinished write.*not been ackn/);
  });

  it('may be followed by anything that was never part of it', async () => {
    const directory = await copyOf(killed);
    await writeFile(join(directory, 'journal.db-wal'), Buffer.alloc(10_000, 9), { flag: 'a' });
    await expectWhole(directory, null);
  });

  it('is refused when its end is cut off, until the mark is removed', async () => {
    const directory = await copyOf(killed);
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
    const directory = await copyOf(killed);
    await rm(join(directory, 'journal.db-wal'));
    await expectRefused(directory, 'journal.db');
  });

  it('is not deleted with an empty database', async () => {
    const directory = await copyOf(killed);
    await truncate(join(directory, 'journal.db'), 0);
    const message = await expectRefused(directory, 'journal.db');
    expect(message).toContain('empty or missing');
    expect((await stat(join(directory, 'journal.db-wal'))).size).toBeGreaterThan(1_000_000);
  });
});

describe('the database', () => {
  it('is read up to a changed byte of a batch', async () => {
    const directory = await copyOf(closed);
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
    const directory = await copyOf(closed);
    await damageBatch(directory, BATCHES);
    const message = await expectRefused(directory, 'journal.db');
    expect(message).toContain(`the batch of event ${BATCHES} fails its checksum`);
  });

  it('is refused when its end is cut off', async () => {
    const directory = await copyOf(closed);
    const path = join(directory, 'journal.db');
    await truncate(path, (await stat(path)).size - 4096);
    await expectRefused(directory, 'journal.db');
  });

  it('is refused when it is missing beside its mark or a snapshot', async () => {
    const directory = await copyOf(closed);
    await rm(join(directory, 'journal.db'));
    await expectRefused(directory, 'journal.db');
    await rm(join(directory, 'journal.mark'));
    await use(directory, async ({ journal }) => {
      const { message } = await expectFault(journal.open(), 'corrupt');
      expect(message).toContain('snapshot-200.bin');
    });
  });

  it('may be followed by bytes that do not belong to it', async () => {
    const directory = await copyOf(closed);
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
    const newer = await copyOf(closed);
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
    const directory = await copyOf(closed);
    await flipByte(join(directory, 'journal.mark'), 9);
    await use(directory, async ({ journal }) => {
      expect((await journal.verify()).faults).toEqual([
        { where: 'journal.mark', message: 'it is not as it was written' },
      ]);
    });
    await expectWhole(directory, /journal\.mark was damaged; it is written anew/);
  });
});

describe('a damaged snapshot', () => {
  it('is passed over with a word, and does not push out a whole one', async () => {
    const directory = await copyOf(closed);
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
    const { size } = await stat(join(closed, 'snapshot-200.bin'));
    for (let offset = 0; offset < size; offset += 331) {
      const directory = await temporary();
      const copy = join(directory, 'snapshot-200.bin');
      await cp(join(closed, 'snapshot-200.bin'), copy);
      await flipByte(copy, offset);
      await use(directory, async ({ journal }) => {
        expect(await journal.loadSnapshot()).toBeNull();
      });
    }
  });

  it('leaves nothing behind when it was never finished', async () => {
    const directory = await copyOf(closed);
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
    const directory = await copyOf(closed);
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
    const directory = await copyOf(closed);
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
