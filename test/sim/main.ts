/** `npm run sim`: see docs/how-to/simulation-test.md. */
import { parseArgs } from 'node:util';
import { findMutants } from './mutants.ts';
import { FAULTS, type Fault, type Plan } from './plan.ts';
import { shrink } from './shrink.ts';
import { type RunResult, simulate } from './simulate.ts';

const USAGE = `usage: npm run sim -- [--seed N] [--seeds K] [--steps M] [--without FAULT,…] [--calls N] [--story LINES] [--json]
       npm run sim -- --mutants [--seeds K] [--steps M] [--only NAME] [--json]

  --seed N       the first seed (1)
  --seeds K      how many seeds, one after the other (1); with --mutants the most for each (200)
  --steps M      steps with faults in each run (300)
  --without …    kinds of faults that do not happen: ${FAULTS.join(', ')}
  --calls N      up to so many calls a client and step, instead of a number that is drawn
  --story LINES  the last lines of what happened, with all frames
  --no-shrink    do not look for a smaller run that fails as well
  --mutants      change the code in known ways and show that each change is found`;

const DEFAULT_STEPS = 300;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string' },
      steps: { type: 'string', default: String(DEFAULT_STEPS) },
      without: { type: 'string', default: '' },
      story: { type: 'string', default: '0' },
      calls: { type: 'string' },
      'no-shrink': { type: 'boolean', default: false },
      mutants: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [seed, steps, story] = [values.seed, values.steps, values.story].map(whole);
  const without = values.without.split(',').filter((word) => word !== '') as Fault[];
  const calls = values.calls === undefined ? undefined : whole(values.calls);
  const unknown = without.find((fault) => !FAULTS.includes(fault));
  if (unknown !== undefined) throw new Error(`there is no fault "${unknown}"`);
  if (values.mutants) {
    const most = whole(values.seeds ?? '200');
    return findMutants({ most, steps, only: values.only, json: values.json });
  }
  const count = whole(values.seeds ?? '1');
  return runSeeds({
    seed,
    count,
    steps,
    without,
    calls,
    story,
    json: values.json,
    shrinks: !values['no-shrink'],
  });
}

interface Job {
  readonly seed: number;
  readonly count: number;
  readonly steps: number;
  readonly without: readonly Fault[];
  readonly calls: number | undefined;
  readonly story: number;
  readonly json: boolean;
  readonly shrinks: boolean;
}

async function runSeeds({
  seed,
  count,
  steps,
  without,
  calls,
  story,
  json,
  shrinks,
}: Job): Promise<number> {
  const sums = { seeds: 0, commands: 0, walks: 0, events: 0, rests: 0, virtualMs: 0, tookMs: 0 };
  for (let next = seed; next < seed + count; next++) {
    const result = await simulate({ seed: next, steps, without, calls, keepsFrames: story > 0 });
    sums.seeds++;
    sums.commands += result.commands;
    sums.walks += result.walks;
    sums.events += result.events;
    sums.rests += result.rests;
    sums.virtualMs += result.virtualMs;
    sums.tookMs += result.tookMs;
    if (json) print(JSON.stringify(summary(next, result)));
    else if (count === 1 || result.violation !== null) print(describe(result.plan));
    if (story > 0) print(result.story.slice(-story).join('\n'));
    if (!json) print(line(next, result));
    if (result.violation === null) continue;
    if (json) return 1;
    print(result.violation.detail);
    if (shrinks) {
      const smallest = await shrink(next, result, without);
      const kinds = smallest.without.length > 0 ? ` --without ${smallest.without.join()}` : '';
      print(`\nThe smallest run that fails so: ${smallest.steps} steps`);
      print(`  npm run sim -- --seed ${next} --steps ${smallest.steps}${kinds} --story 200`);
    }
    return 1;
  }
  const perSecond = Math.round((sums.commands / sums.tookMs) * 1_000);
  const { user, system } = process.cpuUsage();
  const perCpuSecond = Math.round((sums.commands / (user + system)) * 1_000_000);
  if (json) print(JSON.stringify({ ...sums, perSecond, perCpuSecond }));
  else if (count > 1) {
    print(
      `${sums.seeds} seeds, nothing found: ${sums.commands} commands (${perSecond}/s, ${perCpuSecond} a second of CPU), ` +
        `${sums.walks} full walks, ${sums.rests} rests, ${sums.events} events, ` +
        `${Math.round(sums.virtualMs / 60_000)} virtual minutes in ${Math.round(sums.tookMs / 1_000)} s`,
    );
  }
  return 0;
}

function describe(plan: Plan): string {
  const { runners, agentsPerRunner, clients, tenants, standalone, kinds, options, config } = plan;
  const fleet = kinds.map(({ name, min, max, ports, coreAgent }) => {
    return `${name} ${min}–${max}, ports ${ports?.join('–')}${coreAgent === null ? '' : ', core'}`;
  });
  const chances = Object.entries(plan.chances)
    .filter(([, chance]) => chance > 0)
    .map(([fault, chance]) => `${fault} ${Number(chance.toFixed(4))}`);
  const { hosting, reclaim, queue, purposes: _purposes, startable: _startable, ...rest } = options;
  return [
    `seed ${plan.seed}: ${runners} runners of ${agentsPerRunner} agents, ${standalone} agents without, ${clients} clients, ${tenants} tenants`,
    `  fleet    ${fleet.join('; ') || 'none'}`,
    `  faults   ${chances.join(', ') || 'none'}`,
    `  disk     up to ${plan.diskDelayMs} ms, a snapshot every ${plan.snapshotEveryEvents} events`,
    `  network  up to ${plan.networkDelayMs} ms; up to ${plan.callsPerStep} calls a client and step`,
    `  agents   ${Object.entries(plan.manners)
      .map((each) => each.join(' '))
      .join(', ')}`,
    `  pool     ${JSON.stringify({ ...rest, hosting, reclaim, queue, idle: config.pool.purposes.default.idle_timeout_sec })}`,
  ].join('\n');
}

function summary(seed: number, { plan: _plan, story: _story, ...rest }: RunResult): object {
  return { seed, ...rest };
}

function line(seed: number, result: RunResult): string {
  const { violation, steps, isAtRest, commands, walks, events, rests, virtualMs, tookMs, digest } =
    result;
  const outcome = violation === null ? 'ok' : `FAILED ${violation.invariant}`;
  return (
    `seed ${seed} ${outcome}: ${steps} steps${violation !== null && isAtRest ? ' and the rest' : ''}, ` +
    `${commands} commands (${Math.round((commands / tookMs) * 1_000)}/s), ${walks} full walks, ` +
    `${rests} rests, ${events} events, ${Math.round(virtualMs / 1_000)} virtual s, digest ${digest}`
  );
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`"${text}" is no whole number`);
  return number;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
  process.exitCode = 2;
}
