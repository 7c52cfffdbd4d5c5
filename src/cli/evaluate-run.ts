/** Evaluations from their files to their figures. */
import {
  type AffinityFigures,
  type AgentChooser,
  chooseAgents,
  measureAffinity,
  NO_AGENT,
} from '../sim/evaluate/affinity.ts';
import { LeastRecentlyUsed, ScoredByPool } from '../sim/evaluate/choosers.ts';
import { type Demand, readDemand } from '../sim/evaluate/demand.ts';
import { FixedKeep, type KeepPolicy, PressureKeep } from '../sim/evaluate/keep-policy.ts';
import {
  decideKeepalive,
  type KeepaliveFigures,
  keepaliveRows,
  measureKeepalive,
} from '../sim/evaluate/keepalive.ts';
import {
  decideScaling,
  measureScaling,
  type ScalingFigures,
  type ScalingWindow,
} from '../sim/evaluate/scaling.ts';
import { thresholdStrategy } from '../sim/evaluate/threshold.ts';
import { ReplayError } from '../sim/replay/replay-error.ts';
import type { CliContext } from './context.ts';
import {
  type ReadMinutes,
  readActiveMinutes,
  refuseOrder,
  refuseSameFile,
  saveDecisions,
  timeOf,
} from './evaluate-files.ts';
import {
  type AffinityOptions,
  type KeepaliveOptions,
  notYet,
  type ScalingOptions,
} from './evaluate-options.ts';
import { Failure, wrongUsage } from './failure.ts';
import { startProgress } from './progress.ts';
import { readWatched } from './trace-file.ts';

interface Evaluated {
  /** Tenants active in the window. */
  readonly tenants: number;
  /** The window, RFC 3339; `to` is exclusive. */
  readonly from: string;
  readonly to: string;
}

export interface KeepaliveReport extends KeepaliveFigures, Evaluated {
  readonly policy: string;
  readonly cost: number;
}

export interface AffinityReport extends AffinityFigures, Evaluated {
  readonly selection: string;
  readonly agents: number;
}

export interface ScalingReport extends ScalingFigures {
  readonly strategy: string;
  readonly boot_sec: number;
  readonly minutes: number;
}

export async function runKeepalive(
  context: CliContext,
  options: KeepaliveOptions,
): Promise<KeepaliveReport> {
  const policy = policyOf(options);
  return await explaining(async () => {
    const read = await readActiveMinutes(context, options);
    const { active, window } = read;
    const decided = decideKeepalive(active, policy);
    const figures = measureKeepalive(active, decided, window, options.cost);
    const header = ['tenant', 'minute', 'prewarm_after_min', 'keep_min'];
    function* rows() {
      for (const index of keepaliveRows(active, window)) {
        const tenant = active.tenants[active.tenant[index]!]!;
        const minute = active.minute[index]!;
        yield [tenant, minute, decided.prewarmAfter[index]!, decided.keep[index]!];
      }
    }
    await saveDecisions(context, options, header, rows());
    return { ...figures, policy: options.policy.text, cost: options.cost, ...evaluated(read) };
  });
}

function policyOf({ policy, agents }: KeepaliveOptions): KeepPolicy {
  const { kind, minutes } = policy;
  if (kind === 'learned') throw notYet('--policy', kind, ['fixed:N', 'pressure']);
  if (kind === 'pressure') return new PressureKeep(minutes, agents ?? null);
  if (agents === undefined) return new FixedKeep(minutes);
  throw wrongUsage('--agents is for --policy pressure; a fixed time does not depend on them.');
}

export async function runAffinity(
  context: CliContext,
  options: AffinityOptions,
): Promise<AffinityReport> {
  const { agents, selection } = options;
  const chooser = chooserOf(options);
  return await explaining(async () => {
    const read = await readActiveMinutes(context, options);
    const { active, firstLearned } = read;
    const chosen = await choose(context, read, chooser);
    const figures = measureAffinity(active, chosen, firstLearned, read.window, agents);
    function* rows() {
      for (let index = firstLearned; index < active.length; index += 1) {
        const agent = chosen[index] === NO_AGENT ? '' : `agent_${chosen[index]! + 1}`;
        yield [active.minute[index]!, active.tenants[active.tenant[index]!]!, agent];
      }
    }
    await saveDecisions(context, options, ['minute', 'tenant', 'agent'], rows());
    return { ...figures, selection, agents, ...evaluated(read) };
  });
}

function chooserOf({ selection, agents }: AffinityOptions): AgentChooser {
  if (selection === 'lru') return new LeastRecentlyUsed(agents);
  if (selection === 'score') return new ScoredByPool(agents);
  throw notYet('--selection', selection, ['score', 'lru']);
}

async function choose(
  context: CliContext,
  { active, firstLearned }: ReadMinutes,
  chooser: AgentChooser,
): Promise<Int32Array> {
  const format = 'choosing agents {bar} {percentage} % | {value} / {total} requests';
  const bar = await startProgress(context, format, active.length - firstLearned);
  const onProgress = (requests: number) => bar.update(requests);
  try {
    return await chooseAgents(active, chooser, firstLearned, {
      signal: context.signal,
      onProgress,
    });
  } finally {
    bar.stop();
  }
}

export async function runScaling(
  context: CliContext,
  options: ScalingOptions,
): Promise<ScalingReport> {
  const { demand: file, bootSec, strategy } = options;
  if (strategy !== 'threshold') throw notYet('--strategy', strategy, ['threshold']);
  refuseOrder('--from', options.from, '--to', options.to);
  refuseSameFile(options, file);
  return await explaining(async () => {
    const demand = await readWatched(context, file, {}, (bar) => {
      return readDemand(file, { signal: context.signal, onRead: (share) => bar.update(share) });
    });
    const window = windowOf(demand, options);
    const bootMinutes = Math.ceil(bootSec / 60);
    const desired = decideScaling(demand.minutes, bootMinutes, thresholdStrategy());
    const figures = measureScaling(demand.minutes, desired, bootMinutes, window);
    function* rows() {
      for (const [minute, agents] of desired.entries()) {
        yield [demand.startSec + minute * 60, agents];
      }
    }
    await saveDecisions(context, options, ['t_sec', 'desired'], rows());
    return { ...figures, strategy, boot_sec: bootSec, minutes: window.to - window.from };
  });
}

function windowOf({ startSec, minutes }: Demand, { demand, from, to }: ScalingOptions) {
  const indexOf = (ms: number): number => Math.floor((ms / 1_000 - startSec) / 60);
  const window: ScalingWindow = {
    from: from === undefined ? 0 : Math.max(0, indexOf(from)),
    to: to === undefined ? minutes.length : Math.min(minutes.length, indexOf(to)),
  };
  if (window.from < window.to) return window;
  throw new ReplayError(`${demand} has no minute from --from to --to.`);
}

function evaluated({ tenants, window }: ReadMinutes): Evaluated {
  return { tenants, from: timeOf(window.from), to: timeOf(window.to) };
}

async function explaining<T>(evaluate: () => Promise<T>): Promise<T> {
  try {
    return await evaluate();
  } catch (error) {
    throw error instanceof ReplayError ? new Failure(error.message) : error;
  }
}
