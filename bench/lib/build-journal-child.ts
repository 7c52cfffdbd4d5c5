/**
 * Fills a data directory through the real host and dies as a killed server does, its log not yet
 * moved into the database.
 *
 *     node build-journal-child.ts DIRECTORY AGENTS HELD TENANTS TAIL_EVENTS
 */
import { SystemClock } from '../../src/adapters/clock.ts';
import { openJournal } from '../../src/adapters/journals/open.ts';
import { snapshotsOf } from '../../src/adapters/snapshots.ts';
import type { AgentSpec, Command, LeaseCommand } from '../../src/core/command.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../src/core/options.ts';
import { Host } from '../../src/host/host.ts';
import { generator } from '../http/random.ts';

/** Commands that are decided together and share a batch of the journal. */
const TOGETHER = 2_000;
const AGENTS_PER_CALL = 10_000;
const LONG_MS = 20 * 86_400_000;
const PURPOSES = ['music', 'ai_companion', 'moderation'];
const TIERS = ['lite', 'standard', 'premium'] as const;

const [directory = '', ...numbers] = process.argv.slice(2);
const [agents = 0, held = 0, tenants = 0, tail = 0] = numbers.map(Number);

/** The journal is kept for later runs, when nothing of it may have come to its end. */
const purposes = Object.fromEntries(
  Object.entries(DEFAULT_OPTIONS.purposes).map(([name, purpose]) => [
    name,
    { ...purpose, idleTimeoutMs: LONG_MS },
  ]),
);
const options: PoolOptions = { ...DEFAULT_OPTIONS, purposes };
const url = `file:${directory}`;
const random = generator(1);
const host = await Host.open({
  journal: openJournal(url),
  clock: new SystemClock(),
  options,
});

async function inBatches(count: number, command: (index: number) => Command): Promise<void> {
  for (let from = 0; from < count; from += TOGETHER) {
    const size = Math.min(TOGETHER, count - from);
    const outcomes = await Promise.all(
      Array.from({ length: size }, (_, i) => host.execute(command(from + i))),
    );
    for (const outcome of outcomes) {
      if (outcome.outcome === 'refused') throw new Error(`refused: ${outcome.detail}`);
      if (outcome.outcome === 'granted') leases.push(outcome.leases[0]?.leaseId as string);
    }
  }
}

const agentSpec = (index: number): AgentSpec => ({
  agentId: `agent-${index}`,
  specialization: 'general',
  tools: ['music', 'chat'],
  tier: TIERS[index % TIERS.length] ?? 'standard',
  slots: 1,
  costPerHour: 0,
  labels: {},
  protected: false,
  memberships: [],
});

const leaseOf = (tenant: number): LeaseCommand => ({
  type: 'lease',
  tenant: `guild-${100_000_000_000_000 + tenant * 7_919}`,
  purpose: PURPOSES[tenant % PURPOSES.length],
  reuse: false,
});

/** Not yet released. */
let leases: string[] = [];

async function releaseAll(): Promise<void> {
  const ending = leases;
  leases = [];
  await inBatches(ending.length, (index) => ({ type: 'release', lease: ending[index] as string }));
}

for (let from = 0; from < agents; from += AGENTS_PER_CALL) {
  const size = Math.min(AGENTS_PER_CALL, agents - from);
  const specs = Array.from({ length: size }, (_, i) => agentSpec(from + i));
  await host.execute({ type: 'register', agents: specs });
}
/** So many come and go at a time, before the rest comes to stay. */
const step = Math.min(100_000, agents - held);
for (let from = held; from < tenants; from += step) {
  await inBatches(Math.min(step, tenants - from), (index) => leaseOf(from + index));
  await releaseAll();
}
await inBatches(held, leaseOf);
leases = [];
await snapshotsOf(url, options)?.();
const snapshotAt = host.lastEvent;
while (host.lastEvent < snapshotAt + tail) {
  const pairs = Math.min(TOGETHER, Math.ceil((snapshotAt + tail - host.lastEvent) / 2));
  await inBatches(pairs, () => leaseOf(held + Math.floor(random() * (tenants - held))));
  await releaseAll();
}
process.send?.({ lastEvent: host.lastEvent, snapshotAt }, () =>
  process.kill(process.pid, 'SIGKILL'),
);
