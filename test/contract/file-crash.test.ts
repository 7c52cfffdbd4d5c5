/** What a file journal keeps when its process dies, and how it keeps a second one out. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileJournal } from '../../src/adapters/journals/file.ts';
import { type ChildOptions, startChild, temporary, whyNoTrace } from './file-tools.ts';
import { expectFault, readAll } from './journal-fixtures.ts';

interface Found {
  readonly lastEvent: number;
  readonly repairs: readonly string[];
}

/** Opens what a dead process left, checks that it is whole, and closes it. */
async function inspect(directory: string, from: number, payloadBytes: number): Promise<Found> {
  const repairs: string[] = [];
  const onRepair = (message: string) => repairs.push(message);
  const journal = new FileJournal(directory, { onRepair });
  try {
    const { lastEvent } = await journal.open();
    let next = from;
    for await (const { first, payload } of journal.read(from)) {
      expect(first).toBe(next++);
      if (payload.length !== payloadBytes) continue;
      expect(payload.every((byte) => byte === (first & 0xff))).toBe(true);
    }
    expect(next).toBe(lastEvent + 1);
    expect((await journal.verify()).faults).toEqual([]);
    return { lastEvent, repairs };
  } finally {
    await journal.close();
  }
}

/** Acknowledged batches are there; beyond them at most the one that was under way. */
function expectAcknowledged(lastEvent: number, acknowledged: number): void {
  expect(lastEvent).toBeGreaterThanOrEqual(acknowledged);
  expect(lastEvent).toBeLessThanOrEqual(acknowledged + 1);
}

describe('a process killed while it appends', () => {
  it('loses no acknowledged batch, in twelve lives', async () => {
    const directory = await temporary();
    let total = 0;
    for (let life = 1; life <= 12; life++) {
      const payloadBytes = [100, 5_000, 70_000][life % 3]!;
      const child = startChild({ directory, payloadBytes });
      await child.until('acknowledged');
      await new Promise((resolve) => setTimeout(resolve, 5 + ((life * 37) % 120)));
      await child.kill();
      expect(child.acknowledged).toBeGreaterThan(total);
      const { lastEvent } = await inspect(directory, 1, payloadBytes);
      expectAcknowledged(lastEvent, child.acknowledged);
      total = lastEvent;
    }
  }, 60_000);

  it('leaves a snapshot and all that follows it, while batches are deleted', async () => {
    const directory = await temporary();
    let last = 0;
    for (let life = 1; life <= 6; life++) {
      const payloadBytes = 20_000;
      const child = startChild({ directory, payloadBytes, snapshotEvery: 25 });
      await child.until(`acknowledged ${last + 60 + life * 7}`);
      await child.kill();
      const journal = new FileJournal(directory);
      const snapshot = await journal.loadSnapshot();
      await journal.close();
      const { lastEvent } = await inspect(directory, (snapshot?.lastEvent ?? 0) + 1, payloadBytes);
      expectAcknowledged(lastEvent, child.acknowledged);
      last = lastEvent;
    }
    const journal = new FileJournal(directory);
    expect((await journal.verify()).firstEvent).toBeGreaterThan(1);
    await journal.close();
  }, 60_000);
});

describe('a second process', () => {
  it('is refused with the first one’s number, and let in when that one was killed', async () => {
    const directory = await temporary();
    const child = startChild({ directory });
    await child.until('acknowledged');
    const journal = new FileJournal(directory);
    const { message } = await expectFault(journal.open(), 'fenced');
    const since = /since (\S+)\)/.exec(message)?.[1] ?? '';
    expect(Math.abs(Date.parse(since) - Date.now())).toBeLessThan(60_000);
    expect(message).toBe(
      `The data directory ${directory} is in use by another Remuda (process ${child.process.pid} since ${since}). Stop it, or give this one a directory of its own (journal.url).`,
    );
    // A reader is welcome all the time.
    const before = child.acknowledged;
    expect(await journal.lastEvent()).toBeGreaterThanOrEqual(before);
    expect((await readAll(journal)).length).toBeGreaterThanOrEqual(before);
    await child.kill();
    const { lastEvent } = await journal.open();
    expectAcknowledged(lastEvent, child.acknowledged);
    await journal.close();
  });
});

const noTrace = whyNoTrace();
if (noTrace) console.warn(`Skipped: crashes at chosen system calls: ${noTrace}.`);

describe.skipIf(noTrace)('watched by strace', () => {
  const traced = (options: ChildOptions, ...args: string[]) =>
    startChild({ ...options, through: ['strace', '-f', '-qq', ...args] });

  it('syncs before each acknowledgement', async () => {
    const directory = await temporary();
    const log = join(directory, 'trace');
    const child = traced(
      { directory, batches: 40 },
      '-e',
      'trace=fsync,fdatasync,write',
      '-o',
      log,
    );
    await child.until('done');
    await child.kill();
    let isSynced = true;
    let acknowledged = 0;
    for (const line of (await readFile(log, 'utf8')).split('\n')) {
      if (/f(data)?sync.*= 0$/.test(line)) isSynced = true;
      if (!line.includes('"acknowledged ')) continue;
      expect(isSynced).toBe(true);
      isSynced = false;
      acknowledged += 1;
    }
    expect(acknowledged).toBe(40);
  });

  it('survives being killed at any write', async () => {
    const directory = await temporary();
    let repaired = 0;
    for (let when = 60; when < 72; when++) {
      const inject = `inject=pwrite64:signal=SIGKILL:when=${when}`;
      const payloadBytes = 9000;
      const child = traced({ directory, payloadBytes }, '-e', inject, '-o', '/dev/null');
      await child.exit;
      const { lastEvent, repairs } = await inspect(directory, 1, payloadBytes);
      expectAcknowledged(lastEvent, child.acknowledged);
      repaired += repairs.length;
    }
    // Some of these deaths fall into the middle of a batch, and that is told.
    expect(repaired).toBeGreaterThan(0);
  }, 60_000);

  it('keeps nothing of a batch whose sync failed, even if it dies at once', async () => {
    const directory = await temporary();
    const inject = 'inject=fsync,fdatasync:error=EIO:when=20';
    const child = traced({ directory }, '-e', inject, '-o', '/dev/null');
    await child.until('failed');
    await child.kill();
    const failure = child.lines.find((line) => line.startsWith('failed'));
    const event = Number(failure?.split(' ')[1]);
    expect(failure).toContain(`failed ${event} io`);
    expect(failure).toContain('journal.db');
    const { lastEvent } = await inspect(directory, 1, 200);
    expect(lastEvent).toBe(event - 1);
  });
});
