/** The autoscaler on the wire. */
import { type Static, Type } from 'typebox';
import { SCALING_RECORDS_KEPT } from '../core/limits.ts';
import { AgentId, nullable, Replaces, ScalingKind, Specialization, strict } from './fields.ts';
import { LIMITS } from './limits.ts';

const Count = Type.Integer({ minimum: 0 });
const Ratio = Type.Number({ minimum: 0, maximum: 1 });
const cooldown = (what: string) =>
  Type.Integer({ minimum: 0, description: `Seconds until one may be ${what}; 0 = at once.` });
const bound = (description: string) => nullable(Type.Integer({ minimum: 0, description }));

const FleetKind = strict(
  {
    count: Type.Integer({ minimum: 0, description: 'starting + running' }),
    avg_load: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Over those that run; 0 without any.',
    }),
    desired: Type.Integer({ minimum: 0, description: 'How many there will be: the same number.' }),
    starting: Count,
    running: Count,
    draining: Count,
    lost: Type.Integer({ minimum: 0, description: 'Unhealthy, or their process has ended.' }),
    cooldown_up_sec: cooldown('added'),
    cooldown_down_sec: cooldown('removed'),
    min: bound('Never fewer; null where agents are not started from here.'),
    max: bound('Never more; null where agents are not started from here.'),
    ports: nullable(strict({ first: Count, last: Count, used: Count })),
    blocked: nullable(
      Type.String({
        description:
          'Why agents that are wanted cannot be started now; null when nothing is in the way.',
      }),
    ),
  },
  { title: 'AutoscalerSpecialization' },
);

export const AutoscalerStats = strict(
  {
    policy: strict({
      scale_up_threshold: Ratio,
      scale_down_threshold: Ratio,
      min_agents_per_type: Count,
      max_agents_per_type: Count,
    }),
    specializations: Type.Record(Type.String(), FleetKind),
    scaling_events: Type.Integer({ minimum: 0, description: 'Since the journal began.' }),
    unhealthy_agents: Count,
    enabled: Type.Boolean({ description: 'Whether it acts: as switched, else as configured.' }),
  },
  { title: 'AutoscalerStats' },
);
export type AutoscalerStats = Static<typeof AutoscalerStats>;

export const ScalingEvent = strict(
  {
    timestamp: Type.Number({
      minimum: 0,
      description: 'When it happened, in seconds since 1970, with a fraction.',
    }),
    type: ScalingKind,
    specialization: Specialization,
    reason: Type.String({ description: 'Why, in words and figures.' }),
    agent_id: AgentId,
    replaces: Type.Optional(Replaces),
  },
  { title: 'ScalingEvent', description: 'What the autoscaler did.' },
);
export type ScalingEvent = Static<typeof ScalingEvent>;

export const ScalingEvents = strict(
  { events: Type.Array(ScalingEvent) },
  { title: 'ScalingEvents' },
);
export type ScalingEvents = Static<typeof ScalingEvents>;

export const ScalingEventsQuery = strict({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: SCALING_RECORDS_KEPT,
      default: LIMITS.pageItemsDefault,
      description: 'How many events there are at most.',
    }),
  ),
});

export const AutoscalerCheck = strict(
  {
    actions: Type.Array(ScalingEvent),
    skipped: Type.Array(
      strict({
        specialization: Specialization,
        reason: Type.String({ description: 'Why it was left alone.' }),
      }),
    ),
  },
  { title: 'AutoscalerCheck' },
);
export type AutoscalerCheck = Static<typeof AutoscalerCheck>;

export const AutoscalerSwitch = strict({ enabled: Type.Boolean() }, { title: 'AutoscalerSwitch' });
export type AutoscalerSwitch = Static<typeof AutoscalerSwitch>;
