import { describe, expect, it } from 'vitest';
import { MemoryDisk, MemoryJournal } from '../../src/adapters/journals/memory.ts';
import { openJournal } from '../../src/adapters/journals/open.ts';
import { exerciseJournal } from './exercise-journal.ts';
import { snapshotOf } from './journal-fixtures.ts';
import { storageOn } from './memory-storage.ts';

exerciseJournal('in memory', (options) => {
  const disk = new MemoryDisk(options);
  return storageOn(disk, () => new MemoryJournal(disk));
});

describe('openJournal', () => {
  it('opens a directory and memory by their URLs', () => {
    expect(openJournal('file:./data').name).toBe(`file:${process.cwd()}/data`);
    expect(openJournal('file:data').name).toBe(`file:${process.cwd()}/data`);
    expect(openJournal('file:/var/lib/remuda').name).toBe('file:/var/lib/remuda');
    expect(openJournal('file:///var/lib/with%20space').name).toBe('file:/var/lib/with space');
    expect(openJournal('memory:').name).toBe('memory:');
  });

  it('names what it supports, and never a password', () => {
    expect(() => openJournal('mysql://me:secret@host/db')).toThrow(
      'journal.url: "mysql:" is not known. Supported: file:DIRECTORY (such as file:./data) or memory:.',
    );
    expect(() => openJournal('./data')).toThrow('it names no kind of journal');
    expect(() => openJournal('file:')).toThrow('"file:" needs a directory');
  });
});

describe('a memory journal', () => {
  it('takes no snapshot of events that it does not have', async () => {
    const journal = new MemoryJournal();
    await journal.open();
    await expect(journal.saveSnapshot(snapshotOf(1, 10))).rejects.toThrow(RangeError);
  });
});
