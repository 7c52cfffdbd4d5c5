import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileJournal } from '../../src/adapters/journals/file.ts';
import { exerciseJournal, type StorageOptions } from './exercise-journal.ts';
import { damageBatch, flipByte, makeTemporary } from './file-tools.ts';

exerciseJournal('in a directory', async ({ retainBytes }: StorageOptions) => {
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
