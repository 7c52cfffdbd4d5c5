/**
 * Lease + release pairs a second as a client gets them, beside what else could keep a pool:
 * PostgreSQL, Redis and BullMQ. Each subject is a server and a client in processes of their own.
 * They take turns; medians of the rounds are compared.
 *
 *   npm run bench -- peers [--json] [--rounds 5] [--seconds 3] [--agents 50000] [--tenants 1000000]
 *                          [--only remuda-1,redis-everysec] [--profile DIRECTORY]
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, median, print, report } from './lib/report.ts';
import { Runner, type RunnerOptions, SUBJECTS, type Subject } from './peers/subjects.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    agents: { type: 'string', default: '50000' },
    tenants: { type: 'string', default: '1000000' },
    only: { type: 'string', default: Object.keys(SUBJECTS).join(',') },
    profile: { type: 'string' },
  },
  allowPositionals: true,
});

interface Figures {
  readonly subject: Subject;
  readonly name: string;
  readonly in_flight: number;
  readonly pairs_per_sec: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly durable_before_answered: boolean;
}

/** How many times as fast Remuda is meant to be. */
const TARGETS: Partial<Record<Subject, number>> = {
  postgres: 10,
  'redis-everysec': 1,
  bullmq: 1,
};

const chosen = values.only.split(',');
const unknown = chosen.filter((each) => !(each in SUBJECTS));
if (unknown.length > 0) {
  process.stderr.write(
    `--only: there is no subject "${unknown[0]}"; there are ${Object.keys(SUBJECTS).join(', ')}\n`,
  );
  process.exit(2);
}

const [busy = 0] = loadavg();
const directory = mkdtempSync(join(tmpdir(), 'remuda-bench-peers-'));
// A server that runs under an account of its own has to get through to its directory.
chmodSync(directory, 0o711);
const options: RunnerOptions = {
  agents: Number(values.agents),
  tenants: Number(values.tenants),
  seed: 1,
  directory,
  ...(values.profile !== undefined && { profile: resolve(values.profile) }),
};
if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });

const runners: Runner[] = [];
async function stop(): Promise<void> {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  rmSync(directory, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stop().finally(() => process.exit(1)));
}

async function measure(): Promise<Map<Subject, Figures | string>> {
  const results = new Map<Subject, Figures | string>();
  for (const subject of Object.keys(SUBJECTS) as Subject[]) {
    if (!chosen.includes(subject)) {
      results.set(subject, 'not asked for');
      continue;
    }
    const runner = new Runner(subject, options);
    runners.push(runner);
    await runner.ready();
    if (runner.skipped !== null) results.set(subject, runner.skipped);
  }
  const ready = runners.filter(({ skipped }) => skipped === null);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const runner of ready) await runner.round(Number(values.seconds));
  }
  for (const runner of ready) results.set(runner.subject, figuresOf(runner));
  return results;
}

function figuresOf({ subject, rounds }: Runner): Figures {
  return {
    subject,
    name: SUBJECTS[subject].name,
    in_flight: SUBJECTS[subject].inFlight,
    pairs_per_sec: Math.round(median(rounds.map(({ pairs, seconds }) => pairs / seconds))),
    p50_ms: to(2, median(rounds.map(({ p50Ms }) => p50Ms))),
    p99_ms: to(2, median(rounds.map(({ p99Ms }) => p99Ms))),
    durable_before_answered: SUBJECTS[subject].isDurable,
  };
}

const to = (digits: number, value: number) => Number(value.toFixed(digits));
const isOwn = (subject: Subject) => subject.startsWith('remuda');

function show(results: ReadonlyMap<Subject, Figures | string>): void {
  const measured = [...results.values()].filter((each) => typeof each !== 'string');
  const own = measured.filter(({ subject }) => isOwn(subject));
  const best = own.toSorted((a, b) => b.pairs_per_sec - a.pairs_per_sec)[0];
  const peers: Record<string, Figures | { readonly skipped: string }> = {};
  const ratios: Record<string, number> = {};
  const targets: { name: string; ratio: number; target: number; is_met: boolean }[] = [];
  for (const [subject, result] of results) {
    const { name } = SUBJECTS[subject];
    if (isOwn(subject)) continue;
    if (typeof result === 'string') {
      peers[name] = { skipped: result };
      continue;
    }
    peers[name] = result;
    if (best === undefined) continue;
    const ratio = to(2, best.pairs_per_sec / result.pairs_per_sec);
    ratios[`pairs/s of Remuda ÷ ${name}`] = ratio;
    const target = TARGETS[subject];
    if (target !== undefined) targets.push({ name, ratio, target, is_met: ratio >= target });
  }
  const skipped = [...results].filter(([, result]) => typeof result === 'string');
  if (values.json) {
    const document = report('peers', {
      figures: {
        agents: options.agents,
        tenants: options.tenants,
        rounds: Number(values.rounds),
        seconds: Number(values.seconds),
        load_average_before: to(1, busy),
        best: best?.name ?? null,
        pairs_per_sec: best?.pairs_per_sec ?? null,
        targets,
        ...Object.fromEntries(own.map((each) => [each.name, each])),
      },
      peers,
      ratios,
    });
    process.stdout.write(`${JSON.stringify(document)}\n`);
    return;
  }
  const title = `Lease + release pairs, ${options.agents.toLocaleString('en')} agents`;
  print(`${title} · ${machine()}, load before ${busy.toFixed(1)}`, [
    ['', 'in flight', 'pairs/s', 'p50 ms', 'p99 ms', 'durable before answered'],
    ...measured.map((each) => [
      each.name,
      String(each.in_flight),
      each.pairs_per_sec.toLocaleString('en'),
      String(each.p50_ms),
      String(each.p99_ms),
      each.durable_before_answered ? 'yes' : 'no',
    ]),
  ]);
  if (skipped.length > 0) {
    print('Skipped', [
      ...skipped.map(([subject, reason]) => [SUBJECTS[subject].name, `${reason}`]),
    ]);
  }
  if (targets.length === 0) return;
  print('Ratios of the medians', [
    ...Object.entries(ratios).map(([name, ratio]) => [name, String(ratio)]),
  ]);
  print('Targets', [
    ...targets.map(({ name, target, is_met: isMet }) => [
      `at least ${target} × ${name}`,
      isMet ? 'met' : 'MISSED',
    ]),
  ]);
}

try {
  show(await measure());
} finally {
  await stop();
}
