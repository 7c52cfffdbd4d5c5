/** Small traces whose figures were worked out by hand. Times are in seconds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileJournal } from '../../adapters/journals/file.ts';
import { MemoryDisk, MemoryJournal } from '../../adapters/journals/memory.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../core/options.ts';
import { decodeEvents } from '../../host/codec.ts';
import { loadPool } from '../../host/load.ts';
import { JournalError } from '../../host/ports.ts';
import { type ReplayOptions, replayTrace } from './replay.ts';
import { Trace } from './trace.ts';

const START = Date.UTC(2026, 0, 1);
const at = (sec: number): number => START + sec * 1_000;

type Row = readonly [sec: number, tenant: string, durationSec?: number];

function traceOf(rows: readonly Row[]): Trace {
  const trace = new Trace();
  for (const [sec, tenant, duration] of rows) {
    trace.add({
      at: at(sec),
      tenant,
      durationMs: duration === undefined ? undefined : duration * 1_000,
    });
  }
  return trace;
}

const NO_RECLAIM: PoolOptions = {
  ...DEFAULT_OPTIONS,
  reclaim: { ...DEFAULT_OPTIONS.reclaim, enabled: false },
};

/** With the purpose `utility`: idle leases end after 300 s. */
function replay(rows: readonly Row[], options: Partial<ReplayOptions> = {}) {
  return replayTrace({
    trace: traceOf(rows),
    journal: new MemoryJournal(),
    pool: DEFAULT_OPTIONS,
    agents: 1,
    purpose: 'utility',
    from: at(0),
    to: at(1_000),
    ...options,
  });
}

describe('a trace of moments', () => {
  it('keeps a lease for its idle timeout, uses it again, and finds the agent warm after it', async () => {
    // 0 … 400: one lease, used at 0 and 100. 500 … 800: another one with the same agent.
    const figures = await replay([
      [0, 'a'],
      [100, 'a'],
      [500, 'a'],
    ]);
    expect(figures).toMatchObject({
      requests: 3,
      granted: 2,
      reused: 1,
      warm: 1,
      warm_ratio: 0.5,
      queued: 0,
      rejected: 0,
      waiting: 0,
      leases_ended: { idle_timeout: 2 },
      leases_live: 0,
      idle_minutes: 11.67,
      agents_ever_needed: { at_once: 1, distinct: 1 },
      utilization: { mean: 0.7, peak: 1 },
      waits_ms: { p50: 0, p99: 0, max: 0, mean: 0 },
      from: '2026-01-01T00:00:00.000Z',
      to: '2026-01-01T00:16:40.000Z',
    });
    // Registered; granted, idle, again allocated and idle, ended; granted, idle, ended.
    expect(figures.events).toBe(1 + 2 + 2 + 1 + 2 + 1);
  });

  it('ends a lease exactly at its timeout, not a millisecond later', async () => {
    const before = await replay([
      [0, 'a'],
      [299.999, 'a'],
    ]);
    expect(before).toMatchObject({ granted: 1, reused: 1 });
    const then = await replay([
      [0, 'a'],
      [300, 'a'],
    ]);
    expect(then).toMatchObject({ granted: 2, reused: 0, warm: 1 });
  });

  it('lets no lease live longer for a gap in the trace', async () => {
    const figures = await replay(
      [
        [0, 'a'],
        [36_000, 'b'],
      ],
      { agents: 2, to: undefined },
    );
    expect(figures).toMatchObject({ idle_minutes: 5, leases_ended: { idle_timeout: 1 } });
    expect(figures.leases_live).toBe(1);
    expect(figures.utilization.mean).toBeCloseTo(300 / 36_000 / 2, 6);
  });

  it('grants from the queue when an agent comes free, and expires who waits too long', async () => {
    // b waits from 10 to 70 in vain; c from 280 to 300, when the lease of a times out.
    const figures = await replay(
      [
        [0, 'a'],
        [10, 'b'],
        [280, 'c'],
      ],
      { pool: NO_RECLAIM },
    );
    expect(figures).toMatchObject({
      requests: 3,
      granted: 2,
      queued: 2,
      expired: 1,
      rejected: 1,
      refused: {},
      waits_ms: { p50: 20_000, p99: 60_000, max: 60_000, mean: 26_666.667 },
      leases_ended: { idle_timeout: 2 },
      idle_minutes: 10,
      utilization: { mean: 0.6 },
    });
  });

  it('says who still waits at the end', async () => {
    const figures = await replay(
      [
        [0, 'a'],
        [10, 'b'],
      ],
      { pool: NO_RECLAIM, to: at(40) },
    );
    expect(figures).toMatchObject({ granted: 1, waiting: 1, rejected: 0, leases_live: 1 });
    expect(figures.waits_ms.max).toBe(30_000);
  });

  it('takes back what has been idle for five minutes under pressure', async () => {
    const late = await replay(
      [
        [0, 'a'],
        [301, 'b'],
      ],
      { purpose: 'ai_companion' },
    );
    expect(late).toMatchObject({ granted: 2, queued: 0, reclaimed: 1, waits_ms: { max: 0 } });
    // A second too early: it waits until the lease of a has been idle for long enough.
    const early = await replay(
      [
        [0, 'a'],
        [299, 'b'],
      ],
      { purpose: 'ai_companion' },
    );
    expect(early).toMatchObject({
      granted: 2,
      queued: 1,
      reclaimed: 1,
      leases_ended: { reclaimed: 1 },
      waits_ms: { max: 1_000 },
    });
  });

  it('serves all requests of a tenant that waits with one lease', async () => {
    const figures = await replay(
      [
        [0, 'a'],
        [290, 'b'],
        [291, 'b'],
      ],
      { pool: NO_RECLAIM },
    );
    expect(figures).toMatchObject({
      requests: 3,
      granted: 2,
      reused: 1,
      queued: 2,
      rejected: 0,
      waits_ms: { max: 10_000, mean: 6_333.333 },
      idle_minutes: 10,
    });
  });

  it('counts refusals by their code', async () => {
    const pool = { ...NO_RECLAIM, queue: { ...NO_RECLAIM.queue, maxLength: 0 } };
    const figures = await replay(
      [
        [0, 'a'],
        [1, 'b'],
        [2, 'c'],
      ],
      { pool },
    );
    expect(figures).toMatchObject({ granted: 1, rejected: 2, expired: 0 });
    expect(figures.refused).toEqual({ AGENT_POOL_EXHAUSTED: 2 });
  });
});

