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
