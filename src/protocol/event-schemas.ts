/**
 * Events as `GET /v1/events` sends them. Credentials never appear, and `answer_kept` is not sent at
 * all: it is bookkeeping of idempotency keys, and repeats what the other events say.
 */
import { type Static, type TSchema, Type } from 'typebox';
import {
  AgentId,
  CostPerHour,
  EndReason,
  Health,
  Labels,
  LeaseId,
  Metadata,
  Priority,
  Purpose,
  Replaces,
  ScalingKind,
  Slots,
  Specialization,
  strict,
  TenantId,
  TicketId,
  Tier,
  Token,
  Tools,
  time,
} from './fields.ts';

function event<N extends string, P extends Type.TProperties>(
  type: N,
  description: string,
  fields: P,
): Type.TObject<{ type: Type.TLiteral<N>; at: Type.TString } & P> {
  return Type.Object(
    { type: Type.Literal(type), at: time('When it happened.'), ...fields },
    { additionalProperties: false, description },
  ) as never;
}

const Demand = strict(
  {
    specialization: Type.Optional(Specialization),
    tools: Type.Optional(Tools),
    min_tier: Type.Optional(Tier),
    max_cost_per_hour: Type.Optional(CostPerHour),
  },
  { title: 'Demand', description: 'What a request demands of an agent.' },
);

const Seconds = Type.Number({ minimum: 0 });

export const EVENT_SCHEMAS = {
  agent_registered: event('agent_registered', 'An agent joined the pool.', {
    agent_id: AgentId,
    specialization: Specialization,
    tools: Tools,
    tier: Tier,
    slots: Slots,
    cost_per_hour: CostPerHour,
    labels: Labels,
    protected: Type.Boolean(),
    has_credential: Type.Boolean(),
    managed: Type.Optional(
      Type.Boolean({ description: 'Its process is started and stopped by the pool.' }),
    ),
  }),
  agent_updated: event('agent_updated', 'What is known of an agent changed.', {
    agent_id: AgentId,
    tools: Type.Optional(Tools),
    tier: Type.Optional(Tier),
    slots: Type.Optional(Slots),
    cost_per_hour: Type.Optional(CostPerHour),
    labels: Type.Optional(Labels),
    protected: Type.Optional(Type.Boolean()),
    has_credential: Type.Optional(Type.Boolean({ description: 'A new credential is stored.' })),
  }),
  agent_draining: event('agent_draining', 'An agent takes no new leases.', {
    agent_id: AgentId,
    retiring: Type.Boolean({ description: 'It leaves once its last lease has ended.' }),
  }),
  agent_resumed: event('agent_resumed', 'A draining agent takes leases again.', {
    agent_id: AgentId,
  }),
  agent_retired: event('agent_retired', 'An agent left the pool.', { agent_id: AgentId }),
  agent_starting: event('agent_starting', 'The process of an agent is started again.', {
    agent_id: AgentId,
  }),
  agent_started: event('agent_started', 'The first heartbeat of an agent since it was started.', {
    agent_id: AgentId,
  }),
  agent_health_changed: event('agent_health_changed', 'The health of an agent changed.', {
    agent_id: AgentId,
    health: Health,
    cause: Type.Enum(['silence', 'report', 'heartbeat', 'exit', 'disconnect', 'accept'], {
      description:
        'Judged by its silence, by its own word, by a heartbeat that ends a silence, by the end of its process, by a runner that stays away, or by a lease that it did not accept.',
    }),
  }),
  agents_connected: event('agents_connected', 'A runner hosts these agents.', {
    runner_id: Type.String(),
    agent_ids: Type.Array(AgentId),
  }),
  agents_disconnected: event('agents_disconnected', 'The connection to their runner has ended.', {
    agent_ids: Type.Optional(
      Type.Array(AgentId, { description: 'Absent: all agents that runners host.' }),
    ),
  }),
  agent_budget_changed: event(
    'agent_budget_changed',
    'The platform behind the agent lets it take new work, or no more.',
    { agent_id: AgentId, available: Type.Boolean() },
  ),
  membership_changed: event('membership_changed', 'An agent may or may not serve a tenant.', {
    agent_id: AgentId,
    tenant: TenantId,
    member: Type.Boolean(),
  }),
  lease_granted: event('lease_granted', 'An agent was granted to a tenant.', {
    lease_id: LeaseId,
    tenant: TenantId,
    agent_id: AgentId,
    token: Token,
    purpose: Purpose,
    priority: Priority,
    warm: Type.Boolean(),
    idle_timeout_sec: Seconds,
    ends_at: Type.Optional(time('When its lifetime ends.')),
    demand: Type.Optional(Demand),
    metadata: Type.Optional(Metadata),
    ticket_id: Type.Optional(TicketId),
  }),
  lease_accepted: event('lease_accepted', 'The agent takes the lease that it was assigned.', {
    lease_id: LeaseId,
  }),
  lease_reported: event('lease_reported', 'The state of a lease was reported.', {
    lease_id: LeaseId,
    state: Type.Enum(['allocated', 'active', 'idle']),
  }),
  lease_moved: event('lease_moved', 'A lease goes on with another agent, under a new token.', {
    lease_id: LeaseId,
    agent_id: AgentId,
    token: Token,
    warm: Type.Boolean(),
  }),
  lease_ended: event('lease_ended', 'A lease ended.', { lease_id: LeaseId, reason: EndReason }),
  ticket_queued: event('ticket_queued', 'A request entered the queue.', {
    ticket_id: TicketId,
    tenant: TenantId,
    purpose: Purpose,
    priority: Priority,
    count: Type.Integer({ minimum: 1 }),
    expires_at: time('When it gives up.'),
    demand: Type.Optional(Demand),
    lifetime_sec: Type.Optional(Seconds),
    agents_near: Type.Optional(Type.Array(LeaseId)),
    metadata: Type.Optional(Metadata),
  }),
  ticket_ended: event('ticket_ended', 'A request left the queue.', {
    ticket_id: TicketId,
    state: Type.Enum(['granted', 'expired', 'cancelled']),
  }),
  ticket_claimed: event('ticket_claimed', 'Somebody read the grant of a ticket.', {
    ticket_id: TicketId,
  }),
  scaling_recorded: event('scaling_recorded', 'The autoscaler did something.', {
    kind: ScalingKind,
    specialization: Specialization,
    reason: Type.String({ description: 'Why, in words and figures.' }),
    agent_id: AgentId,
    replaces: Type.Optional(Replaces),
  }),
  scaling_switched: event('scaling_switched', 'The autoscaler was switched on or off.', {
    enabled: Type.Boolean(),
  }),
} as const satisfies { readonly [type: string]: TSchema };

export type PublicEventType = keyof typeof EVENT_SCHEMAS;
export const PUBLIC_EVENT_TYPES = Object.keys(EVENT_SCHEMAS) as PublicEventType[];

export const PoolEvent = Type.Union(Object.values(EVENT_SCHEMAS), {
  title: 'PoolEvent',
  description: 'One event; `type` tells which.',
});

type PublicEvents = { [T in PublicEventType]: Static<(typeof EVENT_SCHEMAS)[T]> };
export type PublicEvent = PublicEvents[PublicEventType];

export const EventsQuery = strict({
  types: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1_024,
      description: `Only these, separated by commas: ${PUBLIC_EVENT_TYPES.join(', ')}.`,
      examples: ['lease_granted,lease_ended'],
    }),
  ),
  last_event_id: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Begin after this event; 0 = from the first. As the header `Last-Event-ID`.',
    }),
  ),
});