describe('a trace of jobs', () => {
  it('takes an idle lease of the tenant, else one more agent', async () => {
    // First lease: 0 … 100 active, 120 … 130 active again, idle until 430. Second: 50 … 150, 450.
    const figures = await replay(
      [
        [0, 'a', 100],
        [50, 'a', 100],
        [120, 'a', 10],
      ],
      { agents: 2 },
    );
    expect(figures).toMatchObject({
      requests: 3,
      granted: 2,
      reused: 1,
      idle_minutes: 10.33,
      leases_ended: { idle_timeout: 2 },
      utilization: { mean: 0.415, peak: 1 },
      agents_ever_needed: { at_once: 2, distinct: 2 },
    });
  });

  it('begins a job that waited when it is granted, not before', async () => {
    // The lease of a is active until 30 and idle until 330; b waits from 10 to 330, works until 335
    // and is idle until 635.
    const pool = { ...NO_RECLAIM, queue: { ...NO_RECLAIM.queue, timeoutMs: 600_000 } };
    const figures = await replay(
      [
        [0, 'a', 30],
        [10, 'b', 5],
      ],
      { pool },
    );
    expect(figures).toMatchObject({
      granted: 2,
      queued: 1,
      waits_ms: { max: 320_000 },
      idle_minutes: 10,
      utilization: { mean: 0.635 },
    });
  });

  it('hands a lease that becomes idle to a job of its tenant that waits', async () => {
    const figures = await replay([
      [0, 'a', 30],
      [10, 'a', 5],
    ]);
    expect(figures).toMatchObject({
      requests: 2,
      granted: 1,
      reused: 1,
      queued: 1,
      waits_ms: { max: 20_000 },
      idle_minutes: 5,
      leases_ended: { idle_timeout: 1 },
      utilization: { mean: 0.335 },
    });
  });

  it('does not take a job that runs for days for a lost client', async () => {
    const figures = await replay([[0, 'a', 172_800]], { to: at(200_000) });
    expect(figures).toMatchObject({
      granted: 1,
      idle_minutes: 5,
      leases_ended: { idle_timeout: 1 },
    });
    expect(figures.utilization.mean).toBeCloseTo(173_100 / 200_000, 5);
  });

  it('does not use a lease that has timed out in the meantime', async () => {
    const figures = await replay([
      [0, 'a', 10],
      [310, 'a', 10],
      [320, 'a', 0],
      [320, 'a', 0],
    ]);
    expect(figures).toMatchObject({ requests: 4, granted: 2, reused: 2, warm: 1 });
  });
});

