import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/host/ports.ts';
import { FaultyDisk, type FaultyDiskOptions, FaultyJournal } from '../../src/sim/faulty-journal.ts';
import { exerciseJournal } from './exercise-journal.ts';
import { batchOf, expectBatches, expectFault, readAll, snapshotOf } from './journal-fixtures.ts';
import { storageOn } from './memory-storage.ts';

exerciseJournal('with its faults off', ({ retainBytes }) => {
  const disk = new FaultyDisk({ retainBytes });
  return storageOn(disk.memory, () => new FaultyJournal(disk));
});

async function openOn(disk: FaultyDisk) {
  const journal = new FaultyJournal(disk);
  return { journal, ...(await journal.open()) };
}

/** A clock that stands until it is told to go on. */
class ManualClock implements Clock {
  #now = 0;
  #alarms: { at: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wakeAt(at: number, wake: () => void): () => void {
    const alarm = { at, wake };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  advanceTo(now: number): void {
    this.#now = now;
    const due = this.#alarms.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    this.#alarms = this.#alarms.filter(({ at }) => at > now);
    for (const { wake } of due) wake();
  }
}

/** Lets everything happen that needs no clock. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** What happened to a promise so far. */
function watch(promise: Promise<unknown>): { state: string } {
  const watched = { state: 'waiting' };
  promise.then(
    () => {
      watched.state = 'resolved';
    },
    (error: Error) => {
      watched.state = error.message;
    },
  );
  return watched;
}

describe('a scripted fault', () => {
  it('before the write keeps nothing, and the next attempt succeeds', async () => {
    const disk = new FaultyDisk();
    const { journal, epoch } = await openOn(disk);
    disk.script('fail');
    await expectFault(journal.append(batchOf(1, 1, epoch)), 'io');
    expect(await journal.lastEvent()).toBe(0);
    await journal.append(batchOf(1, 1, epoch));
    expectBatches(await readAll(journal), [batchOf(1, 1, epoch)]);
  });

  it('after the write loses only the reply', async () => {
    const disk = new FaultyDisk();
    const { journal, epoch } = await openOn(disk);
    disk.script(null, 'lose_reply');
    await journal.append(batchOf(1, 1, epoch));
    await expectFault(journal.append(batchOf(2, 1, epoch)), 'io');
    expect(await journal.lastEvent()).toBe(2);
    await expectFault(journal.append(batchOf(2, 1, epoch)), 'fenced');
    await journal.append(batchOf(3, 1, epoch));
  });

  it('fills the disk until it is freed', async () => {
    const disk = new FaultyDisk();
    const { journal, epoch } = await openOn(disk);
    disk.script('fill');
    for (let attempt = 0; attempt < 3; attempt++) {
      await expectFault(journal.append(batchOf(1, 1, epoch)), 'full');
      await expectFault(journal.probe(), 'full');
      await expectFault(journal.saveSnapshot(snapshotOf(0)), 'full');
    }
    disk.free();
    await journal.probe();
    await journal.append(batchOf(1, 1, epoch));
  });
});

describe('a crash', () => {
  const begin = async (options: FaultyDiskOptions) => {
    const clock = new ManualClock();
    const disk = new FaultyDisk({ ...options, clock, maxDelayMs: 10 });
    const { journal, epoch } = await openOn(disk);
    return { clock, disk, journal, epoch };
  };

  it('is survived by what was acknowledged, and by no call of the dead process', async () => {
    const { clock, disk, journal, epoch } = await begin({ rates: { keepUnderWay: 0 } });
    const acknowledged = watch(journal.append(batchOf(1, 1, epoch)));
    clock.advanceTo(10);
    await settle();
    expect(acknowledged.state).toBe('resolved');
    const underWay = [2, 3].map((first) => watch(journal.append(batchOf(first, 1, epoch))));
    await settle();
    disk.crash();
    clock.advanceTo(100);
    const late = [watch(journal.append(batchOf(2, 1, epoch))), watch(journal.lastEvent())];
    await settle();
    for (const { state } of [...underWay, ...late]) expect(state).toBe('waiting');
    const next = await openOn(disk);
    expect(next.lastEvent).toBe(1);
    expect(next.epoch).toBeGreaterThan(epoch);
  });

  it('keeps what was under way whole or not at all, and nothing behind a lost one', async () => {
    const ends = new Set<number>();
    for (let seed = 1; seed <= 60; seed++) {
      const { disk, journal, epoch } = await begin({ seed });
      for (const first of [1, 4, 7]) watch(journal.append(batchOf(first, 3, epoch)));
      disk.crash();
      const next = await openOn(disk);
      ends.add(next.lastEvent);
      const expected = [1, 4, 7].filter((first) => first <= next.lastEvent);
      expectBatches(
        await readAll(next.journal),
        expected.map((first) => batchOf(first, 3, epoch)),
      );
    }
    expect([...ends].sort()).toEqual([0, 3, 6, 9]);
  });

  it('answers in the order of the calls, however long each takes', async () => {
    const { clock, journal, epoch } = await begin({ seed: 3 });
    const order: number[] = [];
    for (let first = 1; first <= 20; first++) {
      void journal.append(batchOf(first, 1, epoch)).then(() => order.push(first));
    }
    for (let now = 0; order.length < 20 && now < 1000; now++) {
      clock.advanceTo(now);
      await settle();
    }
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });
});

describe('a seed', () => {
  const history = async (seed: number) => {
    const rates = { fail: 0.2, loseReply: 0.2, fill: 0.1, failSnapshot: 0.3, rotSnapshot: 0.3 };
    const disk = new FaultyDisk({ seed, rates });
    const { journal, epoch } = await openOn(disk);
    const seen: string[] = [];
    for (let step = 0; step < 60; step++) {
      const first = (await journal.lastEvent()) + 1;
      const told = await journal.append(batchOf(first, 1, epoch)).then(
        () => 'ok',
        (error: { fault: string }) => error.fault,
      );
      const isKept = (await journal.lastEvent()) === first;
      seen.push(`${told} ${isKept ? 'kept' : 'lost'}`);
      if (told === 'full') disk.free();
      if (step % 10 === 9) {
        await journal.saveSnapshot(snapshotOf(first - 1, 20)).catch(() => seen.push('no snapshot'));
        seen.push(`snapshot ${(await journal.loadSnapshot())?.lastEvent}`);
      }
    }
    disk.calm();
    await journal.append(batchOf((await journal.lastEvent()) + 1, 1, epoch));
    return seen;
  };

  it('gives the same faults again, and another one others', async () => {
    const seen = await history(7);
    expect(await history(7)).toEqual(seen);
    expect(await history(8)).not.toEqual(seen);
    for (const kind of ['ok kept', 'io lost', 'io kept', 'full lost']) expect(seen).toContain(kind);
  });

  it('spoils snapshots so that older ones are loaded', async () => {
    const disk = new FaultyDisk({ seed: 1, rates: { rotSnapshot: 1 } });
    const { journal, epoch } = await openOn(disk);
    await journal.append(batchOf(1, 5, epoch));
    await journal.saveSnapshot(snapshotOf(5, 100));
    expect(await journal.loadSnapshot()).toBeNull();
    disk.calm();
    await journal.saveSnapshot(snapshotOf(4, 100));
    expect((await journal.loadSnapshot())?.lastEvent).toBe(4);
  });
});
