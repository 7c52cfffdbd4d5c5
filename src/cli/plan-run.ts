/** A plan of capacity from the demand to its report. */
import { writeFile } from 'node:fs/promises';
import { poolOptions } from '../server/config/pool-options.ts';
import {
  agentsForLoss,
  agentsForWait,
  erlangB,
  erlangCLate,
  halfinWhitt,
  squareRootStaffing,
} from '../sim/capacity/erlang.ts';
import type { Probe } from '../sim/capacity/probe.ts';
import { findCapacity, ImpossibleLevelError } from '../sim/capacity/search.ts';
import { ReplayError } from '../sim/replay/replay-error.ts';
import type { WaitFigures } from '../sim/what-if/meter.ts';
import { readConfig } from './commands/config.ts';
import type { PlanCapacityOptions } from './commands/plan-capacity.ts';
import type { CliContext } from './context.ts';
import { formatCount, formatPercent, plural } from './duration.ts';
import { Failure, fileFailure } from './failure.ts';
import { type Price, pricesOf } from './plan-cost.ts';
import { readDemand } from './plan-demand.ts';
import { startProgress } from './progress.ts';

export interface SweepRow {
  readonly agents: number;
  readonly within_share: number;
  readonly waits_ms: WaitFigures;
  readonly utilization: number;
  readonly not_served: number;
  /** By tier, or under `any`. */
  readonly cost_per_hour: { readonly [tier: string]: number };
}

export interface Formula {
  /** Null: no number does. */
  readonly agents: number | null;
  readonly assumes: string;
}

/** What queueing theory says of a load. */
export interface Theory {
  /** Mean number of agents at once, in the busiest hour unless the rate is given as steady. */
  readonly load: number;
  readonly mean_sec: number;
  readonly erlang_b: Formula;
  readonly erlang_c: Formula;
  readonly square_root: Formula & { readonly beta: number | null };
}

export interface PlanReport {
  readonly demand: string;
  readonly requests: number;
  readonly from: string;
  readonly to: string;
  readonly level: number;
  readonly within_sec: number;
  /** The fewest that meet the level in the simulation. */
  readonly agents: number;
  readonly cost_per_hour: SweepRow['cost_per_hour'];
  /** For agents that are free as soon as nobody works with them; null where no work has a length. */
  readonly use: Theory | null;
  /** For agents that are held for all of their leases, idle time included. */
  readonly lease: Theory;
  readonly sweep: readonly (SweepRow & {
    /** What the formulas expect of as many agents, of `use` where it is known, else of `lease`. */
    readonly erlang_b_share: number;
    readonly erlang_c_share: number;
    /** Erlang C of `lease`. */
    readonly erlang_c_lease_share: number;
  })[];
  readonly runs: number;
  readonly wall_sec: number;
}

export async function runPlan(
  context: CliContext,
  options: PlanCapacityOptions,
  flags: { readonly [name: string]: string },
): Promise<void> {
  const prices = pricesOf(options.cost, options.costPerAgent);
  const { config } = await readConfig(context, options.config, flags);
  const report = await planned(context, options, prices, poolOptions(config));
  const { out } = context;
  if (options.plot !== undefined) {
    const { planPlot } = await import('./plan-plot.ts');
    try {
      await writeFile(options.plot, planPlot(report));
    } catch (error) {
      throw fileFailure(options.plot, error);
    }
  }
  if (options.json) {
    await out.json(report);
    return;
  }
  const { planLines } = await import('./plan-lines.ts');
  for (const line of planLines(report, out.width)) await out.print(line);
  if (options.plot !== undefined) out.note(`The plot is in ${options.plot}.`);
}