describe('a replay', () => {
  it('gives the same figures again, in any order of the file', async () => {
    const rows: Row[] = Array.from({ length: 400 }, (_, n) => [
      (n * 7_919) % 3_000,
      `t${(n * 31) % 23}`,
      (n * 13) % 90,
    ]);
    const sorted = [...rows].sort((a, b) => a[0] - b[0]);
    const options = { agents: 7, to: undefined, from: undefined };
    const figures = await replay(rows, options);
    expect(await replay(rows, options)).toEqual(figures);
    expect(await replay(sorted, options)).toEqual(figures);
    expect(figures.expired).toBeGreaterThan(0);
    expect(figures.reused).toBeGreaterThan(0);
  });

  it('accounts for every request and every lease', async () => {
    const row = fc.tuple(
      fc.integer({ min: 0, max: 4_000 }),
      fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      fc.integer({ min: 0, max: 400 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        fc.boolean(),
        async (rows, agents, hasDurations, reclaim) => {
          const used = hasDurations ? rows : rows.map(([sec, tenant]): Row => [sec, tenant]);
          const figures = await replay(used, {
            agents,
            pool: reclaim ? DEFAULT_OPTIONS : NO_RECLAIM,
            from: undefined,
            to: undefined,
          });
          const { requests, granted, reused, rejected, waiting, utilization } = figures;
          expect(requests).toBe(rows.length);
          expect(granted + reused + rejected + waiting).toBe(requests);
          const ended = Object.values(figures.leases_ended).reduce((sum, n) => sum + n, 0);
          expect(ended + figures.leases_live).toBe(granted);
          expect(utilization.peak).toBeLessThanOrEqual(1);
          expect(utilization.mean).toBeLessThanOrEqual(utilization.peak);
          expect(figures.waits_ms.max).toBeLessThanOrEqual(60_000);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('leaves a journal that a pool can be rebuilt from', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'remuda-test-'));
    try {
      const rows: Row[] = Array.from({ length: 3_000 }, (_, n) => [n, `t${n % 40}`]);
      const journal = new FileJournal(directory);
      const figures = await replay(rows, { agents: 20, journal, to: undefined });
      const kept = new FileJournal(directory);
      const { pool, lastEvent } = await loadPool(kept, DEFAULT_OPTIONS);
      expect(lastEvent).toBe(figures.events);
      expect(pool.stats().leases.total).toBe(figures.leases_live);
      const times: number[] = [];
      for await (const batch of kept.read(1)) {
        for (const event of decodeEvents(batch.payload)) times.push(event.at);
      }
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect((await kept.verify()).faults).toEqual([]);
      await kept.close();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('fails with the reason of a journal that cannot be written, and closes it', async () => {
    const disk = new MemoryDisk();
    const journal = new MemoryJournal(disk);
    const full = new JournalError('full', 'The disk is full.');
    journal.append = () => Promise.reject(full);
    const rows: Row[] = Array.from({ length: 20_000 }, (_, n) => [n, `t${n % 40}`]);
    await expect(replay(rows, { journal, agents: 50, to: undefined })).rejects.toBe(full);
    expect(disk.holder).toBeNull();
  });

  it('stops when it is called off, and closes its journal', async () => {
    const disk = new MemoryDisk();
    const off = new AbortController();
    const rows: Row[] = Array.from({ length: 2_000 }, (_, n) => [n, `t${n}`]);
    const stopped = replay(rows, {
      journal: new MemoryJournal(disk),
      signal: off.signal,
      onProgress: ({ rows: done }) => {
        if (done > 500) off.abort(new Error('called off'));
      },
    });
    await expect(stopped).rejects.toThrow('called off');
    expect(disk.holder).toBeNull();
  });

  it('keeps to its speed', async () => {
    const startedAt = performance.now();
    await replay(
      [
        [0, 'a'],
        [10, 'a'],
        [30, 'a'],
      ],
      { speed: 100, to: undefined },
    );
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(280);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('shares the agents out among specializations, and refuses too few', async () => {
    const trace = new Trace();
    for (const [sec, specialization] of [
      [0, 'x'],
      [1, 'x'],
      [2, 'y'],
    ] as const) {
      trace.add({ at: at(sec), tenant: `t${sec}`, specialization });
    }
    const figures = await replay([], { trace, agents: 3 });
    expect(figures).toMatchObject({ granted: 3, agents: 3 });
    await expect(replay([], { trace, agents: 1 })).rejects.toThrow('2 specializations');
  });

  it('takes the purpose of the row before that of the replay', async () => {
    const trace = new Trace();
    trace.add({ at: at(0), tenant: 'a', purpose: 'moderation' });
    const figures = await replay([], { trace });
    expect(figures.idle_minutes).toBe(10);
  });
});
