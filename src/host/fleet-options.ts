/** What a fleet is made of. */
import type { ScalingPolicy } from '../core/autoscale.ts';
import type { HostLog } from './host.ts';
import type { PoolHost } from './host-api.ts';
import type { Clock } from './ports.ts';
import type { Provisioner } from './provisioner.ts';

/** One kind of agent that can be started here. */
export interface FleetKindOptions {
  readonly name: string;
  readonly agentName: string;
  readonly tools: readonly string[];
  readonly command: readonly string[];
  readonly min: number;
  readonly max: number;
  /** The protected agent that always runs, or null. */
  readonly coreAgent: string | null;
  /** First and last port; null = none may be used. */
  readonly ports: readonly [number, number] | null;
}

export interface FleetOptions {
  readonly host: PoolHost;
  /** Null: no agents are started from here; heartbeats are checked all the same. */
  readonly provisioner: Provisioner | null;
  readonly clock: Clock;
  readonly log: HostLog;
  /** For what the autoscaler does. */
  readonly scalingLog: HostLog;
  readonly kinds: readonly FleetKindOptions[];
  readonly policy: ScalingPolicy;
  /** Unless somebody has used the switch. */
  readonly enabled: boolean;
  readonly checkIntervalMs: number;
  /** An agent that is not heard of within this has failed to start. */
  readonly startDeadlineMs: number;
  /** False where the host counts misses of heartbeats by itself. */
  readonly countsMisses: boolean;
}

/** Agents of a kind serve one tenant each. */
export const SLOTS = 1;