async function planned(
  context: CliContext,
  options: PlanCapacityOptions,
  prices: readonly Price[],
  pool: Parameters<typeof findCapacity>[0]['pool'],
): Promise<PlanReport> {
  const startedAt = performance.now();
  const { level, within } = options;
  const withinMs = within * 1_000;
  const { demand, source } = await readDemand(context, options, pool);
  const bar = await startProgress(context, 'simulating: run {value}, {agents} agents', 1_000, {
    agents: '-',
  });
  try {
    const { answer, sweep, runs } = await findCapacity({
      ...{ demand, pool, level, withinMs, signal: context.signal },
      onProbe: (agents, nth) => bar.update(nth + 1, { agents: formatCount(agents) }),
    });
    const { trace } = demand;
    // With the most agents the fewest wait: what is in use then is what is asked for.
    const widest = sweep.at(-1) ?? answer;
    // A rate that is given is steady: its busiest hour is one by chance.
    const isSteady = options.rate !== undefined;
    const [held, used] = [widest.held, widest.used].map(
      ({ busiest, mean, meanMs }): TheLoad => ({ load: isSteady ? mean : busiest, meanMs }),
    ) as [TheLoad, TheLoad];
    const basis = trace.hasDurations ? used : held;
    const late = ({ load, meanMs }: TheLoad, agents: number): number =>
      erlangCLate(load, agents, meanMs, withinMs);
    return {
      demand: source,
      requests: answer.requests,
      from: new Date(demand.from ?? trace.row(0).at).toISOString(),
      to: new Date(demand.to ?? trace.row(trace.length - 1).at).toISOString(),
      level,
      within_sec: within,
      agents: answer.agents,
      cost_per_hour: costOf(answer.agents, prices),
      use: trace.hasDurations ? theoryOf(used, level, withinMs) : null,
      lease: theoryOf(held, level, withinMs),
      sweep: sweep.map((probe) => ({
        ...rowOf(probe, prices),
        erlang_b_share: rounded(1 - erlangB(basis.load, probe.agents), 6),
        erlang_c_share: rounded(1 - late(basis, probe.agents), 6),
        erlang_c_lease_share: rounded(1 - late(held, probe.agents), 6),
      })),
      runs,
      wall_sec: rounded((performance.now() - startedAt) / 1_000, 3),
    };
  } catch (error) {
    if (error instanceof ImpossibleLevelError) throw impossible(error.best, level, within);
    throw error instanceof ReplayError ? new Failure(error.message) : error;
  } finally {
    bar.stop();
  }
}

interface TheLoad {
  readonly load: number;
  readonly meanMs: number;
}

function theoryOf({ load, meanMs }: TheLoad, level: number, withinMs: number): Theory {
  const late = 1 - level;
  const root = squareRootStaffing(load, late);
  const steady =
    'requests come at random at a steady rate, that of the busiest hour where it is not given';
  return {
    load: rounded(load, 3),
    mean_sec: rounded(meanMs / 1_000, 1),
    erlang_b: {
      agents: late > 0 ? agentsForLoss(load, late) : null,
      assumes: `${steady}; who finds all agents busy goes away at once`,
    },
    erlang_c: {
      agents: late > 0 ? agentsForWait(load, late, meanMs, withinMs) : null,
      assumes: `${steady}; stretches are exponentially long; all wait for as long as it takes, first come, first served`,
    },
    square_root: {
      agents: root?.agents ?? null,
      beta: root === null ? null : rounded(root.beta, 4),
      assumes: `as Erlang C, for large pools, and nobody waits at all (R + β√R with ${
        root === null ? 'no β' : `a chance to wait of ${formatPercent(halfinWhitt(root.beta))}`
      })`,
    },
  };
}

function rowOf(probe: Probe, prices: readonly Price[]): SweepRow {
  const { agents, share, waits, utilization, notServed } = probe;
  return {
    ...{ agents, within_share: rounded(share, 6), waits_ms: waits, utilization },
    not_served: notServed,
    cost_per_hour: costOf(agents, prices),
  };
}

function costOf(agents: number, prices: readonly Price[]): SweepRow['cost_per_hour'] {
  return Object.fromEntries(
    prices.map(({ tier, perHour }) => [tier ?? 'any', rounded(agents * perHour, 4)]),
  );
}

function impossible({ agents, share, refused }: Probe, level: number, within: number): Failure {
  const reasons = Object.entries(refused).map(([code, count]) => `${formatCount(count)} ${code}`);
  const why = reasons.length === 0 ? '' : ` Refused: ${reasons.join(', ')}.`;
  const limit = refused.TENANT_AT_LIMIT
    ? ' Tenants ask for more agents than they may hold: raise pool.max_agents_per_tenant, or lower --level.'
    : ' Lower --level.';
  return new Failure(
    `No number of agents grants ${formatPercent(level)} of the requests within ${within} s: with ` +
      `${plural(agents, 'agent')} it is ${formatPercent(share)}, and more change nothing.${why}${limit}`,
    { code: 'IMPOSSIBLE_LEVEL', best_share: rounded(share, 6), refused },
  );
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
