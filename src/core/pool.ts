/**
 * The pool: every decision about who gets which agent. `execute` answers a command and records
 * the events that happened; `apply` repeats events that a pool recorded before. Time arrives in
 * the command and there is no other source of change, so the same commands give the same events,
 * and the same events the same state, byte for byte.
 *
 * A command is answered at once. Whoever calls decides when the answer may leave (the host: once
 * the events are durable).
 */
import { etaOf, lease } from './allocate.ts';
import type {
  CancelTicketCommand,
  ClaimTicketCommand,
  Command,
  ReleaseCommand,
  ReportCommand,
} from './command.ts';
import { type Context, Context as PoolContext, refuse } from './context.ts';
import { demandOf } from './demand.ts';
import { dump, type PoolDump, restore } from './dump.ts';
import type { Event } from './event.ts';
import { agentHeard, agentLost, agentStarting, checkFleet, startFailed } from './fleet.ts';
import { parseTicketId } from './ids.ts';
import { ACTIVE, IDLE } from './leases.ts';
import type { PoolOptions } from './options.ts';
import type {
  AgentOutcome,
  AgentView,
  LeaseOutcome,
  LeaseView,
  Outcome,
  OutcomeOf,
  Refusal,
  TicketOutcome,
  TicketView,
} from './outcome.ts';
import { FRAME, Prefetch } from './prefetch.ts';
import type {
  AgentQuery,
  FleetAgent,
  FleetView,
  LeaseQuery,
  Page,
  PoolQueries,
  PoolStats,
  SpecializationDemand,
  TenantView,
} from './queries.ts';
import { pageOfAgents, pageOfLeases, poolStats, tenantView } from './read.ts';
import { fleetAgents, fleetView } from './read-fleet.ts';
import { gone, noAgent, register, retireAgent, setMembership, updateAgent } from './registry.ts';
import { replay } from './replay.ts';
import { NONE } from './rows.ts';
import {
  acceptLease,
  connectAgents,
  disconnectAgents,
  endPatience,
  rejectLease,
  setBudget,
} from './runners.ts';
import type { ScalingRecord } from './scaling.ts';
import { serveByReclaim, serveFreed } from './serve.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';
import { checkHealth, drain, endDueLeases, endDueTickets, heartbeat } from './upkeep.ts';
import { agentView, leaseView, ticketView } from './views.ts';

export { FRAME } from './prefetch.ts';

export class Pool implements PoolQueries {
  readonly #context: Context;
  readonly #prefetch: Prefetch;

  /** How many ended leases can still be read is part of the state: change it with a new journal. */
  constructor(options: PoolOptions, endedLeasesKept?: number) {
    this.#context = new PoolContext(options, endedLeasesKept);
    this.#prefetch = new Prefetch(this.#context.state);
  }

  /** For invariants and tests, which look but never touch. */
  get state(): PoolState {
    return this.#context.state;
  }

