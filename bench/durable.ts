/**
 * What durability costs: lease + release pairs through the host on a `file:` journal, every answer
 * on the disk before it is given, with more and more commands under way at once; beside what the
 * disk allows and a plain SQLite table. Subjects take turns; medians of the rounds are compared.
 *
 *   npm run bench -- durable [--json] [--rounds 5] [--agents 50000] [--in-flight 1,32,256]
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Round, Subject } from './lib/durable-worker.ts';
import { machine, median, print, report } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    agents: { type: 'string', default: '50000' },
    'in-flight': { type: 'string', default: '1,32,256' },
  },
  allowPositionals: true,
});

const SUBJECTS: { readonly name: string; readonly subject: Subject }[] = [
  { name: 'remuda', subject: 'remuda' },
  { name: 'append + fdatasync', subject: 'append' },
  { name: 'node:sqlite, a row a command', subject: 'sqlite' },
];

interface Runner {
  readonly name: string;
  readonly subject: Subject;
  readonly inFlight: number;
  readonly rounds: Round[];
  round(): Promise<Round>;
  stop(): Promise<void>;
}

const directories = mkdtempSync(join(tmpdir(), 'remuda-bench-durable-'));
process.once('exit', () => rmSync(directories, { recursive: true, force: true }));

async function start(name: string, subject: Subject, inFlight: number): Promise<Runner> {
  const directory = mkdtempSync(join(directories, `${subject}-`));
  const path = fileURLToPath(new URL('./lib/durable-worker.ts', import.meta.url));
  const child = fork(path, [subject, directory, String(inFlight), values.agents]);
  const next = <T>() =>
    new Promise<T>((resolve, reject) => {
      child.once('message', (message) => resolve(message as T));
      child.once('exit', (code, signal) => {
        reject(new Error(`${name} ended with ${code === null ? signal : `code ${code}`}`));
      });
    });
  await next();
  return {
    name: `${name}, ${inFlight} in flight`,
    subject,
    inFlight,
    rounds: [],
    round() {
      const round = next<Round>();
      child.send('round');
      return round;
    },
    async stop() {
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exit;
    },
  };
}

const runners: Runner[] = [];
for (const inFlight of values['in-flight'].split(',').map(Number)) {
  for (const { name, subject } of SUBJECTS) runners.push(await start(name, subject, inFlight));
}
for (let i = 0; i < Number(values.rounds); i++) {
  for (const runner of runners) runner.rounds.push(await runner.round());
}
for (const runner of runners) await runner.stop();

const to = (digits: number, value: number) => Number(value.toFixed(digits));
const figures = runners.map(({ name, subject, inFlight, rounds }) => ({
  name,
  subject,
  in_flight: inFlight,
  pairs_per_sec: Math.round(median(rounds.map(({ pairs, ms }) => pairs / (ms / 1_000)))),
  p50_ms: to(3, median(rounds.map(({ p50Ms }) => p50Ms))),
  p99_ms: to(3, median(rounds.map(({ p99Ms }) => p99Ms))),
}));
const ratios: Record<string, number> = {};
for (const own of figures.filter(({ subject }) => subject === 'remuda')) {
  for (const peer of figures) {
    if (peer.subject === 'remuda' || peer.in_flight !== own.in_flight) continue;
    ratios[`pairs/s of ${own.name} ÷ ${peer.name}`] = to(3, own.pairs_per_sec / peer.pairs_per_sec);
  }
}
const named = ({ name, ...rest }: (typeof figures)[number]) => [name, rest];
const document = report('durable', {
  figures: Object.fromEntries(figures.filter((f) => f.subject === 'remuda').map(named)),
  peers: Object.fromEntries(figures.filter((f) => f.subject !== 'remuda').map(named)),
  ratios,
});
if (values.json) process.stdout.write(`${JSON.stringify(document)}\n`);
else {
  print(`Durable lease + release pairs · ${machine()}`, [
    ['', 'pairs/s', 'p50 ms', 'p99 ms'],
    ...figures.map((f) => [
      f.name,
      f.pairs_per_sec.toLocaleString('en'),
      String(f.p50_ms),
      String(f.p99_ms),
    ]),
  ]);
  print('Ratios of the medians', [
    ...Object.entries(ratios).map(([name, ratio]) => [name, String(ratio)]),
  ]);
}
