/** Journals that a real host wrote, run again: where nothing is changed, nothing may differ. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryDisk, MemoryJournal } from '../../src/adapters/journals/memory.ts';
import { openJournal } from '../../src/adapters/journals/open.ts';
import type { PoolOptions } from '../../src/core/options.ts';
import { encodeDump } from '../../src/host/codec.ts';
import { loadPool } from '../../src/host/load.ts';
import type { Journal } from '../../src/host/ports.ts';
import { changeFleet } from '../../src/sim/what-if/fleet-change.ts';
import { readRecording } from '../../src/sim/what-if/read-recording.ts';
import type { Recording } from '../../src/sim/what-if/recording.ts';
import { runRecording } from '../../src/sim/what-if/run.ts';
import { agent, OPTIONS, type Plan, START, World } from './world.ts';

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** Where journals are opened, one after the other, on the same disk. */
type Place = () => Journal;

function inMemory(): Place {
  const disk = new MemoryDisk();
  return () => new MemoryJournal(disk);
}

function inFile(): Place {
  const directory = mkdtempSync(join(tmpdir(), 'remuda-what-if-'));
  directories.push(directory);
  return () => openJournal(`file:${directory}`);
}

async function recorded(
  script: (world: World) => Promise<void>,
  options: PoolOptions = OPTIONS,
  query: { readonly from?: number; readonly to?: number } = {},
  place: Place = inMemory(),
): Promise<Recording> {
  const world = await World.open(place(), options);
  await script(world);
  await world.close();
  const journal = place();
  try {
    const recording = await readRecording(journal, { pool: options, ...query });
    expect(recording).not.toBeNull();
    return recording!;
  } finally {
    await journal.close();
  }
}

function expectSame(recording: Recording, options: PoolOptions = OPTIONS): void {
  const { outcomes, figures } = runRecording(recording, { pool: options });
  expect(outcomes).toEqual(recording.requests.map(({ happened }) => happened));
  expect(figures).toEqual(recording.figures);
}

const work = (sec: number): Plan => ({
  reports: [
    [1, 'active'],
    [1 + sec, 'idle'],
  ],
});

