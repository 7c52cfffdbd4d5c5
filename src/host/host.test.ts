import { expect, test } from 'vitest';
import type { AgentSpec } from '../core/command.ts';
import { DEFAULT_OPTIONS } from '../core/options.ts';
import { FaultyDisk, FaultyJournal } from '../sim/faulty-journal.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { Host } from './host.ts';

const START = 1_700_000_000_000;
const AGENT: AgentSpec = {
  agentId: 'a',
  specialization: 'general',
  tools: [],
  tier: 'standard',
  slots: 1,
  costPerHour: 0,
  labels: {},
  protected: false,
  memberships: [],
};
const LEASE = { type: 'lease', tenant: 't', lifetimeMs: 5_000 } as const;

async function opened(): Promise<{ disk: FaultyDisk; clock: VirtualClock; host: Host }> {
  const disk = new FaultyDisk();
  const clock = new VirtualClock(START);
  const journal = new FaultyJournal(disk);
  const host = await Host.open({ journal, clock, options: DEFAULT_OPTIONS, checksHealth: false });
  await host.execute({ type: 'register', agents: [AGENT] });
  return { disk, clock, host };
}

/** Everything that is under way has happened. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

test('what is due while the journal cannot be written waits for it', async () => {
  const { disk, clock, host } = await opened();
  await host.execute(LEASE);
  disk.script('fill');
  await expect(host.execute({ ...LEASE, tenant: 'u' })).rejects.toThrow('full');
  await settled();
  const until = clock.now() + 120_000;
  let wakes = 0;
  // The lease ends in between; the journal is tried once a second.
  while (clock.step(until)) {
    expect(++wakes).toBeLessThan(100);
    await settled();
    if (wakes === 30) disk.free();
  }
  expect(host.readiness().ready).toBe(true);
  expect(await host.read((pool) => pool.stats().leases.total)).toBe(0);
}, 60_000);

test('a read that has seen what was not written looks again', async () => {
  const { disk, host } = await opened();
  disk.script('fail');
  const refused = host.execute(LEASE).catch((error: Error) => error.name);
  const seen: number[] = [];
  const total = host.read((pool) => {
    seen.push(pool.stats().leases.total);
    return seen.at(-1);
  });
  expect(await refused).toBe('NotReadyError');
  expect(await total).toBe(0);
  expect(seen).toEqual([1, 0]);
});

test('a host that has lost its journal tells nobody what never happened', async () => {
  const { disk, clock, host } = await opened();
  disk.memory.holder = null;
  const journal = new FaultyJournal(disk);
  await Host.open({ journal, clock, options: DEFAULT_OPTIONS, checksHealth: false });
  await expect(host.execute(LEASE)).rejects.toThrow('taken over');
  await expect(host.read((pool) => pool.stats().leases.total)).rejects.toThrow('taken over');
});
