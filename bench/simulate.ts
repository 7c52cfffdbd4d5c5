/**
 * A day of a million tenants through the core, as `remuda simulate` runs it: 50,000 agents with 5 %
 * of the tenants active, and 500,000 agents with 20 % active and two agents each. Each case is a
 * process of its own, as its user would start it.
 *
 *   npm run bench -- simulate [--json] [--rounds 1] [--scenario low,peak]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, median, print, report } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    scenario: { type: 'string', default: 'low,peak' },
  },
  allowPositionals: true,
});

const TARGETS: { readonly [scenario: string]: { readonly sec: number; readonly rssMb: number } } = {
  low: { sec: 90, rssMb: 1_500 },
  peak: { sec: 360, rssMb: 4_000 },
};
const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
/** Prints what the process has cost, after its own document. */
const COST = fileURLToPath(new URL('./lib/cost.ts', import.meta.url));

interface Round {
  readonly wallSec: number;
  readonly cpuSec: number;
  readonly rssMb: number;
  readonly requests: number;
  readonly events: number;
  readonly violations: number;
}

async function run(scenario: string): Promise<Round> {
  const args = ['--import', COST, MAIN, 'simulate', '--scenario', scenario, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code] = await once(child, 'close');
  const cost = /cpu_sec=([\d.]+)/.exec(errors)?.[1];
  if (code !== 0 || cost === undefined) throw new Error(`the ${scenario} run failed: ${errors}`);
  const figures = JSON.parse(out) as Record<string, number>;
  return {
    wallSec: figures.wall_sec ?? 0,
    cpuSec: Number(cost),
    rssMb: figures.peak_rss_mb ?? 0,
    requests: figures.requests ?? 0,
    events: figures.events ?? 0,
    violations: figures.invariant_violations ?? 0,
  };
}

const figures: Record<string, Record<string, number | boolean>> = {};
for (const scenario of values.scenario.split(',')) {
  const rounds: Round[] = [];
  for (let nth = 0; nth < Number(values.rounds); nth++) rounds.push(await run(scenario));
  const of = (key: keyof Round) => median(rounds.map((round) => round[key]));
  const target = TARGETS[scenario];
  figures[scenario] = {
    wall_sec: of('wallSec'),
    cpu_sec: of('cpuSec'),
    peak_rss_mb: of('rssMb'),
    requests: of('requests'),
    events: of('events'),
    events_per_cpu_sec: Math.round(of('events') / of('cpuSec')),
    invariant_violations: of('violations'),
    ...(target && {
      target_sec: target.sec,
      target_rss_mb: target.rssMb,
      target_met: of('wallSec') < target.sec && of('rssMb') < target.rssMb,
    }),
    rounds: rounds.length,
  };
}

if (values.json) process.stdout.write(`${JSON.stringify(report('simulate', { figures }))}\n`);
else {
  print(`A day of a million tenants · ${machine()}`, [
    ['', 'wall s', 'CPU s', 'target s', 'peak RSS MB', 'events', 'events/CPU s'],
    ...Object.entries(figures).map(([name, row]) => [
      name,
      String(row.wall_sec),
      String(row.cpu_sec),
      String(row.target_sec ?? '-'),
      String(row.peak_rss_mb),
      row.events?.toLocaleString('en') ?? '',
      row.events_per_cpu_sec?.toLocaleString('en') ?? '',
    ]),
  ]);
}