describe('a recording that is run again as it was', () => {
  it('agrees on grants, waits, warm agents, groups, reclaims and expiries', async () => {
    const recording = await recorded(
      async (world) => {
        await world.run({ type: 'register', agents: [agent('a'), agent('b'), agent('c')] });
        await world.ask({ tenant: 'one', purpose: 'music' }, work(300));
        await world.until(10);
        await world.ask({ tenant: 'two', purpose: 'music', count: 2 }, { releaseSec: 400 });
        await world.until(20);
        await world.ask({ tenant: 'three', queueTimeoutMs: 1_000_000 }, work(30));
        await world.until(30);
        await world.ask({ tenant: 'four', queueTimeoutMs: 5_000 });
        await world.until(40);
        await world.ask({ tenant: 'five' }, { cancelSec: 7 });
        await world.until(1_000);
        await world.ask({ tenant: 'two', purpose: 'music' }, work(10));
        await world.until(4_000);
      },
      OPTIONS,
      {},
      inFile(),
    );
    expect(
      recording.requests.map(({ happened: { outcome, waitMs, warm, agents } }) => [
        ...[outcome, waitMs / 1_000, warm, agents.length],
      ]),
    ).toEqual([
      ['granted', 0, false, 1],
      ['granted', 0, false, 2],
      ['granted', 390, false, 1],
      ['expired', 5, false, 0],
      ['cancelled', 7, false, 0],
      ['granted', 0, true, 1],
    ]);
    expectSame(recording);
  });

  it('agrees on agents that leave, fail, come back and come late', async () => {
    const recording = await recorded(async (world) => {
      await world.run({ type: 'register', agents: [agent('a'), agent('b', { tier: 'premium' })] });
      await world.ask({ tenant: 'one' }, work(600));
      await world.until(50);
      await world.run({ type: 'heartbeat', agents: [['b']], health: 'unhealthy' });
      await world.ask({ tenant: 'two' }, work(60));
      await world.until(60);
      await world.run({ type: 'register', agents: [agent('c', { memberships: ['two'] })] });
      await world.until(100);
      await world.run({ type: 'drain_agent', agent: 'c' });
      await world.run({ type: 'heartbeat', agents: [['b']], health: 'healthy' });
      await world.ask({ tenant: 'three' }, work(60));
      await world.until(200);
      await world.run({ type: 'resume_agent', agent: 'c' });
      await world.run({ type: 'retire_agent', agent: 'a', force: true });
      await world.run({ type: 'set_membership', agent: 'b', tenant: 'one', member: true });
      await world.until(900);
      await world.ask({ tenant: 'four', minTier: 'premium' }, work(60));
      await world.until(2_000);
    });
    expect(recording.figures.leases_ended).toMatchObject({ drained: 2 });
    expectSame(recording);
  });

  it('agrees on agents of runners: acceptance, absence, and leases that move', async () => {
    const connect = (runner: string, ...ids: string[]) => ({
      ...{ type: 'connect_agents' as const, runner },
      agents: ids.map((agentId) => ({ agentId })),
    });
    const recording = await recorded(async (world) => {
      await world.run(connect('r1', 'a'));
      await world.run(connect('r2', 'b'));
      await world.ask({ tenant: 'one' }, {});
      await world.until(2);
      await world.acceptAll();
      await world.ask({ tenant: 'two' }, {});
      // It is not accepted and finds no other agent. Nor is that of `one`, when `a` is lost.
      await world.until(30);
      await world.run({ type: 'disconnect_agents', agents: ['a'] });
      await world.until(100);
      await world.run(connect('r1', 'a'));
      await world.until(200);
    });
    expect(recording.figures.leases_ended).toEqual({ agent_failed_to_accept: 2 });
    expectSame(recording);
  });

  it('agrees from the middle on, with leases held and requests waiting', async () => {
    const recording = await recorded(
      async (world) => {
        await world.run({ type: 'register', agents: [agent('a'), agent('b')] });
        await world.ask({ tenant: 'one' }, work(600));
        await world.ask({ tenant: 'two' }, { ...work(100), releaseSec: 700 });
        await world.until(90);
        await world.ask({ tenant: 'three', queueTimeoutMs: 3_000_000 }, work(40));
        await world.until(3_000);
        await world.ask({ tenant: 'one' }, work(40));
        await world.until(4_000);
      },
      OPTIONS,
      { from: START + 95_000 },
    );
    expect(recording.held).toHaveLength(2);
    expect(recording.requests[0]).toMatchObject({ tenant: 'three', ticket: expect.any(String) });
    expectSame(recording);
  });

  it('agrees from a snapshot on, where older events are gone', async () => {
    const disk = new MemoryDisk({ retainBytes: 0 });
    const first = await World.open(new MemoryJournal(disk));
    await first.run({ type: 'register', agents: [agent('a'), agent('b')] });
    await first.ask({ tenant: 'one' }, work(20));
    await first.until(100);
    await first.close();
    const journal = new MemoryJournal(disk);
    const { pool, lastEvent } = await loadPool(journal, OPTIONS);
    const chunks = encodeDump(pool.dump());
    await journal.saveSnapshot({ lastEvent: lastEvent - 1, chunks });
    await journal.saveSnapshot({ lastEvent, chunks });
    await journal.close();
    const second = await World.open(new MemoryJournal(disk), OPTIONS, 200);
    await second.until(300);
    await second.ask({ tenant: 'one' }, work(20));
    await second.ask({ tenant: 'two' }, work(20));
    await second.until(2_000);
    await second.close();
    await expect(new MemoryJournal(disk).read(1).next()).rejects.toThrow();
    const recording = await readRecording(new MemoryJournal(disk), { pool: OPTIONS });
    expect(recording).toMatchObject({ isCut: true, held: [{ tenant: 'one', isActive: false }] });
    expect(recording?.requests.map(({ tenant }) => tenant)).toEqual(['two']);
    expectSame(recording!);
  });

  it('agrees on any script', async () => {
    // The pool looks around once a second: what falls into the very millisecond of such a look could
    // have been before it or after it.
    const odd = (min: number, max: number) =>
      fc.option(
        fc.integer({ min, max }).map((sec) => sec + 0.137),
        { nil: undefined },
      );
    const plan = fc.record({
      reports: fc.constantFrom<Plan['reports']>(
        undefined,
        [[1.013, 'active']],
        [
          [0.503, 'active'],
          [40.057, 'idle'],
        ],
        [
          [2.017, 'active'],
          [90.091, 'idle'],
          [300.029, 'active'],
          [340.043, 'idle'],
        ],
      ),
      releaseSec: odd(30, 900),
      cancelSec: odd(1, 90),
      claimSec: fc.constantFrom(0, 0.211, 3.061, null),
    });
    const request = fc.record({
      tenant: fc.constantFrom('t1', 't2', 't3', 't4', 't5', 't6'),
      purpose: fc.constantFrom('music', 'utility', 'general'),
      priority: fc.constantFrom('low', 'normal', 'high', 'critical'),
      count: fc.constantFrom(1, 1, 1, 2, 3),
      reuse: fc.boolean(),
      minTier: fc.constantFrom(undefined, undefined, 'standard', 'premium'),
      queueTimeoutMs: fc.constantFrom(undefined, 5_000, 400_000),
      lifetimeMs: fc.constantFrom(undefined, undefined, 333_000),
    });
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ request, plan }) },
      fc.record({
        agent: fc.constantFrom('a', 'b', 'c', 'd'),
        does: fc.constantFrom('drain', 'resume', 'fail', 'heal'),
      }),
    );
    const script = fc.array(fc.tuple(fc.integer({ min: 0, max: 120_000 }), step), {
      minLength: 5,
      maxLength: 40,
    });
    const options = fc.constantFrom(
      OPTIONS,
      { ...OPTIONS, idlePolicy: 'pressure' as const },
      { ...OPTIONS, reclaim: { ...OPTIONS.reclaim, idleAfterMs: 30_000, minHoldMs: 1_000 } },
    );
    await fc.assert(
      fc.asyncProperty(script, options, async (steps, pool) => {
        const recording = await recorded(async (world) => {
          const tiers = ['lite', 'standard', 'premium', 'standard'] as const;
          const agents = ['a', 'b', 'c', 'd'].map((id, n) =>
            agent(id, { tier: tiers[n], slots: id === 'd' ? 2 : 1, costPerHour: 1 + n / 8 }),
          );
          await world.run({ type: 'register', agents });
          let at = 0;
          for (const [pause, what] of steps) {
            at += pause / 1_000;
            await world.until(at);
            if ('request' in what) await world.ask(what.request as never, what.plan);
            else if (what.does === 'drain')
              await world.run({ type: 'drain_agent', agent: what.agent });
            else if (what.does === 'resume')
              await world.run({ type: 'resume_agent', agent: what.agent });
            else {
              const health = what.does === 'fail' ? 'unhealthy' : 'healthy';
              await world.run({ type: 'heartbeat', agents: [[what.agent]], health });
            }
          }
          await world.until(at + 3_000);
        }, pool);
        expectSame(recording, pool);
      }),
      { numRuns: 150, interruptAfterTimeLimit: 22_000, markInterruptAsFailure: true },
    );
  });
});

