/** The result of a replay as one document. Its names are public. */
import type { Tally } from './tally.ts';
import type { UsageBin } from './usage.ts';
import type { WaitFigures } from './waits.ts';

export interface ReplayFigures {
  /** Requests = granted + reused + rejected + waiting. */
  readonly requests: number;
  /** New leases, those after a wait included. */
  readonly granted: number;
  /** Served by a lease that the tenant had. */
  readonly reused: number;
  /** Of the granted: by an agent that has affinity with the tenant. */
  readonly warm: number;
  /** Leases taken back for others. */
  readonly reclaimed: number;
  /** Ever queued. */
  readonly queued: number;
  /** Not served: `expired` ones and all of `refused`. */
  readonly rejected: number;
  readonly expired: number;
  readonly refused: { readonly [code: string]: number };
  /** Still in the queue at the end. */
  readonly waiting: number;
  readonly waits_ms: WaitFigures;
  readonly agents: number;
  readonly agents_ever_needed: { readonly at_once: number; readonly distinct: number };
  readonly utilization: {
    readonly mean: number;
    readonly peak: number;
    readonly over_time: readonly UsageBin[];
  };
  /** Agent-minutes in which a lease was kept without use. */
  readonly idle_minutes: number;
  readonly leases_ended: { readonly [reason: string]: number };
  /** Leases that the end of the replay cut off. */
  readonly leases_live: number;
  /** warm ÷ granted; 0 before the first. */
  readonly warm_ratio: number;
  readonly from: string;
  readonly to: string;
  readonly events: number;
  readonly journal_bytes: number;
}

export interface ReplayEnd {
  readonly agents: number;
  readonly waiting: number;
  readonly from: number;
  readonly to: number;
  readonly events: number;
  readonly journalBytes: number;
}

export function figuresOf(tally: Tally, end: ReplayEnd): ReplayFigures {
  const { usage } = tally;
  const refused = Object.values(tally.refused).reduce((sum, count) => sum + count, 0);
  return {
    requests: tally.requests,
    granted: tally.granted,
    reused: tally.reused,
    warm: tally.warm,
    reclaimed: tally.leasesEnded.reclaimed ?? 0,
    queued: tally.queued,
    rejected: tally.expired + refused,
    expired: tally.expired,
    refused: sortedByName(tally.refused),
    waiting: end.waiting,
    waits_ms: tally.waits.figures(),
    agents: end.agents,
    agents_ever_needed: { at_once: usage.peak, distinct: tally.agentsUsed.size },
    utilization: {
      mean: ratio(usage.mean(end.agents)),
      peak: ratio(usage.peak / end.agents),
      over_time: usage.overTime(end.agents).map((bin) => ({
        ...bin,
        utilization: ratio(bin.utilization),
      })),
    },
    idle_minutes: Math.round(usage.idleMs / 600) / 100,
    leases_ended: sortedByName(tally.leasesEnded),
    leases_live: tally.live,
    warm_ratio: ratio(tally.granted === 0 ? 0 : tally.warm / tally.granted),
    from: new Date(end.from).toISOString(),
    to: new Date(end.to).toISOString(),
    events: end.events,
    journal_bytes: end.journalBytes,
  };
}

/** Six digits are more than a trace can tell, and few enough to read. */
function ratio(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function sortedByName(counts: { readonly [name: string]: number }): { [name: string]: number } {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}
