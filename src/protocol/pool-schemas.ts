/** The pool as a whole on the wire: figures, tenants, alerts, the service itself. */
import { type Static, Type } from 'typebox';
import { HEALTHS, LEASE_STATES, PHASES, PRIORITIES } from '../core/words.ts';
import {
  AgentId,
  Cursor,
  Limit,
  nullable,
  page,
  Specialization,
  strict,
  TenantId,
  time,
} from './fields.ts';
import { Lease, Ticket } from './lease-schemas.ts';

const Count = Type.Integer({ minimum: 0 });
const byName = (description: string) => Type.Record(Type.String(), Count, { description });

export const Stats = strict(
  {
    version: Type.String(),
    uptime_sec: Type.Number({ minimum: 0 }),
    agents: strict({
      total: Count,
      by_phase: Type.Record(Type.Enum([...PHASES]), Count),
      by_health: Type.Record(Type.Enum([...HEALTHS]), Count),
      by_specialization: Type.Record(
        Type.String(),
        strict({ total: Count, slots: Count, used_slots: Count }),
      ),
    }),
    leases: strict({
      total: Count,
      by_state: Type.Record(Type.Enum([...LEASE_STATES]), Count),
      by_purpose: byName('Live leases by purpose.'),
    }),
    queue: strict({
      length: Count,
      by_priority: Type.Record(Type.Enum([...PRIORITIES]), Count),
      oldest_sec: Type.Number({ minimum: 0, description: 'How long the oldest has waited.' }),
    }),
    tenants: Count,
    slots: Count,
    used_slots: Count,
    utilization: Type.Number({ minimum: 0, maximum: 1, description: 'used ÷ all slots' }),
    warm_hit_ratio: Type.Number({ minimum: 0, maximum: 1, description: 'warm ÷ all grants' }),
    counters: strict(
      {
        requests: Count,
        granted: Count,
        reused: Count,
        warm: Count,
        reclaimed: Count,
        queued: Count,
        refused: Count,
        expired_tickets: Count,
        moved: Count,
      },
      { description: 'Counted since the start of this process.' },
    ),
  },
  { title: 'Stats' },
);
export type Stats = Static<typeof Stats>;

export const TenantParams = strict({ tenant: TenantId });
export const Tenant = strict(
  {
    tenant: TenantId,
    leases: Type.Array(Lease),
    tickets: Type.Array(Ticket),
    warm_agents: Type.Array(AgentId, {
      description: 'Agents that still have affinity with it, the most recent first, at most 5.',
    }),
    memberships: Type.Array(AgentId, { description: 'Agents that may serve it.' }),
    usage: strict({
      grants_by_hour: Type.Array(Count, {
        minItems: 24,
        maxItems: 24,
        description: 'Grants by hour of the day (UTC) since the tenant was first seen.',
      }),
    }),
  },
  { title: 'Tenant' },
);
export type Tenant = Static<typeof Tenant>;

export const ALERT_NAMES = ['utilization_high', 'utilization_low', 'start_blocked'] as const;
export type AlertName = (typeof ALERT_NAMES)[number];

export const Alert = strict(
  {
    alert_id: Type.String(),
    name: Type.Enum([...ALERT_NAMES]),
    state: Type.Enum(['open', 'closed']),
    severity: Type.Enum(['warning', 'info']),
    specialization: Specialization,
    message: Type.String({ description: 'What is wrong and what would help.' }),
    utilization: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Used ÷ all slots of the specialization; 1 if it has none and requests wait.',
    }),
    threshold: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'That the utilization has crossed; 0 where the alert is about something else.',
    }),
    queue_length: Type.Integer({
      minimum: 0,
      description:
        'Requests in the queue that this specialization could serve. One that several could serve is counted for each.',
    }),
    wanted_agents: Type.Integer({ minimum: 0, description: 'Agents that these requests ask for.' }),
    missing_agents: Type.Integer({
      minimum: 0,
      description:
        'Agents to add so that these requests are served and the utilization is below the threshold.',
    }),
    since: time('Since when its condition holds: a little before it was opened.'),
    opened_at: time('When it was opened.'),
    updated_at: time('When its figures were last taken.'),
    closed_at: nullable(time('When it was closed; null while it is open.')),
  },
  { title: 'Alert', description: 'Something about a specialization that a person should know.' },
);
export type Alert = Static<typeof Alert>;
export const AlertPage = page(Alert, 'AlertPage');
export const AlertQuery = strict({ limit: Type.Optional(Limit), cursor: Type.Optional(Cursor) });

export const Status = strict(
  {
    status: Type.Enum(['ok', 'ready']),
    version: Type.String(),
  },
  { title: 'Status' },
);
export type Status = Static<typeof Status>;
