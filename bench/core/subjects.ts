/** The subjects of the core benchmark: each takes the same work, one pair at a time. */
import genericPool from 'generic-pool';
import { Pool as TarnPool } from 'tarn';
import type { Command, LeaseCommand, ReleaseCommand } from '../../src/core/command.ts';
import { DEFAULT_OPTIONS } from '../../src/core/options.ts';
import { FRAME, Pool } from '../../src/core/pool.ts';
import { type NaiveAgent, NaivePool } from './naive-pool.ts';

export type Subject = 'remuda' | 'remuda-single' | 'generic-pool' | 'tarn' | 'naive';

export interface Setup {
  readonly agents: number;
  readonly tenants: number;
  readonly busyShare: number;
}

export interface Round {
  readonly pairs: number;
  readonly ms: number;
  readonly events: number;
  readonly rssMb: number;
}

const BUSY_SHARE = 0.6;
/** Made before the clock runs. Few, so that they are not what the garbage collector works on. */
const BATCH = 64;
const START = 1_760_000_000_000;
/** Virtual time between two pairs: a thousand pairs a second. */
const STEP_MS = 1;
/** Slow subjects do fewer pairs: a round ends after this. */
const ROUND_MS = 2_000;

const KINDS = [
  { purpose: 'music', tools: ['music'] },
  { purpose: 'ai_companion', tools: ['chat'] },
  { purpose: 'moderation', tools: [] },
];

