/**
 * One subject of the durable benchmark in a process of its own: a round for each message.
 *
 *     node durable-worker.ts SUBJECT DIRECTORY IN_FLIGHT AGENTS
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SystemClock } from '../../src/adapters/clock.ts';
import { openJournal } from '../../src/adapters/journals/open.ts';
import { DEFAULT_OPTIONS } from '../../src/core/options.ts';
import { Host } from '../../src/host/host.ts';
import { quantile } from './report.ts';

export type Subject = 'remuda' | 'append' | 'sqlite';

export interface Round {
  readonly pairs: number;
  readonly ms: number;
  /** From a command to its answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const ROUND_MS = 2_000;
const AGENTS_PER_CALL = 10_000;
/** As much as an event of a lease takes in the journal. */
const RECORD = Buffer.alloc(200, 'x');

const [subject, directory = '', ...numbers] = process.argv.slice(2);
const [inFlight = 1, agents = 0] = numbers.map(Number);

async function remuda(): Promise<() => Promise<Round>> {
  const host = await Host.open({
    journal: openJournal(`file:${join(directory, 'data')}`),
    clock: new SystemClock(),
    options: DEFAULT_OPTIONS,
  });
  for (let from = 0; from < agents; from += AGENTS_PER_CALL) {
    const size = Math.min(AGENTS_PER_CALL, agents - from);
    await host.execute({
      type: 'register',
      agents: Array.from({ length: size }, (_, i) => ({
        agentId: `agent-${from + i}`,
        specialization: 'general',
        tools: ['music'],
        tier: 'standard' as const,
        slots: 1,
        costPerHour: 0,
        labels: {},
        protected: false,
        memberships: [],
      })),
    });
  }
  let tenants = 0;
  return () =>
    inTurns(async (measured) => {
      tenants += 1;
      const lease = { type: 'lease', tenant: `guild-${tenants % 100_000}`, reuse: false } as const;
      const outcome = await measured(host.execute(lease));
      if (outcome.outcome !== 'granted') throw new Error(`expected a grant: ${outcome.outcome}`);
      const id = outcome.leases[0]?.leaseId ?? '';
      await measured(host.execute({ type: 'release', lease: id }));
    });
}

/** So many workers, each with one command under way. */
async function inTurns(
  pair: (measured: <T>(answer: Promise<T>) => Promise<T>) => Promise<void>,
): Promise<Round> {
  const times: number[] = [];
  const measured = async <T>(answer: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const value = await answer;
    times.push(performance.now() - startedAt);
    return value;
  };
  const startedAt = performance.now();
  const until = startedAt + ROUND_MS;
  let pairs = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      await pair(measured);
      pairs += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return roundOf(pairs, performance.now() - startedAt, times);
}

/** The peers have nobody to wait for: a batch is a loop. A pair is two records. */
function inLoops(batch: () => void): Round {
  const times: number[] = [];
  const startedAt = performance.now();
  let records = 0;
  while (performance.now() - startedAt < ROUND_MS) {
    const batchAt = performance.now();
    batch();
    times.push(performance.now() - batchAt);
    records += inFlight;
  }
  return roundOf(records / 2, performance.now() - startedAt, times);
}

function roundOf(pairs: number, ms: number, times: number[]): Round {
  times.sort((a, b) => a - b);
  return { pairs, ms, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

/** What the disk allows: a batch is written and synced, and nothing else. */
function append(): () => Promise<Round> {
  const file = openSync(join(directory, 'records'), 'a');
  process.once('exit', () => closeSync(file));
  const bytes = Buffer.concat(Array.from({ length: inFlight }, () => RECORD));
  return async () =>
    inLoops(() => {
      writeSync(file, bytes);
      fdatasyncSync(file);
    });
}

/** A row a record, a commit a batch, as a program would write that keeps its state in SQLite. */
function sqlite(): () => Promise<Round> {
  const database = new DatabaseSync(join(directory, 'records.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE record (id INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO record (payload) VALUES (?)');
  return async () =>
    inLoops(() => {
      database.exec('BEGIN');
      for (let i = 0; i < inFlight; i++) insert.run(RECORD);
      database.exec('COMMIT');
    });
}

async function makeRound(): Promise<() => Promise<Round>> {
  switch (subject as Subject) {
    case 'remuda':
      return remuda();
    case 'append':
      return append();
    case 'sqlite':
      return sqlite();
  }
}

const round = await makeRound();
process.on('message', () => {
  void round().then((result) => process.send?.(result));
});
process.send?.('ready');
