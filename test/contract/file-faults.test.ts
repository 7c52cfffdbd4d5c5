/** A full disk, a read-only one, missing permissions: what the operator is told, and what is kept. */
import { spawnSync } from 'node:child_process';
import { chmod, chown, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileJournal } from '../../src/adapters/journals/file.ts';
import {
  mountMemory,
  remountReadOnly,
  startChild,
  temporary,
  whyNoMount,
  whyNoOtherUser,
} from './file-tools.ts';
import { batchOf, expectBatches, expectFault, readAll, snapshotOf } from './journal-fixtures.ts';

const noMount = whyNoMount();
const noOtherUser = whyNoOtherUser();
if (noMount) console.warn(`Skipped: full and read-only disks: ${noMount}.`);
if (noOtherUser) console.warn(`Skipped: missing permissions: ${noOtherUser}.`);

async function withJournal(
  directory: string,
  work: (journal: FileJournal) => Promise<void>,
): Promise<void> {
  const journal = new FileJournal(directory);
  try {
    await work(journal);
  } finally {
    await journal.close();
  }
}

/** Leaves no free byte on the file system. */
async function fill(directory: string): Promise<string> {
  const path = join(directory, 'filler');
  spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=4k'], { stdio: 'ignore' });
  return path;
}

describe.skipIf(noMount)('a full disk', () => {
  const message = (directory: string) =>
    `The disk that holds ${directory} is full; nothing of this write was kept. Free some space there, or move the directory to a larger disk (journal.url).`;

  it('keeps nothing of the batch, and goes on when space is freed', async () => {
    const mount = await mountMemory('4m');
    const directory = join(mount, 'data');
    await withJournal(directory, async (journal) => {
      const { epoch } = await journal.open();
      const kept = [batchOf(1, 1, epoch, 30_000), batchOf(2, 1, epoch, 30_000)];
      for (const batch of kept) await journal.append(batch);
      const filler = await fill(mount);
      const refused = batchOf(3, 1, epoch, 200_000);
      for (let attempt = 0; attempt < 3; attempt++) {
        const error = await expectFault(journal.append(refused), 'full');
        expect(error.message).toBe(message(directory));
        expect((await expectFault(journal.probe(), 'full')).message).toBe(message(directory));
        expect(await journal.lastEvent()).toBe(2);
      }
      await expectFault(journal.saveSnapshot(snapshotOf(2, 300_000)), 'full');
      expect((await readdir(directory)).filter((name) => name.includes('snapshot'))).toEqual([]);
      await rm(filler);
      await journal.probe();
      await journal.append(refused);
      await journal.saveSnapshot(snapshotOf(2, 300_000));
      expectBatches(await readAll(journal), [...kept, refused]);
    });
    await withJournal(directory, async (journal) => {
      expect((await journal.open()).lastEvent).toBe(3);
      expect((await journal.verify()).faults).toEqual([]);
    });
  });

  it('ends appends only, whatever they had filled it with', async () => {
    const mount = await mountMemory('4m');
    const directory = join(mount, 'data');
    let last = 0;
    await withJournal(directory, async (journal) => {
      const { epoch } = await journal.open();
      const append = () => journal.append(batchOf(last + 1, 1, epoch, 50_000));
      const filler = join(mount, 'filler');
      await writeFile(filler, Buffer.alloc(300_000));
      for (;;) {
        const error = await append().then(
          () => null,
          (reason: unknown) => reason,
        );
        if (error) break;
        last += 1;
      }
      await expectFault(append(), 'full');
      expect(last).toBeGreaterThan(10);
      expect(await readAll(journal)).toHaveLength(last);
      await rm(filler);
      await append();
      last += 1;
    });
    await withJournal(directory, async (journal) => {
      expect(await journal.lastEvent()).toBe(last);
      expect((await journal.verify()).faults).toEqual([]);
    });
  });

  it('lets nobody open it', async () => {
    const mount = await mountMemory('1m');
    await fill(mount);
    await withJournal(join(mount, 'data'), async (journal) => {
      const error = await expectFault(journal.open(), 'full');
      expect(error.message).toBe(message(join(mount, 'data')));
      await rm(join(mount, 'filler'));
      expect((await journal.open()).lastEvent).toBe(0);
    });
  });
});

describe.skipIf(noMount)('a read-only disk', () => {
  it('is named, and can be read', async () => {
    const directory = await mountMemory('4m');
    const written = [batchOf(1), batchOf(2)];
    await withJournal(directory, async (journal) => {
      await journal.open();
      for (const batch of written) await journal.append(batch);
      await journal.saveSnapshot(snapshotOf(1, 100));
    });
    remountReadOnly(directory);
    await withJournal(directory, async (journal) => {
      const { message } = await expectFault(journal.open(), 'readonly');
      expect(message).toBe(
        `${directory} is on a read-only file system. Mount it writable, or choose another directory (journal.url).`,
      );
      await expectFault(journal.saveSnapshot(snapshotOf(2, 10)), 'readonly');
      expectBatches(await readAll(journal), written);
      expect((await journal.loadSnapshot())?.lastEvent).toBe(1);
      expect((await journal.verify()).faults).toEqual([]);
    });
  });

  it('can be read with the log of a killed process on it', async () => {
    const directory = await mountMemory('8m');
    const child = startChild({ directory: join(directory, 'data'), batches: 100 });
    await child.until('done');
    await child.kill();
    await mkdir(join(directory, 'copy'));
    for (const name of ['journal.db', 'journal.db-wal', 'journal.mark']) {
      await cp(join(directory, 'data', name), join(directory, 'copy', name));
    }
    remountReadOnly(directory);
    for (const name of ['data', 'copy']) {
      await withJournal(join(directory, name), async (journal) => {
        expect(await readAll(journal)).toHaveLength(100);
        expect(await journal.verify()).toMatchObject({ lastEvent: 100, faults: [] });
        await expectFault(journal.open(), 'readonly');
      });
    }
  });
});

describe.skipIf(noOtherUser)('a directory of another user', () => {
  it('is named, with who needs which permission', async () => {
    const directory = await temporary();
    await chmod(directory, 0o755);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const child = startChild({ directory, through: nobody });
    await child.exit;
    expect(child.lines.join('\n')).toContain(
      `failed to open: readonly JournalError: ${directory}: permission denied. Make the directory and its files readable and writable for user 65534, or choose another directory (journal.url).`,
    );
    await chown(directory, 65534, 65534);
    const allowed = startChild({ directory, batches: 1, through: nobody });
    await allowed.until('done');
    await allowed.kill();
  });

  it('is named when only a file in it is not writable', async () => {
    const directory = await temporary();
    await withJournal(directory, async (journal) => {
      await journal.open();
      await journal.append(batchOf(1));
    });
    await chmod(directory, 0o777);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const child = startChild({ directory, through: nobody });
    await child.exit;
    expect(child.lines.join('\n')).toMatch(/failed to open: readonly .*user 65534/);
  });
});

describe('a path that is a file', () => {
  it('is named as one', async () => {
    const path = join(await temporary(), 'data');
    await writeFile(path, 'hello');
    for (const directory of [path, join(path, 'deeper')]) {
      await withJournal(directory, async (journal) => {
        const { message } = await expectFault(journal.open(), 'io');
        expect(message).toBe(
          `${directory} is not a directory. Remove that file, or choose another directory (journal.url).`,
        );
      });
    }
  });
});