/** A small generator (xorshift32), so that every run draws the same. */
function random(seed = 1): (below: number) => number {
  let x = seed;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

export async function makeSubject(
  subject: Subject,
  agents: number,
  tenants: number,
): Promise<{ setup: Setup; round: () => Promise<Round> }> {
  const setup = { agents, tenants, busyShare: BUSY_SHARE };
  switch (subject) {
    case 'remuda':
      return { setup, round: remuda(agents, tenants, FRAME / 2) };
    case 'remuda-single':
      return { setup, round: remuda(agents, tenants, 1) };
    case 'naive':
      return { setup, round: naive(agents) };
    case 'generic-pool':
      return { setup, round: await generic(agents) };
    case 'tarn':
      return { setup, round: await tarn(agents) };
  }
}

function remuda(agents: number, tenants: number, pairsAFrame: number): () => Promise<Round> {
  const pool = new Pool(DEFAULT_OPTIONS);
  const draw = random();
  let now = START;
  let events = 0;
  for (let from = 0; from < agents; from += 10_000) {
    pool.execute(
      {
        type: 'register',
        agents: Array.from({ length: Math.min(10_000, agents - from) }, (_, i) => ({
          agentId: `agent-${from + i}`,
          specialization: 'general',
          tools: ['music', 'chat'],
          tier: (['lite', 'standard', 'premium'] as const)[(from + i) % 3] ?? 'standard',
          slots: 1,
          costPerHour: 0,
          labels: {},
          protected: false,
          memberships: [],
        })),
      },
      now,
    );
    pool.takeEvents();
  }
  const busy = Math.floor(agents * BUSY_SHARE);
  // Lease ids are kept as numbers and spelled anew for each command, as a client would send them.
  const rows = new Int32Array(busy);
  const generations = new Int32Array(busy);
  const keep = (slot: number, id: string) => {
    const dash = id.lastIndexOf('-');
    rows[slot] = Number(id.slice('lse-'.length, dash));
    generations[slot] = Number(id.slice(dash + 1));
  };
  const release = (slot: number): ReleaseCommand => ({
    type: 'release',
    lease: `lse-${rows[slot]}-${generations[slot]}`,
  });
  const request = (tenant: number): LeaseCommand => {
    const kind = KINDS[tenant % KINDS.length];
    return {
      type: 'lease',
      tenant: `1${100_000_000_000_000 + tenant * 7919}`,
      reuse: false,
      ...kind,
    };
  };
  const grant = (command: LeaseCommand): string => {
    const outcome = pool.execute(command, now);
    if (outcome.outcome !== 'granted') throw new Error(`expected a grant: ${outcome.outcome}`);
    return outcome.leases[0]?.leaseId ?? '';
  };
  for (let slot = 0; slot < busy; slot++) keep(slot, grant(request(draw(tenants))));
  pool.takeEvents();
  // Every tenant has been here once, so none is new and all have a warm agent or have lost it.
  for (let tenant = 0; tenant < tenants; tenant++) {
    const slot = draw(busy);
    pool.execute(release(slot), now);
    keep(slot, grant(request(tenant)));
    pool.takeEvents();
    now += STEP_MS / 10;
  }
  const drawnIn = new Int32Array(busy);
  const slots = new Int32Array(BATCH);
  const commands = new Array<Command>(2 * BATCH);
  const ids = new Array<string>(BATCH);
  let batch = 0;
  return async () => {
    let ms = 0;
    let pairs = 0;
    events = 0;
    while (ms < ROUND_MS) {
      // No slot twice: a lease is released once.
      batch++;
      for (let i = 0; i < BATCH; i++) {
        let slot = draw(busy);
        while (drawnIn[slot] === batch) slot = draw(busy);
        drawnIn[slot] = batch;
        slots[i] = slot;
        commands[2 * i] = release(slot);
        commands[2 * i + 1] = request(draw(tenants));
      }
      const startedAt = performance.now();
      for (let from = 0; from < BATCH; from += pairsAFrame) {
        const end = Math.min(from + pairsAFrame, BATCH);
        if (pairsAFrame > 1) pool.prepare(commands.slice(2 * from, 2 * end));
        for (let i = from; i < end; i++) {
          pool.execute(commands[2 * i] as ReleaseCommand, now);
          ids[i] = grant(commands[2 * i + 1] as LeaseCommand);
          now += STEP_MS;
        }
        events += pool.takeEvents().length;
      }
      ms += performance.now() - startedAt;
      pairs += BATCH;
      for (let i = 0; i < BATCH; i++) keep(slots[i] as number, ids[i] as string);
    }
    return { pairs, ms, events, rssMb: process.resourceUsage().maxRSS / 1024 };
  };
}

function naive(agents: number): () => Promise<Round> {
  const pool = new NaivePool(agents, START);
  return async () => pairs(pool, agents);
}

async function pairs(pool: NaivePool, agents: number): Promise<Round> {
  const draw = random(7);
  const held: NaiveAgent[] = pool.takeFirst(Math.floor(agents * BUSY_SHARE));
  let done = 0;
  const startedAt = performance.now();
  let now = START;
  while (performance.now() - startedAt < ROUND_MS) {
    const slot = draw(held.length);
    pool.release(held[slot] as NaiveAgent);
    held[slot] = pool.allocate(`tenant-${draw(1_000_000)}`, ['music'], now);
    now += STEP_MS;
    done++;
  }
  const ms = performance.now() - startedAt;
  for (const agent of held) pool.release(agent);
  return { pairs: done, ms, events: 0, rssMb: process.resourceUsage().maxRSS / 1024 };
}

async function generic(agents: number): Promise<() => Promise<Round>> {
  let made = 0;
  const pool = genericPool.createPool(
    { create: async () => ({ id: made++ }), destroy: async () => {} },
    { max: agents, min: 0, maxWaitingClients: agents },
  );
  const held: { id: number }[] = [];
  for (let i = 0; i < Math.floor(agents * BUSY_SHARE); i++) held.push(await pool.acquire());
  return () =>
    turns(held, async (one) => {
      await pool.release(one);
      return pool.acquire();
    });
}

async function tarn(agents: number): Promise<() => Promise<Round>> {
  let made = 0;
  const pool = new TarnPool<{ id: number }>({
    create: async () => ({ id: made++ }),
    destroy: () => {},
    min: 0,
    max: agents,
    idleTimeoutMillis: 3_600_000,
    reapIntervalMillis: 3_600_000,
  });
  const held: { id: number }[] = [];
  for (let i = 0; i < Math.floor(agents * BUSY_SHARE); i++) {
    held.push(await pool.acquire().promise);
  }
  return () =>
    turns(held, async (one) => {
      pool.release(one);
      return pool.acquire().promise;
    });
}

async function turns<T>(held: T[], pair: (one: T) => Promise<T>): Promise<Round> {
  const draw = random(3);
  let done = 0;
  const startedAt = performance.now();
  while (performance.now() - startedAt < ROUND_MS) {
    for (let i = 0; i < 10; i++) {
      const slot = draw(held.length);
      held[slot] = await pair(held[slot] as T);
      done++;
    }
  }
  const ms = performance.now() - startedAt;
  return { pairs: done, ms, events: 0, rssMb: process.resourceUsage().maxRSS / 1024 };
}
