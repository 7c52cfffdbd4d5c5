/** How a pool behaves. Every duration is in milliseconds. The server fills it from config.yaml. */
import type { IdlePolicy, MembershipMode, Selection } from './words.ts';

export interface PurposeOptions {
  /** How long a quiet lease of this purpose is kept. */
  readonly idleTimeoutMs: number;
  /** Added to the request's priority points; see PRIORITY_POINTS in limits.ts. */
  readonly priorityWeight: number;
}

export interface PoolOptions {
  readonly maxAgentsPerTenant: number;
  readonly membership: MembershipMode;
  /** How many of its last agents a tenant is remembered by; 0 turns affinity off. */
  readonly affinitySize: number;
  readonly selection: Selection;
  readonly idlePolicy: IdlePolicy;
  readonly queue: {
    readonly maxLength: number;
    /** The patience of a request that names none. */
    readonly timeoutMs: number;
    /** A waiting request gains AGING_POINTS each time this passes. */
    readonly agingMs: number;
  };
  readonly reclaim: {
    readonly enabled: boolean;
    readonly idleAfterMs: number;
    readonly idleAfterUnderPressureMs: number;
    /** No lease younger than this is taken back, however idle. */
    readonly minHoldMs: number;
  };
  /** Kinds of agents that are started on demand: what they could serve is worth waiting for. */
  readonly startable: readonly {
    readonly name: string;
    readonly tools: readonly string[];
    readonly slots: number;
    /** So many at most. */
    readonly max: number;
  }[];
  /** Purposes by name; `default` serves every name that is not listed. */
  readonly purposes: { readonly [purpose: string]: PurposeOptions };
  /** Agents that runners host over a socket. */
  readonly hosting: {
    /** A lease that is not accepted within this goes to another agent. */
    readonly acceptTimeoutMs: number;
    /** A runner that comes back within this keeps its leases. */
    readonly reconnectGraceMs: number;
  };
  readonly health: {
    /** Silence after which a check counts a miss; 0 turns the watch off (simulations). */
    readonly heartbeatTimeoutMs: number;
    /** Misses in a row that make an agent unhealthy; the first makes it degraded. */
    readonly unhealthyThreshold: number;
    readonly checkIntervalMs: number;
  };
}

const MINUTE = 60_000;

export const DEFAULT_OPTIONS: PoolOptions = {
  maxAgentsPerTenant: 49,
  membership: 'ignored',
  affinitySize: 5,
  selection: 'score',
  idlePolicy: 'fixed',
  queue: { maxLength: 100_000, timeoutMs: MINUTE, agingMs: MINUTE / 2 },
  reclaim: {
    enabled: true,
    idleAfterMs: 30 * MINUTE,
    idleAfterUnderPressureMs: 5 * MINUTE,
    minHoldMs: MINUTE,
  },
  startable: [],
  purposes: {
    music: { idleTimeoutMs: 30 * MINUTE, priorityWeight: 30 },
    moderation: { idleTimeoutMs: 10 * MINUTE, priorityWeight: 20 },
    ai_companion: { idleTimeoutMs: 60 * MINUTE, priorityWeight: 10 },
    utility: { idleTimeoutMs: 5 * MINUTE, priorityWeight: 10 },
    default: { idleTimeoutMs: 15 * MINUTE, priorityWeight: 10 },
  },
  hosting: { acceptTimeoutMs: 10_000, reconnectGraceMs: MINUTE / 2 },
  health: {
    heartbeatTimeoutMs: 2 * MINUTE,
    unhealthyThreshold: 3,
    checkIntervalMs: MINUTE,
  },
};
