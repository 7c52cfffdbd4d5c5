/** Events in the wire's words. */
import type { Demand, Event } from '../core/event.ts';
import type { PublicEvent } from './event-schemas.ts';
import { toSec, toTime } from './time.ts';

/** Null for an event that is not for the public (see event-schemas.ts). */
export function eventToJson(event: Event): PublicEvent | null {
  switch (event.type) {
    case 'answer_kept':
      return null;
    case 'agents_connected':
    case 'agents_disconnected':
      return runnerEvent(event);
    case 'lease_granted':
    case 'lease_accepted':
    case 'lease_reported':
    case 'lease_moved':
    case 'lease_ended':
      return leaseEvent(event);
    case 'ticket_queued':
    case 'ticket_ended':
    case 'ticket_claimed':
      return ticketEvent(event);
    case 'scaling_recorded':
    case 'scaling_switched':
      return scalingEvent(event);
    default:
      return agentEvent(event);
  }
}

type Of<T extends string> = Extract<Event, { type: T }>;
type LeaseEvent = Of<
  'lease_granted' | 'lease_accepted' | 'lease_reported' | 'lease_moved' | 'lease_ended'
>;
type RunnerEvent = Of<'agents_connected' | 'agents_disconnected'>;
type TicketEvent = Of<'ticket_queued' | 'ticket_ended' | 'ticket_claimed'>;
type ScalingEvent = Of<'scaling_recorded' | 'scaling_switched'>;
type AgentEvent = Exclude<
  Event,
  LeaseEvent | TicketEvent | ScalingEvent | RunnerEvent | Of<'answer_kept'>
>;

function agentEvent(event: AgentEvent): PublicEvent {
  const at = toTime(event.at);
  const agent_id = event.agent;
  switch (event.type) {
    case 'agent_registered':
      return {
        type: event.type,
        at,
        agent_id,
        specialization: event.specialization,
        tools: [...event.tools],
        tier: event.tier,
        slots: event.slots,
        cost_per_hour: event.costPerHour,
        labels: { ...event.labels },
        protected: event.protected,
        has_credential: event.credential !== undefined,
        managed: event.managed,
      };
    case 'agent_updated':
      return {
        type: event.type,
        at,
        agent_id,
        tools: event.tools && [...event.tools],
        tier: event.tier,
        slots: event.slots,
        cost_per_hour: event.costPerHour,
        labels: event.labels && { ...event.labels },
        protected: event.protected,
        has_credential: event.credential === undefined ? undefined : true,
      };
    case 'agent_draining':
      return { type: event.type, at, agent_id, retiring: event.retiring };
    case 'agent_resumed':
    case 'agent_retired':
    case 'agent_starting':
    case 'agent_started':
      return { type: event.type, at, agent_id };
    case 'agent_health_changed':
      return { type: event.type, at, agent_id, health: event.health, cause: event.cause };
    case 'agent_budget_changed':
      return { type: event.type, at, agent_id, available: event.available };
    case 'membership_changed':
      return { type: event.type, at, agent_id, tenant: event.tenant, member: event.member };
  }
}

function runnerEvent(event: RunnerEvent): PublicEvent {
  const at = toTime(event.at);
  const agent_ids = event.agents && [...event.agents];
  return event.type === 'agents_connected'
    ? { type: event.type, at, runner_id: event.runner, agent_ids: agent_ids ?? [] }
    : { type: event.type, at, agent_ids };
}

function leaseEvent(event: LeaseEvent): PublicEvent {
  const at = toTime(event.at);
  const lease_id = event.lease;
  switch (event.type) {
    case 'lease_granted':
      return {
        type: event.type,
        at,
        lease_id,
        tenant: event.tenant,
        agent_id: event.agent,
        token: event.token,
        purpose: event.purpose,
        priority: event.priority,
        warm: event.warm,
        idle_timeout_sec: toSec(event.idleTimeoutMs),
        ends_at: event.endsAt === undefined ? undefined : toTime(event.endsAt),
        demand: demand(event.demand),
        metadata: event.metadata,
        ticket_id: event.ticket,
      };
    case 'lease_accepted':
      return { type: event.type, at, lease_id };
    case 'lease_reported':
      return { type: event.type, at, lease_id, state: event.state };
    case 'lease_moved':
      return {
        type: event.type,
        at,
        lease_id,
        agent_id: event.agent,
        token: event.token,
        warm: event.warm,
      };
    case 'lease_ended':
      return { type: event.type, at, lease_id, reason: event.reason };
  }
}

function ticketEvent(event: TicketEvent): PublicEvent {
  const at = toTime(event.at);
  const ticket_id = event.ticket;
  switch (event.type) {
    case 'ticket_queued':
      return {
        type: event.type,
        at,
        ticket_id,
        tenant: event.tenant,
        purpose: event.purpose,
        priority: event.priority,
        count: event.count,
        expires_at: toTime(event.expiresAt),
        demand: demand(event.demand),
        lifetime_sec: event.lifetimeMs === undefined ? undefined : toSec(event.lifetimeMs),
        agents_near: event.near && [...event.near],
        metadata: event.metadata,
      };
    case 'ticket_ended':
      return { type: event.type, at, ticket_id, state: event.state };
    case 'ticket_claimed':
      return { type: event.type, at, ticket_id };
  }
}

function scalingEvent(event: ScalingEvent): PublicEvent {
  const at = toTime(event.at);
  switch (event.type) {
    case 'scaling_recorded':
      return {
        type: event.type,
        at,
        kind: event.kind,
        specialization: event.specialization,
        reason: event.reason,
        agent_id: event.agent,
        replaces: event.replaces,
      };
    case 'scaling_switched':
      return { type: event.type, at, enabled: event.enabled };
  }
}

function demand(wanted: Demand | undefined):
  | {
      specialization?: string;
      tools?: string[];
      min_tier?: Demand['minTier'];
      max_cost_per_hour?: number;
    }
  | undefined {
  return (
    wanted && {
      specialization: wanted.specialization,
      tools: wanted.tools && [...wanted.tools],
      min_tier: wanted.minTier,
      max_cost_per_hour: wanted.maxCostPerHour,
    }
  );
}
