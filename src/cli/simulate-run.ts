/** A simulation from the options of the command line to its report. */
import { access, constants, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { SimulationFigures } from '../sim/simulate/figures.ts';
import {
  MOST_SESSIONS,
  MOST_STATIC_AGENTS,
  SCENARIOS,
  type SimulationOptions,
} from '../sim/simulate/options.ts';
import { reportPage } from '../sim/simulate/report-page.ts';
import { type Progress, type Simulated, simulate } from '../sim/simulate/simulate.ts';
import { sessionsOf } from '../sim/simulate/world.ts';
import type { SimulateOptions } from './commands/simulate.ts';
import type { CliContext } from './context.ts';
import { formatCount, formatPercent, formatSeconds } from './duration.ts';
import { Failure, wrongUsage } from './failure.ts';
import { type Progress as Bar, startProgress } from './progress.ts';

export interface SimulationReport extends SimulationFigures {
  readonly scenario?: string;
  readonly wall_sec: number;
  readonly peak_rss_mb: number;
}

const DEFAULTS = { active: 0.05, agentsPerTenant: 1 } as const;
const STAGES = {
  making: 'making the world',
  running: 'running it     ',
  sizing: 'sizing the pool',
} as const;

export async function runSimulation(
  context: CliContext,
  options: SimulateOptions,
): Promise<SimulationReport> {
  // What lives long (a million tenants, their leases) would make V8 put short-lived objects among
  // the long-lived too, for good.
  setFlagsFromString('--no-allocation-site-pretenuring');
  const startedAt = performance.now();
  const wanted = complete(options);
  const { report: file } = options;
  // Before the work, which may take minutes: a page that cannot be written is found out now.
  if (file !== undefined) await written(file, () => access(dirname(file), constants.W_OK));
  const { figures, series } = await watched(context, wanted);
  if (file !== undefined) await written(file, () => writeFile(file, reportPage(figures, series)));
  return {
    ...(options.scenario && { scenario: options.scenario }),
    ...figures,
    wall_sec: Math.round(performance.now() - startedAt) / 1_000,
    peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1_024),
  };
}

/** What is not given comes from the scenario, and what that does not say has a default. */
function complete(options: SimulateOptions): SimulationOptions {
  const { hours, seed, idlePolicy, scenario } = options;
  const known = scenario === undefined ? {} : SCENARIOS[scenario];
  const { tenants, agents, active, agentsPerTenant } = { ...DEFAULTS, ...known, ...given(options) };
  const missing = [tenants === undefined && '--tenants', agents === undefined && '--agents'];
  if (tenants === undefined || agents === undefined) {
    const names = missing.filter((name) => name !== false).join(' and ');
    throw wrongUsage(`Give ${names}, or a --scenario (${Object.keys(SCENARIOS).join(', ')}).`);
  }
  if (tenants * agentsPerTenant > MOST_STATIC_AGENTS) {
    throw wrongUsage(
      `--tenants × --agents-per-tenant must be at most ${formatCount(MOST_STATIC_AGENTS)}.`,
    );
  }
  const wanted = { tenants, agents, active, agentsPerTenant, hours, seed, idlePolicy };
  const sessions = sessionsOf(wanted);
  if (sessions > MOST_SESSIONS) {
    throw wrongUsage(
      `That makes about ${formatCount(sessions)} sessions; ${formatCount(MOST_SESSIONS)} are the ` +
        'most. Give fewer --tenants or --hours, or a lower --active.',
    );
  }
  return wanted;
}

function given({ tenants, agents, active, agentsPerTenant }: SimulateOptions): {
  readonly tenants?: number;
  readonly agents?: number;
  readonly active?: number;
  readonly agentsPerTenant?: number;
} {
  return {
    ...(tenants !== undefined && { tenants }),
    ...(agents !== undefined && { agents }),
    ...(active !== undefined && { active }),
    ...(agentsPerTenant !== undefined && { agentsPerTenant }),
  };
}

async function written(file: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const why = WRITE_FAULTS[code] ?? code;
    throw new Failure(`${file} cannot be written: ${why}.`, {}, { cause: error });
  }
}

const WRITE_FAULTS: { readonly [code: string]: string } = {
  ENOENT: 'its directory does not exist',
  EISDIR: 'it is a directory',
  EACCES: 'that is not allowed here',
};

async function watched(context: CliContext, options: SimulationOptions): Promise<Simulated> {
  const format = '{stage} {bar} {percentage} % | {words}';
  const bar = await startProgress(context, format, 1, { stage: STAGES.making, words: '' });
  const show = shown(bar);
  try {
    return await simulate(options, { signal: context.signal, onProgress: show });
  } finally {
    bar.stop();
  }
}

/** Each stage begins the bar anew, with an estimate of its own. */
function shown(bar: Bar): (progress: Progress) => void {
  let stage: Progress['stage'] | null = null;
  let since = 0;
  return (progress) => {
    if (progress.stage !== stage) {
      stage = progress.stage;
      since = performance.now();
    }
    const { share, utilization, waiting, tried } = progress;
    const elapsed = (performance.now() - since) / 1_000;
    const words = [
      stage === 'running' && `${formatPercent(utilization)} in use`,
      stage === 'running' && `${formatCount(waiting)} waiting`,
      stage === 'sizing' && `${formatCount(tried)} tried`,
      share > 0 && share < 1 && `about ${formatSeconds((elapsed * (1 - share)) / share)} left`,
    ];
    bar.update(share, {
      stage: STAGES[stage],
      words: words.filter((word) => word !== false).join(' | '),
    });
  };
}
