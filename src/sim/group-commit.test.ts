import { describe, expect, it } from 'vitest';
import { MemoryDisk, MemoryJournal } from '../adapters/journals/memory.ts';
import type { Event } from '../core/event.ts';
import { decodeEvents, encodeEvents } from '../host/codec.ts';
import { type Batch, JournalError } from '../host/ports.ts';
import { GroupCommitJournal } from './group-commit.ts';

const event = (n: number): Event => ({ type: 'agent_resumed', at: n, agent: `a${n}` });

function batch(first: number, count: number, epoch = 1): Batch {
  const events = Array.from({ length: count }, (_, n) => event(first + n));
  return { first, count, epoch, at: first, payload: encodeEvents(events) };
}

/** Writes only when it is told to. */
class SlowJournal extends MemoryJournal {
  readonly pending: (() => void)[] = [];
  override async append(next: Batch): Promise<void> {
    await new Promise<void>((resolve) => this.pending.push(resolve));
    await super.append(next);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('GroupCommitJournal', () => {
  it('hands events on in batches of a fixed size, and the rest at the end', async () => {
    const disk = new MemoryDisk();
    const journal = new GroupCommitJournal(new MemoryJournal(disk), { batchEvents: 10 });
    await journal.open();
    for (const [first, count] of [
      [1, 7],
      [8, 1],
      [9, 15],
      [24, 2],
    ] as const) {
      await journal.append(batch(first, count));
    }
    expect(await journal.lastEvent()).toBe(25);
    await journal.close();
    expect(disk.batches.map((stored) => [stored.batch.first, stored.batch.count])).toEqual([
      [1, 10],
      [11, 10],
      [21, 5],
    ]);
    const events = disk.batches.flatMap((stored) => decodeEvents(stored.batch.payload));
    expect(events).toEqual(Array.from({ length: 25 }, (_, n) => event(n + 1)));
    const bytes = disk.batches.reduce((sum, stored) => sum + stored.batch.payload.length, 0);
    expect(journal.bytes).toBe(bytes);
  });

  it('is never further ahead of the disk than it may be', async () => {
    const slow = new SlowJournal();
    const journal = new GroupCommitJournal(slow, { batchEvents: 10, mostInFlight: 20 });
    await journal.open();
    await journal.append(batch(1, 10));
    await journal.append(batch(11, 10));
    let isThrough = false;
    const third = journal.append(batch(21, 1)).then(() => {
      isThrough = true;
    });
    await turn();
    expect(isThrough).toBe(false);
    slow.pending.shift()?.();
    await third;
    expect(isThrough).toBe(true);
    const closed = journal.close();
    while (slow.pending.length > 0 || !(await Promise.race([closed.then(() => true), turn()]))) {
      slow.pending.shift()?.();
    }
    await closed;
  });

  it('tells the first failure again and again, and at the end', async () => {
    const full = new JournalError('full', 'no room');
    const disk = new MemoryDisk();
    const inner = new MemoryJournal(disk);
    inner.append = () => Promise.reject(full);
    const journal = new GroupCommitJournal(inner, { batchEvents: 2, mostInFlight: 4 });
    await journal.open();
    await journal.append(batch(1, 2));
    await turn();
    expect(journal.failure).toBe(full);
    await expect(journal.append(batch(3, 2))).rejects.toMatchObject({
      fault: 'fenced',
      cause: full,
    });
    await expect(journal.close()).rejects.toBe(full);
    expect(disk.batches).toEqual([]);
    expect(disk.holder).toBeNull();
  });

  it('reads what it has only just accepted', async () => {
    const journal = new GroupCommitJournal(new MemoryJournal());
    await journal.open();
    await journal.append(batch(1, 3));
    const firsts: number[] = [];
    for await (const stored of journal.read(1)) firsts.push(stored.first);
    expect(firsts).toEqual([1]);
    await journal.append(batch(4, 1));
    await journal.close();
  });
});
