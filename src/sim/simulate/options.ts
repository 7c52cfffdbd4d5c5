/** What is simulated. */
import type { IdlePolicy } from '../../core/words.ts';

export interface WorldOptions {
  readonly tenants: number;
  /** The mean share of tenants with a session at a time, above 0 and below 1. */
  readonly active: number;
  /** The mean number of agents that a session wants. */
  readonly agentsPerTenant: number;
  readonly hours: number;
  readonly seed: number;
}

export interface SimulationOptions extends WorldOptions {
  readonly agents: number;
  readonly idlePolicy: IdlePolicy;
}

/** The three scenarios of capacity planning: few, more and many tenants at a time. */
export const SCENARIOS = {
  low: { tenants: 1_000_000, agents: 50_000, active: 0.05, agentsPerTenant: 1 },
  medium: { tenants: 1_000_000, agents: 150_000, active: 0.1, agentsPerTenant: 1.5 },
  peak: { tenants: 1_000_000, agents: 500_000, active: 0.2, agentsPerTenant: 2 },
} as const;
export type ScenarioName = keyof typeof SCENARIOS;

/** As many as a pool knows at once, with room to spare (src/core/limits.ts). */
export const MOST_TENANTS = 8_000_000;
export const MOST_AGENTS = 4_000_000;
/** What a pool lets a tenant have unless told otherwise (pool.max_agents_per_tenant). */
export const MOST_AGENTS_PER_TENANT = 49;
/** Agents of all tenants together, if all of them had a session: each has a place in memory. */
export const MOST_STATIC_AGENTS = 16_000_000;
/** Above it, the busiest tenants would never be without a session. */
export const MOST_ACTIVE = 0.9;
export const LEAST_HOURS = 0.1;
export const MOST_HOURS = 8_760;
/** About 50 bytes each: 2 GB. */
export const MOST_SESSIONS = 40_000_000;
