/** The result of a simulation as one document. Its names are public. */
import type { SimulationOptions } from './options.ts';
import type { Run } from './run.ts';
import type { WaitFigures } from './waits.ts';
import type { World } from './world.ts';

export interface SimulationFigures {
  readonly tenants: number;
  readonly agents: number;
  /** Sessions that began, each with one request for all of its agents: granted + rejected +
   *  waiting. */
  readonly requests: number;
  /** Those after a wait, and those by leases that the tenant still had, included. */
  readonly granted: number;
  /** Ever queued, however it ended. */
  readonly queued: number;
  /** Gave up in the queue, or refused. */
  readonly rejected: number;
  /** The share of agents with a lease, idle ones included; weighted by time. */
  readonly utilization_mean: number;
  readonly utilization_peak: number;
  /** The share of new leases with an agent that has affinity with the tenant. */
  readonly warm_hit_ratio: number;
  /** Of all requests that have left the queue or never entered it, refused ones apart. */
  readonly wait_ms: WaitFigures;
  /** What it takes where every tenant owns as many agents as it ever uses at once. */
  readonly static_agents_needed: number;
  /** The smallest pool with which 99.9 % of these requests are granted within a second. */
  readonly pooled_agents_needed_999: number;
  readonly efficiency_vs_static: number;
  readonly invariant_violations: number;
  /** That the core has recorded, before the counted time too. */
  readonly events: number;
  readonly active: number;
  /** The share of tenants with a session at a time that came out: near `active`. */
  readonly active_mean: number;
  readonly agents_per_tenant: number;
  readonly hours: number;
  readonly seed: number;
  readonly idle_policy: string;
  /** Of the granted: by leases that the tenant still had. */
  readonly reused: number;
  readonly expired: number;
  readonly refused: { readonly [code: string]: number };
  /** Still in the queue at the end. */
  readonly waiting: number;
  /** The share of requests that were granted within a second. */
  readonly granted_within_1s: number;
  /** Agents that all sessions want together: on average, and at most at once. */
  readonly wanted_mean: number;
  readonly wanted_peak: number;
  /** The share of agents with a lease that nobody uses. */
  readonly idle_mean: number;
  readonly leases_ended: { readonly [reason: string]: number };
  /** The first violations in words. */
  readonly violations: readonly string[];
}

export function figuresOf(
  options: SimulationOptions,
  { population }: World,
  { tally, ledger, waiting }: Run,
  pooledAgents: number,
): SimulationFigures {
  const { tenants, agents, active, agentsPerTenant, hours, seed, idlePolicy } = options;
  const refused = Object.values(tally.refused).reduce((sum, count) => sum + count, 0);
  const { staticAgents } = population;
  return {
    tenants,
    agents,
    requests: tally.requests,
    granted: tally.granted,
    queued: tally.queued,
    rejected: tally.expired + refused,
    utilization_mean: ratio(tally.used.mean(), agents),
    utilization_peak: ratio(tally.used.peak, agents),
    warm_hit_ratio: ratio(tally.warmLeases, tally.leases),
    wait_ms: tally.waits.figures(),
    static_agents_needed: staticAgents,
    pooled_agents_needed_999: pooledAgents,
    efficiency_vs_static: ratio(staticAgents, pooledAgents),
    invariant_violations: ledger.violations,
    events: ledger.events,
    active,
    active_mean: ratio(tally.sessions.mean(), tenants),
    agents_per_tenant: agentsPerTenant,
    hours,
    seed,
    idle_policy: idlePolicy,
    reused: tally.reused,
    expired: tally.expired,
    refused: sortedByName(tally.refused),
    waiting,
    granted_within_1s: ratio(tally.grantedSoon, tally.requests),
    wanted_mean: Math.round(tally.wanted.mean()),
    wanted_peak: tally.wanted.peak,
    idle_mean: ratio(tally.idle.mean(), agents),
    leases_ended: sortedByName(tally.leasesEnded),
    violations: ledger.named,
  };
}

/** Six digits are enough to read; 0 of nothing is 0. */
function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1e6) / 1e6;
}

function sortedByName(counts: { readonly [name: string]: number }): { [name: string]: number } {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}
