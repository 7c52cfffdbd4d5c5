/** The fleet in the wire's words. Takes plain figures, so that it need not know the host. */
import type { ScalingSkip } from '../core/autoscale.ts';
import type { FleetView } from '../core/queries.ts';
import type { ScalingRecord } from '../core/scaling.ts';
import type { AutoscalerCheck, AutoscalerStats, ScalingEvent } from './autoscaler-schemas.ts';
import { toSec } from './time.ts';

type KindView = FleetView['specializations'][number];

export interface FleetKindFigures extends KindView {
  readonly limits: { readonly min: number; readonly max: number } | null;
  readonly ports: { readonly first: number; readonly last: number; readonly used: number } | null;
  readonly blocked: string | null;
  readonly upCooldownMs: number;
  readonly downCooldownMs: number;
}

export interface FleetFigures {
  readonly enabled: boolean;
  readonly unhealthy: number;
  readonly recorded: number;
  readonly specializations: readonly FleetKindFigures[];
}

/** Reads only these of whatever section of the configuration it gets. */
export type PolicyFigures = AutoscalerStats['policy'];

export function autoscalerStatsToJson(
  fleet: FleetFigures,
  policy: Readonly<PolicyFigures>,
): AutoscalerStats {
  return {
    policy: {
      scale_up_threshold: policy.scale_up_threshold,
      scale_down_threshold: policy.scale_down_threshold,
      min_agents_per_type: policy.min_agents_per_type,
      max_agents_per_type: policy.max_agents_per_type,
    },
    specializations: Object.fromEntries(
      fleet.specializations.map((kind) => [kind.name, kindToJson(kind)]),
    ),
    scaling_events: fleet.recorded,
    unhealthy_agents: fleet.unhealthy,
    enabled: fleet.enabled,
  };
}

const LOAD_DIGITS = 4;

function kindToJson(kind: FleetKindFigures): AutoscalerStats['specializations'][string] {
  const { starting, running, draining, lost, limits, ports } = kind;
  const count = starting + running;
  return {
    count,
    avg_load: Number(kind.averageLoad.toFixed(LOAD_DIGITS)),
    desired: count,
    starting,
    running,
    draining,
    lost,
    // Rounded up: whoever waits that long does not come too early.
    cooldown_up_sec: Math.ceil(toSec(kind.upCooldownMs)),
    cooldown_down_sec: Math.ceil(toSec(kind.downCooldownMs)),
    min: limits?.min ?? null,
    max: limits?.max ?? null,
    ports: ports && { first: ports.first, last: ports.last, used: ports.used },
    blocked: kind.blocked,
  };
}

export function scalingEventToJson(record: ScalingRecord): ScalingEvent {
  return {
    timestamp: toSec(record.at),
    type: record.kind,
    specialization: record.specialization,
    reason: record.reason,
    agent_id: record.agent,
    replaces: record.replaces,
  };
}

export function autoscalerCheckToJson(
  actions: readonly ScalingRecord[],
  skipped: readonly ScalingSkip[],
): AutoscalerCheck {
  return {
    actions: actions.map(scalingEventToJson),
    skipped: skipped.map(({ specialization, reason }) => ({ specialization, reason })),
  };
}
