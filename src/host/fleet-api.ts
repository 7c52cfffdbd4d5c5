/** The fleet as edges see it (HTTP, command line). Implemented by `Fleet` (fleet.ts). */
import type { ScalingSkip } from '../core/autoscale.ts';
import type { FleetView } from '../core/queries.ts';
import type { ScalingRecord } from '../core/scaling.ts';

/** What one check did, and for every specialization that it left alone, why. */
export interface FleetCheck {
  readonly actions: readonly ScalingRecord[];
  readonly skipped: readonly ScalingSkip[];
}

export interface FleetStatus {
  /** Whether the autoscaler acts: as switched, else as configured. */
  readonly enabled: boolean;
  readonly unhealthy: number;
  /** Records since the journal began. */
  readonly recorded: number;
  /** Those that are configured and those that have agents, each once. */
  readonly specializations: readonly FleetKindStatus[];
}

export type FleetKindStatus = FleetView['specializations'][number] & {
  /** Null for one whose agents are not started from here. */
  readonly limits: { readonly min: number; readonly max: number } | null;
  readonly ports: {
    readonly first: number;
    readonly last: number;
    readonly used: number;
  } | null;
  /** Why agents that are wanted cannot be started now, in words; null when nothing is in the way. */
  readonly blocked: string | null;
  /** Until the next one may be started or removed, ms; 0 = at once. */
  readonly upCooldownMs: number;
  readonly downCooldownMs: number;
};

/** What can be said of the fleet without looking at its agents. */
export interface FleetBrief {
  /** Whether the autoscaler acts. */
  readonly enabled: boolean;
  /** What can be started from here. */
  readonly kinds: readonly {
    readonly name: string;
    readonly max: number;
    /** Its agents that are started from here. */
    readonly managed: number;
    /** Why none can be started, now and for a while; null when nothing is in the way. */
    readonly blocked: string | null;
  }[];
}

export interface FleetControl {
  /** Null while the pool is starting. */
  brief(): FleetBrief | null;
  /** One check now. Checks never run beside each other. Rejects with NotReadyError. */
  check(): Promise<FleetCheck>;
  /** Durable once resolved. */
  switchTo(enabled: boolean): Promise<boolean>;
  status(): Promise<FleetStatus>;
  /** The newest first. */
  records(limit: number): Promise<readonly ScalingRecord[]>;
}