describe('a recording that is run under other conditions', () => {
  const busy = (): Promise<Recording> =>
    recorded(async (world) => {
      await world.run({ type: 'register', agents: ['a', 'b', 'c', 'd'].map((id) => agent(id)) });
      for (let nth = 0; nth < 40; nth += 1) {
        await world.ask(
          { tenant: `t${nth % 7}`, purpose: 'utility' },
          { ...work(100), releaseSec: 150 },
        );
        await world.until((nth + 1) * 47);
      }
      await world.until(4_000);
    });

  it('shows more waiting with fewer agents, and none with more', async () => {
    const recording = await busy();
    const run = (delta: number) =>
      runRecording(recording, { pool: OPTIONS, change: changeFleet(recording, delta) }).figures;
    expect(recording.figures.queued).toBe(0);
    expect(run(0)).toEqual(recording.figures);
    const fewer = run(-2);
    expect(fewer.queued).toBeGreaterThan(10);
    expect(fewer.at_once_share).toBeLessThan(recording.figures.at_once_share);
    expect(fewer.agent_hours).toBeCloseTo(recording.figures.agent_hours / 2, 2);
    expect(fewer.cost).toBeCloseTo(recording.figures.cost / 2, 2);
    const more = run(+4);
    expect(more.queued).toBe(0);
    expect(more.agent_hours).toBeCloseTo(recording.figures.agent_hours * 2, 2);
  });

  it('lets added agents be members where those like them are, sooner or later', async () => {
    const options: PoolOptions = { ...OPTIONS, membership: 'required' };
    const recording = await recorded(async (world) => {
      await world.run({ type: 'register', agents: [agent('a', { memberships: ['one', 'two'] })] });
      await world.ask({ tenant: 'one' }, work(600));
      await world.ask({ tenant: 'two', queueTimeoutMs: 30_000 });
      await world.until(100);
      await world.run({ type: 'set_membership', agent: 'a', tenant: 'three', member: true });
      await world.ask({ tenant: 'three', queueTimeoutMs: 30_000 });
      await world.until(2_000);
    }, options);
    expect(recording.figures).toMatchObject({ granted: 1, expired: 2 });
    expectSame(recording, options);
    const change = changeFleet(recording, 2);
    const { outcomes } = runRecording(recording, { pool: options, change });
    expect(outcomes.map(({ outcome, queued }) => [outcome, queued])).toEqual([
      ['granted', false],
      ['granted', false],
      ['granted', false],
    ]);
  });

  it('asks again where a lease does not last until its tenant comes back', async () => {
    const recording = await recorded(async (world) => {
      await world.run({ type: 'register', agents: [agent('a')] });
      const reports = [
        [1, 'active'],
        [60, 'idle'],
        [700, 'active'],
        [760, 'idle'],
      ] as const;
      await world.ask({ tenant: 'one', purpose: 'music' }, { reports });
      await world.until(4_000);
    });
    expect(recording.figures).toMatchObject({ requests: 1, granted: 1 });
    const purposes = { ...OPTIONS.purposes, music: { idleTimeoutMs: 60_000, priorityWeight: 30 } };
    const { figures } = runRecording(recording, { pool: { ...OPTIONS, purposes } });
    expect(figures).toMatchObject({ requests: 2, asked_again: 1, granted: 2, warm_share: 0.5 });
    // 59 s of work and 60 s of rest, twice: the second lease begins with the work.
    expect(figures.lease_hours).toBeCloseTo((60 + 60 + 60 + 60) / 3_600, 2);
    expect(figures.idle_minutes).toBeCloseTo(2, 2);
  });

  it('uses the lease that is still there where it asked for a new one', async () => {
    const recording = await recorded(async (world) => {
      await world.run({ type: 'register', agents: [agent('a'), agent('b')] });
      await world.ask({ tenant: 'one', purpose: 'utility' }, work(10));
      await world.until(400);
      await world.ask({ tenant: 'one', purpose: 'utility' }, work(10));
      await world.until(2_000);
    });
    expect(recording.figures.granted).toBe(2);
    const purposes = {
      ...OPTIONS.purposes,
      utility: { idleTimeoutMs: 900_000, priorityWeight: 10 },
    };
    const { outcomes, figures } = runRecording(recording, { pool: { ...OPTIONS, purposes } });
    expect(outcomes[1]).toMatchObject({ outcome: 'reused', agents: ['a'] });
    expect(figures).toMatchObject({ granted: 1, reused: 1, at_once_share: 1 });
  });

  it('gives a request that had given up the use of others like it', async () => {
    const recording = await recorded(async (world) => {
      await world.run({ type: 'register', agents: [agent('a')] });
      await world.ask({ tenant: 'one' }, { ...work(100), releaseSec: 200 });
      await world.until(1);
      await world.ask({ tenant: 'two', queueTimeoutMs: 5_000 });
      await world.until(1_000);
      await world.run({ type: 'drain_agent', agent: 'a' });
    });
    expect(recording.requests[1]?.happened.outcome).toBe('expired');
    const { outcomes, figures } = runRecording(recording, {
      pool: OPTIONS,
      change: changeFleet(recording, 1),
    });
    expect(outcomes[1]).toMatchObject({ outcome: 'granted', queued: false });
    expect(figures.leases_ended).toEqual({ released: 2 });
    expect(figures.lease_hours).toBeCloseTo(400 / 3_600, 3);
  });
});
