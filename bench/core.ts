/**
 * What a decision costs: allocate + release pairs through the core alone, events included, beside
 * two pools that decide nothing and a pool that filters, scores and sorts. Each subject is a
 * process of its own; they take turns, and medians of the rounds are compared.
 *
 *   npm run bench -- core [--json] [--rounds 5] [--agents 500000] [--tenants 1000000]
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Round, Setup, Subject } from './core/subjects.ts';
import { machine, median, print, report } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    agents: { type: 'string', default: '500000' },
    tenants: { type: 'string', default: '1000000' },
    subjects: { type: 'string' },
  },
  allowPositionals: true,
});

const large = Number(values.agents);
const SUBJECTS: { name: string; subject: Subject; agents: number }[] = [
  { name: `remuda, ${large.toLocaleString('en')} agents`, subject: 'remuda', agents: large },
  {
    name: `remuda, ${large.toLocaleString('en')} agents, one request at a time`,
    subject: 'remuda-single',
    agents: large,
  },
  { name: 'remuda, 1,000 agents', subject: 'remuda', agents: 1_000 },
  { name: 'generic-pool', subject: 'generic-pool', agents: large },
  { name: 'tarn', subject: 'tarn', agents: large },
  { name: 'filter, score, sort', subject: 'naive', agents: large },
];

/**
 * Without the first, what lives long at the start (a million registrations) makes V8 put short-lived
 * objects among the long-lived for good; the server sets it too. A young generation of this size
 * stays in the processor's cache.
 */
const NODE_FLAGS = [
  '--no-allocation-site-pretenuring',
  '--min-semi-space-size=2',
  '--max-semi-space-size=2',
];

interface Runner {
  readonly name: string;
  readonly setup: Setup;
  round(): Promise<Round>;
  stop(): void;
}

async function start(name: string, subject: Subject, agents: number): Promise<Runner> {
  const path = fileURLToPath(new URL('./core/worker.ts', import.meta.url));
  const child = fork(path, [subject, String(agents), values.tenants], {
    // Tables of half a million rows are read at random: without large pages the machine spends
    // more time finding the pages than reading them.
    env: { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
    execArgv: [...NODE_FLAGS],
    serialization: 'advanced',
  });
  const next = <T>() =>
    new Promise<T>((resolve, reject) => {
      child.once('message', (message) => resolve(message as T));
      child.once('exit', (code) => reject(new Error(`${name} ended with code ${code}`)));
    });
  const setup = await next<Setup>();
  return {
    name,
    setup,
    round() {
      const round = next<Round>();
      child.send('round');
      return round;
    },
    stop: () => child.kill(),
  };
}

const runners: Runner[] = [];
for (const { name, subject, agents } of SUBJECTS) {
  if (values.subjects !== undefined && !values.subjects.split(',').includes(subject)) continue;
  runners.push(await start(name, subject, agents));
}
const rounds = new Map<string, Round[]>(runners.map(({ name }) => [name, []]));
for (let i = 0; i < Number(values.rounds); i++) {
  for (const runner of runners) rounds.get(runner.name)?.push(await runner.round());
}
for (const runner of runners) runner.stop();

const figures = runners.map(({ name, setup }) => {
  const own = rounds.get(name) ?? [];
  return {
    name,
    agents: setup.agents,
    tenants: setup.tenants,
    busy_share: setup.busyShare,
    pairs_per_sec: Math.round(median(own.map((round) => round.pairs / (round.ms / 1000)))),
    ns_per_pair: Math.round(median(own.map((round) => (round.ms * 1e6) / round.pairs))),
    events_per_pair: Math.round(median(own.map((r) => r.events / r.pairs)) * 100) / 100,
    peak_rss_mb: Math.round(Math.max(...own.map((round) => round.rssMb))),
  };
});
const [first, ...others] = figures;
const ratios: Record<string, number> = {};
if (first !== undefined) {
  for (const other of others) {
    const ratio = first.ns_per_pair / other.ns_per_pair;
    ratios[`cost of ${first.name} ÷ ${other.name}`] = Number(ratio.toPrecision(3));
  }
}
const document = report('core', {
  figures: Object.fromEntries(figures.filter((f) => f.name.startsWith('remuda')).map(named)),
  peers: Object.fromEntries(figures.filter((f) => !f.name.startsWith('remuda')).map(named)),
  ratios,
});
if (values.json) process.stdout.write(`${JSON.stringify(document)}\n`);
else {
  print(`Allocate + release through the core alone · ${machine()}`, [
    ['', 'pairs/s', 'ns/pair', 'events/pair', 'peak RSS MB'],
    ...figures.map((f) => [
      f.name,
      f.pairs_per_sec.toLocaleString('en'),
      f.ns_per_pair.toLocaleString('en'),
      String(f.events_per_pair),
      String(f.peak_rss_mb),
    ]),
  ]);
  print('Ratios of the medians', [
    ...Object.entries(ratios).map(([name, ratio]) => [name, String(ratio)]),
  ]);
}

function named<T extends { name: string }>({ name, ...rest }: T): [string, Omit<T, 'name'>] {
  return [name, rest];
}
