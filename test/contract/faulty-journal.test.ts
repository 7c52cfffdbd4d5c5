import { FaultyDisk, FaultyJournal } from '../../src/sim/faulty-journal.ts';
import { exerciseJournal } from './exercise-journal.ts';
import { storageOn } from './memory-storage.ts';

exerciseJournal('with its faults off', ({ retainBytes }) => {
  const disk = new FaultyDisk({ retainBytes });
  return storageOn(disk.memory, () => new FaultyJournal(disk));
});
