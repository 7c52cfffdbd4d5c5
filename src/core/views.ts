/** What the outside sees of leases, tickets and agents. */
import { leaseDeadline } from './idle-policy.ts';
import { ticketId } from './ids.ts';
import { RELEASED } from './leases.ts';
import type { AgentView, LeaseView, TicketView } from './outcome.ts';
import { DRAINING, LEASED, OFFLINE, STARTING } from './profiles.ts';
import { NONE } from './rows.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';
import {
  END_REASONS,
  HEALTHS,
  LEASE_STATES,
  type Metadata,
  type Phase,
  PRIORITIES,
  TIERS,
} from './words.ts';

const NO_METADATA: Metadata = {};

export function leaseView(state: PoolState, row: number): LeaseView {
  const { leases } = state;
  const ended = leases.state(row) === RELEASED;
  const view: Writable<LeaseView> = {
    leaseId: leases.id(row),
    tenant: leases.tenantName(row),
    agentId: leases.agentName(row),
    purpose: leases.purpose(row),
    tools: leases.requirement(row).tools,
    state: LEASE_STATES[leases.state(row)],
    token: leases.token(row),
    warm: leases.isWarm(row),
    allocatedAt: leases.allocatedAt(row),
    lastActivityAt: leases.activityAt(row),
    idleTimeoutMs: leases.idleTimeout(row),
    expiresAt: ended ? leases.endedAt(row) : leaseDeadline(state, row),
    metadata: leases.metadata(row) ?? NO_METADATA,
  };
  if (ended) {
    view.reason = END_REASONS[leases.reason(row)];
    view.releasedAt = leases.endedAt(row);
    return view;
  }
  const endpoint = state.agents.endpoint(leases.agent(row));
  if (endpoint !== undefined) view.endpoint = endpoint;
  return view;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export function ticketView(state: PoolState, ticket: Ticket, etaMs: number): TicketView {
  const leases = ticket.leases.map((id) => state.leases.find(id)).filter((row) => row !== NONE);
  const waiting = ticket.state === 'queued';
  return {
    ticketId: ticketId(ticket.number),
    tenant: ticket.tenantName,
    state: ticket.state,
    position: waiting ? state.queue.position(ticket) : 0,
    etaMs: waiting ? etaMs : 0,
    queuedAt: ticket.queuedAt,
    expiresAt: ticket.expiresAt,
    priority: PRIORITIES[ticket.priority],
    purpose: ticket.purpose,
    count: ticket.count,
    leases: leases.map((row) => leaseView(state, row)),
  };
}

/** What an agent is doing. An offline agent that still drains is offline. */
export function phaseOf(state: PoolState, agent: number): Phase {
  const { agents } = state;
  switch (agents.availability(agent)) {
    case OFFLINE:
      return 'offline';
    case DRAINING:
      return 'draining';
    case LEASED:
      return 'leased';
    case STARTING:
      return 'starting';
    default:
      return agents.used(agent) >= agents.slots(agent) ? 'leased' : 'available';
  }
}

export function agentView(state: PoolState, agent: number): AgentView {
  const { agents, leases, memberships, tenants } = state;
  const profile = agents.profile(agent);
  const held: string[] = [];
  for (let row = agents.leaseHead(agent); row !== NONE; row = leases.nextOfAgent(row)) {
    held.push(leases.id(row));
  }
  return {
    agentId: agents.names.name(agent),
    specialization: profile.specialization,
    tools: profile.tools,
    tier: TIERS[profile.tier],
    slots: agents.slots(agent),
    usedSlots: agents.used(agent),
    costPerHour: profile.costPerHour,
    labels: agents.labels[agent],
    protected: agents.isProtected(agent),
    phase: phaseOf(state, agent),
    health: HEALTHS[agents.health(agent)],
    load: agents.load(agent),
    hasCredential: agents.credentials[agent] !== undefined,
    registeredAt: agents.registeredAt(agent),
    lastUsedAt: agents.lastUsedAt(agent),
    lastHeartbeatAt: agents.signals.heartbeatAt(agent),
    leases24h: agents.leases24h(agent, state.now),
    leases: held,
    memberships: [...memberships.tenantsOf(agent)].map((tenant) => tenants.names.name(tenant)),
  };
}
