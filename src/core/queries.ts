/** What can be asked of a pool without changing it. Implemented by `Pool` (pool.ts). */
import type { AgentView, LeaseView, TicketView } from './outcome.ts';
import type { ScalingRecord } from './scaling.ts';
import type { Health, LeaseState, Phase, Priority } from './words.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Pass it back as `cursor` for the next page; null at the end. */
  readonly nextCursor: string | null;
}

export interface PageQuery {
  /** 1…1,000 */
  readonly limit: number;
  /** From an earlier page of the same query. */
  readonly cursor?: string;
}

export interface LeaseQuery extends PageQuery {
  readonly tenant?: string;
  readonly agent?: string;
  readonly state?: LeaseState;
}

export interface AgentQuery extends PageQuery {
  readonly specialization?: string;
  readonly phase?: Phase;
  readonly health?: Health;
  readonly tool?: string;
}

export interface TenantView {
  readonly tenant: string;
  readonly leases: readonly LeaseView[];
  readonly tickets: readonly TicketView[];
  /** Agents that still have affinity with the tenant, the most recent first, at most 5. */
  readonly warmAgents: readonly string[];
  readonly memberships: readonly string[];
  /** Grants by hour of the day (UTC), 24 numbers, since the tenant was first seen. */
  readonly grantsByHour: readonly number[];
}

export interface PoolStats {
  readonly agents: {
    readonly total: number;
    readonly byPhase: Readonly<Record<Phase, number>>;
    readonly byHealth: Readonly<Record<Health, number>>;
    readonly bySpecialization: {
      readonly [specialization: string]: {
        readonly total: number;
        readonly slots: number;
        readonly usedSlots: number;
        /** These four are all of them: `lost` are offline or unhealthy, `running` everybody else. */
        readonly starting: number;
        readonly running: number;
        readonly draining: number;
        readonly lost: number;
      };
    };
  };
  readonly leases: {
    readonly total: number;
    readonly byState: Readonly<Record<LeaseState, number>>;
    readonly byPurpose: { readonly [purpose: string]: number };
  };
  readonly queue: {
    readonly length: number;
    readonly byPriority: Readonly<Record<Priority, number>>;
    readonly oldestMs: number;
  };
  readonly tenants: number;
  readonly slots: number;
  readonly usedSlots: number;
  /** used ÷ all slots; 0 for an empty pool. */
  readonly utilization: number;
  /** Warm grants ÷ grants since the start of this process; 0 before the first. */
  readonly warmHitRatio: number;
  /** Counted since the start of this process. */
  readonly counters: {
    readonly requests: number;
    readonly granted: number;
    readonly reused: number;
    readonly warm: number;
    readonly reclaimed: number;
    readonly queued: number;
    readonly refused: number;
    readonly expiredTickets: number;
    readonly moved: number;
  };
}

/** What a specialization has, and what waits for it. */
export interface SpecializationDemand {
  readonly name: string;
  readonly agents: number;
  readonly slots: number;
  readonly usedSlots: number;
  /** Requests in the queue that its agents could serve. Others may be able to serve them as well. */
  readonly requests: number;
  /** Agents that these ask for. */
  readonly wanted: number;
}

/** An agent whose process this pool starts and stops. */
export interface FleetAgent {
  readonly agentId: string;
  readonly specialization: string;
  readonly port: number;
  readonly isProtected: boolean;
  readonly isStarting: boolean;
  readonly isRetiring: boolean;
  readonly isLost: boolean;
}

export interface FleetView {
  /** Null until somebody has used the switch. */
  readonly enabled: boolean | null;
  /** What the autoscaler has done since the journal began. */
  readonly recorded: number;
  readonly unhealthy: number;
  /** Those that have, or ever had, agents. */
  readonly specializations: readonly {
    readonly name: string;
    /** Of all its agents, those that are started from here. */
    readonly managed: number;
    readonly starting: number;
    readonly running: number;
    readonly draining: number;
    readonly lost: number;
    /** Over those that run; 0 without any. */
    readonly averageLoad: number;
    /** In ms since 1970; null = never. */
    readonly lastUpAt: number | null;
    readonly lastDownAt: number | null;
  }[];
}

export interface PoolQueries {
  lease(id: string): LeaseView | null;
  leases(query: LeaseQuery): Page<LeaseView>;
  /** What these agents hold, each agent's oldest grant first. */
  leasesOf(agents: Iterable<string>): LeaseView[];
  ticket(id: string): TicketView | null;
  agent(id: string): AgentView | null;
  agents(query: AgentQuery): Page<AgentView>;
  /** null for a tenant that the pool knows nothing of. */
  tenant(id: string): TenantView | null;
  stats(): PoolStats;
  demand(): readonly SpecializationDemand[];
  fleetAgents(): readonly FleetAgent[];
  fleet(): FleetView;
  /** What the autoscaler did last, the newest first, at most 10,000. */
  scalingRecords(limit: number): readonly ScalingRecord[];
}
