/**
 * Lives of one server on one data directory, each ended by `kill -9` at a random moment under
 * load. Nothing that was acknowledged in any of them may be lost.
 *
 *   REMUDA_KILL_ROUNDS=50 npm test -- test/e2e/kill.test.ts
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { FileJournal, type JournalReport } from '../../src/adapters/journals/file.ts';
import { temporary } from '../contract/file-tools.ts';
import { clientOf } from './client.ts';
import { checkAgainst } from './kill/check.ts';
import { Ledger } from './kill/ledger.ts';
import { Load } from './kill/load.ts';
import { ServerProcess } from './server-process.ts';

const ROUNDS = Number(process.env.REMUDA_KILL_ROUNDS ?? 3);
/** A life ends after so many answers, wherever that is on this machine; and never later than that. */
const MOST_ANSWERS = 800;
const MOST_LOAD_MS = 4_000;

/** Leases end only when they are released: nothing else may explain that one is gone. */
const CONFIG = `
pool:
  reclaim: { enabled: false }
  purposes: { default: { idle_timeout_sec: 1000000 } }
multi_agent: { autoscaling: { heartbeat_timeout_sec: 0 } }
`;

/** What must have been acknowledged at least once, or the test would prove little. */
const EVERYTHING = [
  'cancel 200',
  'heartbeats 200',
  'lease 201',
  'lease 202',
  'register 201',
  'release 200',
  'report 200',
  'ticket 200',
];

const SNAPSHOT_CHILD = fileURLToPath(new URL('./kill/snapshot-child.ts', import.meta.url));

function snapshotsBeside(data: string): ChildProcess {
  const child = spawn(process.execPath, [SNAPSHOT_CHILD, data], { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

async function someLoad(ledger: Ledger): Promise<void> {
  const enough = ledger.answers + 20 + Math.random() * MOST_ANSWERS;
  const until = performance.now() + MOST_LOAD_MS;
  while (ledger.answers < enough && performance.now() < until) await sleep(1);
  await sleep(Math.random() * 20);
}

async function verify(data: string): Promise<JournalReport> {
  const journal = new FileJournal(data);
  try {
    const report = await journal.verify();
    expect(report.faults).toEqual([]);
    return report;
  } finally {
    await journal.close();
  }
}

test(
  `kill -9 under load, ${ROUNDS} times: what was acknowledged is there`,
  async () => {
    const directory = await temporary();
    const data = join(directory, 'data');
    const config = join(directory, 'config.yaml');
    writeFileSync(config, CONFIG);
    const args = ['--config', config, '--data', data, '--log.file='];
    const ledger = new Ledger();
    const starts: number[] = [];

    for (let life = 1; life <= ROUNDS + 1; life++) {
      if (life > 1 && Math.random() < 0.3) {
        const unlucky = new ServerProcess(['--port', '0', ...args]);
        await sleep(Math.random() * 1_200);
        await unlucky.kill();
      }
      // It needs a moment to start; so it takes its first snapshots while the load begins.
      const snapshots = life % 2 === 0 ? snapshotsBeside(data) : null;
      const startedAt = performance.now();
      const { server, url } = await ServerProcess.start(args, { cwd: directory });
      starts.push(performance.now() - startedAt);
      await checkAgainst(clientOf(url), ledger);
      expect(ledger.faults).toEqual([]);
      if (life > ROUNDS) {
        server.signal('SIGTERM');
        expect((await server.exit).code).toBe(0);
        break;
      }
      const load = new Load(url, ledger, Math.random, life);
      await someLoad(ledger);
      snapshots?.kill('SIGKILL');
      await server.kill();
      await load.end();
      expect(ledger.faults).toEqual([]);
      await verify(data);
    }

    const { lastEvent, snapshots } = await verify(data);
    expect([...ledger.acknowledged.keys()].toSorted()).toEqual(EVERYTHING);
    const slowest = Math.round(Math.max(...starts));
    console.log(
      `killed ${ROUNDS} times: ${ledger.answers} answers, ${ledger.lostAnswers} lost, ` +
        `${lastEvent} events, ${snapshots.length} snapshots, ${ledger.leases.size} leases held, ` +
        `${ledger.tickets.size} waiting, slowest start ${slowest} ms`,
    );
  },
  30_000 + ROUNDS * 15_000,
);