  /** Answers a command. `now` is in ms since 1970; a `now` that goes back counts as standing still. */
  execute<C extends Command>(command: C, now: number): OutcomeOf<C> {
    this.#prefetch.announce(command);
    const at = this.#advance(now);
    const outcome = this.#answer(command, at);
    const { state } = this.#context;
    if (!state.freed.isEmpty) serveFreed(this.#context, at);
    if (state.queue.length > 0 || state.reclaimAt !== Number.POSITIVE_INFINITY) {
      serveByReclaim(this.#context, at);
    }
    return outcome as OutcomeOf<C>;
  }

  /**
   * Commands, at most FRAME of them, that will be executed next and in this order: what they need
   * is loaded side by side, which takes half as long as one after the other. Nothing is decided.
   */
  prepare(commands: readonly Command[]): void {
    this.#prefetch.load(commands);
  }

  /** The events since the last call, in order. */
  takeEvents(): Event[] {
    return this.#context.facts.take();
  }

  /** When `tick` is due next, in ms since 1970; Infinity when nothing is pending. */
  nextDeadline(): number {
    const { state } = this.#context;
    return Math.min(
      state.leaseDeadlines.nextAt,
      state.ticketDeadlines.nextAt,
      state.hosting.nextAt,
      state.queue.length > 0 ? state.ready.nextAt : Number.POSITIVE_INFINITY,
      state.reclaimAt,
    );
  }

  /** Repeats recorded events. Nothing is decided and nothing is recorded. */
  apply(events: Iterable<Event>): void {
    const { facts, state } = this.#context;
    facts.record(false);
    for (const frame of framesOf(events)) {
      this.#prefetch.loadFor(frame);
      for (const event of frame) replay(this.#context, event);
    }
    facts.record(true);
    state.freed.clear();
  }

  /** After a start: nobody is blamed for not having reached a pool that was not there. */
  resume(now: number): void {
    const { state } = this.#context;
    state.now = Math.max(state.now, now);
    state.agents.signals.forgiveSilence(state.now);
    if (state.queue.length > 0) state.reclaimAt = state.now;
  }

  dump(): PoolDump {
    return dump(this.#context.state);
  }

  /** Into a fresh pool only. */
  restore(from: PoolDump): void {
    restore(this.#context.state, from);
  }

  lease(id: string): LeaseView | null {
    const row = this.state.leases.find(id);
    return row === NONE ? null : leaseView(this.state, row);
  }

  leases(query: LeaseQuery): Page<LeaseView> {
    return pageOfLeases(this.state, query);
  }

  leasesOf(agents: Iterable<string>): LeaseView[] {
    const views: LeaseView[] = [];
    for (const id of agents) {
      const agent = this.state.agents.names.find(id);
      if (agent === NONE) continue;
      for (const row of this.state.leasesOf(agent)) views.push(leaseView(this.state, row));
    }
    return views;
  }

  ticket(id: string): TicketView | null {
    const ticket = this.state.tickets.find(parseTicketId(id));
    return ticket === undefined ? null : this.#view(ticket);
  }

  agent(id: string): AgentView | null {
    const agent = this.state.agents.names.find(id);
    return agent === NONE ? null : agentView(this.state, agent);
  }

  agents(query: AgentQuery): Page<AgentView> {
    return pageOfAgents(this.state, query);
  }

  tenant(id: string): TenantView | null {
    const tenant = this.state.tenants.find(id);
    if (tenant === NONE) return null;
    return tenantView(this.state, tenant, (ticket) => this.#view(ticket));
  }

  stats(): PoolStats {
    return poolStats(this.#context);
  }

  demand(): readonly SpecializationDemand[] {
    return demandOf(this.state);
  }

  fleetAgents(): readonly FleetAgent[] {
    return fleetAgents(this.state);
  }

  fleet(): FleetView {
    return fleetView(this.state);
  }

  scalingRecords(limit: number): readonly ScalingRecord[] {
    return this.state.scaling.latest(limit);
  }

  /** Carries out what is due; the time that the command happens at. */
  #advance(now: number): number {
    const { state } = this.#context;
    const at = Math.max(now, state.now);
    state.now = at;
    state.ready.advance(at);
    if (at >= state.leaseDeadlines.nextAt) {
      endDueLeases(this.#context, at);
      serveFreed(this.#context, at);
    }
    if (at >= state.ticketDeadlines.nextAt) {
      endDueTickets(this.#context, at);
      serveFreed(this.#context, at);
    }
    if (at >= state.hosting.nextAt) {
      endPatience(this.#context, at);
      serveFreed(this.#context, at);
    }
    return at;
  }

  #answer(command: Command, now: number): Outcome {
    const context = this.#context;
    switch (command.type) {
      case 'lease':
        return lease(context, command, now);
      case 'report':
        return this.#report(command, now);
      case 'release':
        return this.#release(command, now);
      case 'cancel_ticket':
        return this.#cancel(command, now);
      case 'claim_ticket':
        return this.#claim(command, now);
      case 'register':
        return register(context, command, now);
      case 'update_agent':
        return updateAgent(context, command, now);
      case 'retire_agent':
        return retireAgent(context, command, now);
      case 'drain_agent':
        return this.#drain(command.agent, now);
      case 'resume_agent':
        return this.#resume(command.agent, now);
      case 'heartbeat':
        return heartbeat(context, command, now, agentHeard);
      case 'set_membership':
        return setMembership(context, command, now);
      case 'check_health':
        return checkHealth(context, now);
      case 'check_fleet':
        return checkFleet(context, command, now);
      case 'agent_lost':
        return agentLost(context, command, now);
      case 'agent_starting':
        return agentStarting(context, command, now);
      case 'start_failed':
        return startFailed(context, command, now);
      case 'switch_autoscaler':
        context.facts.scalingSwitched(command.enabled, now);
        return { outcome: 'switched', enabled: command.enabled };
      case 'connect_agents':
        return connectAgents(context, command, now, agentHeard);
      case 'disconnect_agents':
        return disconnectAgents(context, command, now);
      case 'accept_lease':
        return acceptLease(context, command, now);
      case 'reject_lease':
        return rejectLease(context, command, now);
      case 'set_budget':
        return setBudget(context, command, now);
      case 'tick':
        return { outcome: 'ticked' };
    }
  }

  #report(command: ReportCommand, now: number): LeaseOutcome | Refusal {
    const { state, facts } = this.#context;
    const { leases, agents } = state;
    const row = state.leases.find(command.lease);
    if (row === NONE) return noLease(command.lease);
    // Tokens only grow, so a holder that slept through its lease's end presents an old one.
    // Taking it would revive a lease that the tenant no longer holds.
    if (command.token !== leases.token(row)) return staleToken(command.token, leases.token(row));
    if (!leases.isLive(row)) {
      return refuse(
        'INVALID_TRANSITION',
        `The lease has ended (${leaseView(state, row).reason}); it cannot become ${command.state}. ` +
          'Ask for a new one.',
      );
    }
    facts.leaseReported(row, command.state === 'active' ? ACTIVE : IDLE, now);
    if (command.state === 'idle' && agents.isDraining(leases.agent(row))) {
      this.#context.end(row, 'drained', now);
    }
    return { outcome: 'lease', lease: leaseView(state, row) };
  }

  #release(command: ReleaseCommand, now: number): LeaseOutcome | Refusal {
    const { state } = this.#context;
    const row = state.leases.find(command.lease);
    if (row === NONE) return noLease(command.lease);
    const token = state.leases.token(row);
    if (command.token !== undefined && command.token !== token) {
      return staleToken(command.token, token);
    }
    if (state.leases.isLive(row)) this.#context.end(row, 'released', now);
    return { outcome: 'lease', lease: leaseView(state, row) };
  }

  #cancel(command: CancelTicketCommand, now: number): TicketOutcome | Refusal {
    const ticket = this.state.tickets.find(parseTicketId(command.ticket));
    if (ticket === undefined) return noTicket(command.ticket);
    if (ticket.state === 'queued') this.#context.facts.ticketEnded(ticket, 'cancelled', now);
    return { outcome: 'ticket', ticket: this.#view(ticket) };
  }

  #claim(command: ClaimTicketCommand, now: number): TicketOutcome | Refusal {
    const ticket = this.state.tickets.find(parseTicketId(command.ticket));
    if (ticket === undefined) return noTicket(command.ticket);
    if (ticket.state === 'granted' && !ticket.claimed) {
      this.#context.facts.ticketClaimed(ticket, now);
    }
    return { outcome: 'ticket', ticket: this.#view(ticket) };
  }

  #drain(id: string, now: number): AgentOutcome | Refusal {
    const agent = this.state.agents.names.find(id);
    if (agent === NONE) return noAgent(id);
    const before = agentView(this.state, agent);
    drain(this.#context, agent, false, now);
    // A retiring agent may have left with its last idle lease.
    const there = this.state.agents.names.find(id) === agent;
    return {
      outcome: 'agent',
      agent: there ? agentView(this.state, agent) : gone(before, now),
    };
  }

  #resume(id: string, now: number): AgentOutcome | Refusal {
    const { state, facts } = this.#context;
    const agent = state.agents.names.find(id);
    if (agent === NONE) return noAgent(id);
    if (state.agents.isDraining(agent)) facts.agentResumed(agent, now);
    return { outcome: 'agent', agent: agentView(state, agent) };
  }

  #view(ticket: Ticket): TicketView {
    const { state } = this.#context;
    let eta = 0;
    if (ticket.state === 'queued') {
      const patience = Math.max(0, ticket.expiresAt - state.now);
      const position = state.queue.position(ticket);
      eta = etaOf(this.#context, ticket.requirement, position, patience, state.now);
    }
    return ticketView(state, ticket, eta);
  }
}

function* framesOf(events: Iterable<Event>): IterableIterator<Event[]> {
  let frame: Event[] = [];
  for (const event of events) {
    frame.push(event);
    if (frame.length < FRAME) continue;
    yield frame;
    frame = [];
  }
  if (frame.length > 0) yield frame;
}

function noLease(id: string): Refusal {
  return refuse('NOT_FOUND', `There is no lease "${id}", or it ended long ago.`);
}

function noTicket(id: string): Refusal {
  return refuse('NOT_FOUND', `There is no ticket "${id}", or it ended long ago.`);
}

function staleToken(given: number, current: number): Refusal {
  return refuse(
    'LEASE_TOKEN_STALE',
    given < current
      ? `The token ${given} is older than the lease's present one: the lease has moved to another ` +
          'agent since. Read the lease again.'
      : `The token ${given} was never given out for this lease.`,
  );
}
