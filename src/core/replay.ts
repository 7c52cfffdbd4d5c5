/** One recorded event, carried out again: names are looked up, and the same fact is told. */
import { assert } from './assert.ts';
import type { Context } from './context.ts';
import type { Event } from './event.ts';
import { leaseId, parseTicketId } from './ids.ts';
import { ACTIVE, ALLOCATED, IDLE } from './leases.ts';
import type { Granted, Queued } from './outcome.ts';
import { NONE } from './rows.ts';
import type { PoolState } from './state.ts';
import { rankOf, type Ticket } from './tickets.ts';
import { PRIORITIES } from './words.ts';

const STATE_INDEX = { allocated: ALLOCATED, active: ACTIVE, idle: IDLE } as const;

export function replay(context: Context, event: Event): void {
  const { state, facts } = context;
  const now = event.at;
  state.now = Math.max(state.now, now);
  switch (event.type) {
    case 'agent_registered': {
      const { agent, type: _type, at: _at, ...spec } = event;
      facts.agentRegistered({ agentId: agent, ...spec }, now);
      return;
    }
    case 'agent_updated': {
      const { agent, type: _type, at: _at, ...changes } = event;
      facts.agentUpdated(agentRow(state, agent), changes, now);
      return;
    }
    case 'agent_draining':
      facts.agentDraining(agentRow(state, event.agent), event.retiring, now);
      return;
    case 'agent_resumed':
      facts.agentResumed(agentRow(state, event.agent), now);
      return;
    case 'agent_retired':
      facts.agentRetired(agentRow(state, event.agent), now);
      return;
    case 'agent_starting':
      facts.agentStarting(agentRow(state, event.agent), now);
      return;
    case 'agent_started':
      facts.agentStarted(agentRow(state, event.agent), now);
      return;
    case 'scaling_recorded': {
      const { type: _type, at: _at, ...record } = event;
      facts.scalingRecorded(record, now);
      return;
    }
    case 'scaling_switched':
      facts.scalingSwitched(event.enabled, now);
      return;
    case 'agents_connected': {
      const rows = event.agents.map((agent) => agentRow(state, agent));
      facts.agentsConnected(rows, event.runner, now);
      return;
    }
    case 'agents_disconnected': {
      const rows = event.agents?.map((agent) => agentRow(state, agent)) ?? present(state);
      facts.agentsDisconnected(rows, event.agents === undefined, now);
      return;
    }
    case 'agent_budget_changed':
      facts.budgetChanged(agentRow(state, event.agent), event.available, now);
      return;
    case 'agent_health_changed':
      facts.agentHealthChanged(agentRow(state, event.agent), event.health, event.cause, now);
      return;
    case 'membership_changed':
      facts.membershipChanged(agentRow(state, event.agent), event.tenant, event.member, now);
      return;
    case 'lease_granted': {
      const { leases } = state;
      const expected = leaseId(leases.nextRow(), leases.nextGeneration());
      assert(
        expected === event.lease,
        `the journal grants ${event.lease} where ${expected} is next`,
      );
      facts.leaseGranted(
        {
          tenant: event.tenant,
          agent: agentRow(state, event.agent),
          token: event.token,
          warm: event.warm,
          purpose: event.purpose,
          priority: PRIORITIES.indexOf(event.priority),
          idleTimeoutMs: event.idleTimeoutMs,
          endsAt: event.endsAt ?? Number.POSITIVE_INFINITY,
          requirement: state.profiles.requirement(event.demand ?? {}),
          metadata: event.metadata,
        },
        NONE,
        event.ticket === undefined ? null : findTicket(state, event.ticket),
        now,
      );
      return;
    }
    case 'lease_accepted':
      facts.leaseAccepted(leaseRow(state, event.lease), now);
      return;
    case 'lease_reported':
      facts.leaseReported(leaseRow(state, event.lease), STATE_INDEX[event.state], now);
      return;
    case 'lease_moved': {
      const row = leaseRow(state, event.lease);
      facts.leaseMoved(row, agentRow(state, event.agent), event.token, event.warm, now);
      return;
    }
    case 'lease_ended':
      facts.leaseEnded(leaseRow(state, event.lease), event.reason, now);
      return;
    case 'ticket_queued': {
      const { priorityWeight } = state.leases.purposes.options(event.purpose);
      const priority = PRIORITIES.indexOf(event.priority);
      facts.ticketQueued(
        {
          number: parseTicketId(event.ticket),
          tenantName: event.tenant,
          requirement: state.profiles.requirement(event.demand ?? {}),
          purpose: event.purpose,
          priority,
          rank: rankOf(priority, priorityWeight, now, state.options.queue.agingMs),
          count: event.count,
          queuedAt: now,
          expiresAt: event.expiresAt,
          lifetimeMs: event.lifetimeMs,
          near: event.near ?? [],
          metadata: event.metadata,
          state: 'queued',
          leases: [],
          claimed: false,
          endedAt: 0,
        },
        now,
      );
      return;
    }
    case 'ticket_ended':
      facts.ticketEnded(findTicket(state, event.ticket), event.state, now);
      return;
    case 'ticket_claimed':
      facts.ticketClaimed(findTicket(state, event.ticket), now);
      return;
    case 'answer_kept': {
      const outcome = event.answer as unknown as Granted | Queued;
      facts.answerKept(event.key, event.fingerprint, outcome, now);
      return;
    }
    default:
      assert(false, `the journal holds an event of an unknown type: ${JSON.stringify(event)}`);
  }
}

function agentRow(state: PoolState, id: string): number {
  const agent = state.agents.names.find(id);
  assert(agent !== NONE, `the journal names the agent ${id}, which is not registered`);
  return agent;
}

/** The agents whose runners are there. */
function present({ agents, hosting }: PoolState): number[] {
  return [...hosting.agents()].filter((agent) => !agents.isAway(agent));
}

function leaseRow(state: PoolState, id: string): number {
  const row = state.leases.find(id);
  assert(row !== NONE, `the journal names the lease ${id}, which was not granted`);
  assert(state.leases.isLive(row), `the journal changes the lease ${id} after its end`);
  return row;
}

function findTicket(state: PoolState, id: string): Ticket {
  const ticket = state.tickets.find(parseTicketId(id));
  assert(ticket !== undefined, `the journal names the ticket ${id}, which was not queued`);
  return ticket;
}
