/**
 * The only writer of a pool's durable state. Each method carries out one fact and records the
 * event that says so; replaying the event calls the same method again (replay.ts), so a state
 * rebuilt from the journal is the state that wrote it.
 *
 * Nothing is decided or refused here. Callers make sure that a fact is possible.
 */
import { assert } from './assert.ts';
import type { AgentSpec } from './command.ts';
import type { Event, HealthCause } from './event.ts';
import { nextLook } from './idle-policy.ts';
import { ticketId } from './ids.ts';
import { IDLE, type NewLease } from './leases.ts';
import { MAX_SLOTS } from './limits.ts';
import type { Granted, Queued } from './outcome.ts';
import { READY } from './profiles.ts';
import { NONE } from './rows.ts';
import type { ScalingRecord } from './scaling.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';
import {
  END_REASONS,
  type EndReason,
  HEALTHS,
  type Health,
  type Json,
  LEASE_STATES,
  PRIORITIES,
  TIERS,
} from './words.ts';

export type AgentChanges = Partial<
  Pick<
    AgentSpec,
    'tools' | 'tier' | 'slots' | 'costPerHour' | 'labels' | 'protected' | 'credential'
  >
>;

export class Facts {
  readonly #state: PoolState;
  /** Events since `take`; null while replaying. */
  #events: Event[] | null;

  constructor(state: PoolState, recording = true) {
    this.#state = state;
    this.#events = recording ? [] : null;
  }

  /** The events recorded since the last call. */
  take(): Event[] {
    const events = this.#events ?? [];
    if (events.length > 0) this.#events = [];
    return events;
  }

  record(on: boolean): void {
    this.#events = on ? [] : null;
  }

  agentRegistered(spec: Omit<AgentSpec, 'memberships'>, now: number): number {
    const { agents, hosts, profiles, ready, scaling } = this.#state;
    const profile = profiles.profile(
      spec.specialization,
      spec.tools,
      spec.tier,
      spec.costPerHour,
      spec.slots > 1,
    );
    const labels = hosts.shared(spec.labels);
    const host = hosts.id(labels);
    const agent = agents.add(spec.agentId, profile, spec.slots, host, labels, spec.protected, now);
    agents.credentials[agent] = spec.credential;
    if (spec.managed === true) {
      agents.setManaged(agent);
      agents.setStarting(agent, true);
    }
    scaling.noteAgent(spec.agentId, spec.managed === true);
    hosts.add(host, agent);
    ready.use(agent, now);
    this.#freed(agent);
    this.#record({
      type: 'agent_registered',
      at: now,
      agent: spec.agentId,
      specialization: spec.specialization,
      tools: profile.tools,
      tier: spec.tier,
      slots: spec.slots,
      costPerHour: spec.costPerHour,
      labels,
      protected: spec.protected,
      ...(spec.credential !== undefined && { credential: spec.credential }),
      ...(spec.managed === true && { managed: true }),
    });
    return agent;
  }

  agentUpdated(agent: number, changes: AgentChanges, now: number): void {
    const { agents, hosts, profiles, ready, idle, leases, scaling } = this.#state;
    const old = agents.profile(agent);
    const slots = changes.slots ?? agents.slots(agent);
    const profile = profiles.profile(
      old.specialization,
      changes.tools ?? old.tools,
      changes.tier ?? TIERS[old.tier],
      changes.costPerHour ?? old.costPerHour,
      slots > 1,
    );
    // With more slots, bindings that had ended would seem to hold again: end them all for good.
    if (slots > agents.slots(agent)) {
      agents.setStamp(agent, (agents.stamp(agent) + MAX_SLOTS + 1) | 0);
    }
    if (changes.credential !== undefined) agents.credentials[agent] = changes.credential;
    if (changes.protected !== undefined) agents.setProtected(agent, changes.protected);
    if (changes.protected === true) scaling.keep(agents.names.name(agent));
    const labels = changes.labels === undefined ? undefined : hosts.shared(changes.labels);
    const host = labels === undefined ? agents.host(agent) : hosts.id(labels);
    const moves = profile !== old || slots !== agents.slots(agent) || host !== agents.host(agent);
    if (labels !== undefined) agents.setLabels(agent, labels);
    if (moves) {
      // Lists are kept by profile and host: out of the old ones first, into the new ones last.
      const held: number[] = [];
      for (let row = agents.leaseHead(agent); row !== NONE; row = leases.nextOfAgent(row)) {
        if (leases.state(row) === IDLE) held.push(row);
      }
      held.sort((a, b) => leases.activitySequence(a) - leases.activitySequence(b));
      for (const row of held) idle.remove(row);
      ready.forget(agent);
      if (ready.packing) ready.addLeases(agents.host(agent), -agents.used(agent));
      hosts.remove(agents.host(agent), agent);
      agents.setProfile(agent, profile, slots);
      agents.setHost(agent, host);
      hosts.add(host, agent);
      if (ready.packing) ready.addLeases(host, agents.used(agent));
      ready.use(agent, now);
      for (const row of held) idle.insert(row);
      this.#freed(agent);
    }
    this.#record({ type: 'agent_updated', at: now, agent: agents.names.name(agent), ...changes });
  }

  agentDraining(agent: number, retiring: boolean, now: number): void {
    const { agents, ready } = this.#state;
    agents.setDraining(agent, true, retiring);
    ready.refresh(agent, now);
    this.#record({
      type: 'agent_draining',
      at: now,
      agent: agents.names.name(agent),
      retiring,
    });
  }

  agentResumed(agent: number, now: number): void {
    const { agents, ready } = this.#state;
    agents.setDraining(agent, false, false);
    ready.refresh(agent, now);
    this.#freed(agent);
    this.#record({ type: 'agent_resumed', at: now, agent: agents.names.name(agent) });
  }

  /** The agent holds no lease any more and is forgotten. */
  agentRetired(agent: number, now: number): void {
    const { agents, hosting, hosts, memberships, tenants, ready, scaling } = this.#state;
    assert(agents.used(agent) === 0, 'a retired agent holds no lease');
    const name = agents.names.name(agent);
    for (const tenant of [...memberships.tenantsOf(agent)]) {
      memberships.remove(agent, tenant);
      tenants.addMembers(tenant, -1);
    }
    ready.forget(agent);
    hosts.remove(agents.host(agent), agent);
    // No tenant's binding survives: its row may be another agent's tomorrow.
    agents.setStamp(agent, (agents.stamp(agent) + MAX_SLOTS + 1) | 0);
    agents.remove(agent);
    scaling.forget(name);
    hosting.forget(agent);
    this.#record({ type: 'agent_retired', at: now, agent: name });
  }

  /** A new process of a known agent: what was held against the old one is forgotten. */
  agentStarting(agent: number, now: number): void {
    const { agents, ready } = this.#state;
    agents.setStarting(agent, true);
    agents.setHealth(agent, HEALTHS.indexOf('healthy'), 'heartbeat');
    agents.signals.reset(agent, now);
    ready.refresh(agent, now);
    this.#record({ type: 'agent_starting', at: now, agent: agents.names.name(agent) });
  }

  agentStarted(agent: number, now: number): void {
    const { agents, ready } = this.#state;
    agents.setStarting(agent, false);
    ready.refresh(agent, now);
    this.#freed(agent);
    this.#record({ type: 'agent_started', at: now, agent: agents.names.name(agent) });
  }

  scalingRecorded(record: Omit<ScalingRecord, 'at'>, now: number): ScalingRecord {
    const dated = { at: now, ...record };
    this.#state.scaling.note(dated);
    this.#record({ type: 'scaling_recorded', ...dated });
    return dated;
  }

  scalingSwitched(enabled: boolean, now: number): void {
    this.#state.scaling.enabled = enabled;
    this.#record({ type: 'scaling_switched', at: now, enabled });
  }

  agentHealthChanged(agent: number, health: Health, cause: HealthCause, now: number): void {
    const { agents, hosting, ready } = this.#state;
    agents.setHealth(agent, HEALTHS.indexOf(health), cause);
    if (cause === 'exit') agents.setStarting(agent, false);
    if (cause === 'disconnect') {
      // From now on it is like any agent that is not heard of; a runner may come back for it.
      hosting.forget(agent);
      agents.setAway(agent, false);
    }
    ready.refresh(agent, now);
    this.#freed(agent);
    this.#record({
      type: 'agent_health_changed',
      at: now,
      agent: agents.names.name(agent),
      health,
      cause,
    });
  }

  /** Their runner is there: nothing that was held against them for its absence counts any more. */
  agentsConnected(rows: readonly number[], runner: string, now: number): void {
    const { agents, hosting, ready } = this.#state;
    for (const agent of rows) {
      hosting.connect(agent, runner);
      agents.setAway(agent, false);
      agents.setBudget(agent, true);
      ready.refresh(agent, now);
      this.#freed(agent);
    }
    const names = rows.map((agent) => agents.names.name(agent));
    this.#record({ type: 'agents_connected', at: now, runner, agents: names });
  }

  agentsDisconnected(rows: readonly number[], all: boolean, now: number): void {
    const { agents, hosting, ready } = this.#state;
    for (const agent of rows) {
      hosting.leave(agent, now);
      agents.setAway(agent, true);
      ready.refresh(agent, now);
    }
    const names = all ? undefined : rows.map((agent) => agents.names.name(agent));
    this.#record({ type: 'agents_disconnected', at: now, ...(names && { agents: names }) });
  }

  budgetChanged(agent: number, available: boolean, now: number): void {
    const { agents, ready } = this.#state;
    agents.setBudget(agent, available);
    ready.refresh(agent, now);
    this.#freed(agent);
    const name = agents.names.name(agent);
    this.#record({ type: 'agent_budget_changed', at: now, agent: name, available });
  }

  membershipChanged(agent: number, tenantName: string, member: boolean, now: number): void {
    const { agents, memberships, tenants } = this.#state;
    const tenant = tenants.intern(tenantName);
    if (member) memberships.add(agent, tenant);
    else memberships.remove(agent, tenant);
    tenants.addMembers(tenant, member ? 1 : -1);
    if (member) this.#freed(agent);
    this.#record({
      type: 'membership_changed',
      at: now,
      agent: agents.names.name(agent),
      tenant: tenantName,
      member,
    });
  }

  /** `known` is the tenant's row where the caller has looked it up already, else NONE. */
  leaseGranted(lease: NewLease, known: number, ticket: Ticket | null, now: number): number {
    const state = this.#state;
    const { agents, tenants, leases, ready } = state;
    const tenant = known === NONE ? tenants.intern(lease.tenant) : known;
    const { agent, token, warm } = lease;
    state.lastToken = token;
    this.#beforeHolding(tenant);
    const row = leases.add(lease, tenant, now);
    state.hosting.assigned(row, agent, now);
    this.#afterHolding(tenant);
    agents.setStamp(agent, (agents.stamp(agent) + 1) | 0);
    agents.noteLease(agent, now);
    tenants.bind(tenant, agent);
    tenants.noteGrant(tenant, now);
    ready.use(agent, now);
    if (ready.packing) ready.addLeases(agents.host(agent), 1);
    state.lookAtLease(row, nextLook(state, row, now));
    const id = leases.id(row);
    if (ticket !== null) ticket.leases.push(id);
    this.#record({
      type: 'lease_granted',
      at: now,
      lease: id,
      tenant: lease.tenant,
      agent: agents.names.name(agent),
      token,
      purpose: lease.purpose,
      priority: PRIORITIES[lease.priority],
      warm,
      idleTimeoutMs: lease.idleTimeoutMs,
      endsAt: lease.endsAt === Number.POSITIVE_INFINITY ? undefined : lease.endsAt,
      demand: lease.requirement.key === '' ? undefined : lease.requirement.demand,
      metadata: lease.metadata,
      ticket: ticket === null ? undefined : ticketId(ticket.number),
    });
    return row;
  }

  /** `stateIndex` is ALLOCATED, ACTIVE or IDLE; the same state again renews the activity. */
  leaseReported(row: number, stateIndex: number, now: number): void {
    const { leases, idle } = this.#state;
    if (leases.state(row) === IDLE) idle.remove(row);
    leases.setState(row, stateIndex, now);
    if (stateIndex === IDLE) idle.add(row);
    this.#state.lookAtLease(row, nextLook(this.#state, row, now));
    this.#record({
      type: 'lease_reported',
      at: now,
      lease: leases.id(row),
      state: LEASE_STATES[stateIndex] as 'allocated' | 'active' | 'idle',
    });
  }

  leaseAccepted(row: number, now: number): void {
    const { hosting, leases } = this.#state;
    hosting.settled(row);
    this.#record({ type: 'lease_accepted', at: now, lease: leases.id(row) });
  }

  /** Another agent takes over, under a new token; its work starts from `allocated` again. */
  leaseMoved(row: number, agent: number, token: number, warm: boolean, now: number): void {
    const state = this.#state;
    const { agents, tenants, leases, idle, ready } = state;
    const tenant = leases.tenant(row);
    const from = leases.agent(row);
    state.lastToken = token;
    if (leases.state(row) === IDLE) idle.remove(row);
    leases.move(row, agent, token, warm, now);
    state.hosting.assigned(row, agent, now);
    agents.setStamp(agent, (agents.stamp(agent) + 1) | 0);
    agents.noteLease(agent, now);
    tenants.bind(tenant, agent);
    if (ready.packing) {
      ready.addLeases(agents.host(from), -1);
      ready.addLeases(agents.host(agent), 1);
    }
    ready.use(from, now);
    ready.use(agent, now);
    this.#freed(from);
    state.lookAtLease(row, nextLook(state, row, now));
    this.#record({
      type: 'lease_moved',
      at: now,
      lease: leases.id(row),
      agent: agents.names.name(agent),
      token,
      warm,
    });
  }

  leaseEnded(row: number, reason: EndReason, now: number): void {
    const { agents, hosting, leases, idle, ready } = this.#state;
    const agent = leases.agent(row);
    if (leases.state(row) === IDLE) idle.remove(row);
    this.#beforeHolding(leases.tenant(row));
    leases.finish(row, END_REASONS.indexOf(reason), now);
    hosting.settled(row);
    this.#afterHolding(leases.tenant(row));
    if (ready.packing) ready.addLeases(agents.host(agent), -1);
    ready.use(agent, now);
    this.#freed(agent);
    this.#record({
      type: 'lease_ended',
      at: now,
      lease: leases.id(row),
      reason,
    });
  }

  ticketQueued(ticket: Omit<Ticket, 'row' | 'tenant'>, now: number): Ticket {
    const { tickets, tenants, queue, ticketDeadlines } = this.#state;
    const added: Ticket = {
      ...ticket,
      row: tickets.nextRow(),
      tenant: tenants.intern(ticket.tenantName),
    };
    tickets.add(added);
    queue.add(added);
    ticketDeadlines.arm(added.row, added.expiresAt);
    this.#record({
      type: 'ticket_queued',
      at: now,
      ticket: ticketId(added.number),
      tenant: added.tenantName,
      purpose: added.purpose,
      priority: PRIORITIES[added.priority],
      count: added.count,
      expiresAt: added.expiresAt,
      demand: added.requirement.key === '' ? undefined : added.requirement.demand,
      lifetimeMs: added.lifetimeMs,
      near: added.near.length === 0 ? undefined : added.near,
      metadata: added.metadata,
    });
    return added;
  }

  /** The ticket leaves the queue. Its leases, if any, have been granted just before. */
  ticketEnded(ticket: Ticket, how: 'granted' | 'expired' | 'cancelled', now: number): void {
    const { tickets, queue, ticketDeadlines } = this.#state;
    queue.remove(ticket);
    ticket.state = how;
    ticket.endedAt = now;
    tickets.end(ticket);
    if (ticket.count > 1) this.#state.freed.everything = true;
    ticketDeadlines.disarm(ticket.row);
    if (how === 'granted') ticketDeadlines.arm(ticket.row, claimDeadline(ticket));
    this.#record({
      type: 'ticket_ended',
      at: now,
      ticket: ticketId(ticket.number),
      state: how,
    });
  }

  ticketClaimed(ticket: Ticket, now: number): void {
    ticket.claimed = true;
    this.#state.ticketDeadlines.disarm(ticket.row);
    this.#record({ type: 'ticket_claimed', at: now, ticket: ticketId(ticket.number) });
  }

  answerKept(key: string, fingerprint: string, outcome: Granted | Queued, now: number): void {
    this.#state.answers.keep({ key, fingerprint, at: now, outcome });
    this.#record({
      type: 'answer_kept',
      at: now,
      key,
      fingerprint,
      answer: outcome as unknown as Json,
    });
  }

  #record(event: Event): void {
    this.#state.factAt = event.at;
    this.#events?.push(event);
  }

  /** A tenant's place among those who wait depends on what it holds: out, change, in again. */
  #beforeHolding(tenant: number): void {
    if (this.#state.queue.length > 0) this.#state.queue.beforeHolding(tenant);
  }

  #afterHolding(tenant: number): void {
    const { queue, freed } = this.#state;
    if (queue.length === 0) return;
    queue.afterHolding(tenant);
    // It may have fallen behind, or passed, a group: who withholds agents from whom has changed.
    if (queue.groups > 0 && queue.ticketsOf(tenant).length > 0) freed.everything = true;
  }

  #freed(agent: number): void {
    const { agents, queue, freed } = this.#state;
    if (queue.length === 0 || agents.availability(agent) !== READY) return;
    freed.profiles.add(agents.profile(agent));
    if (this.#state.membersOnly) freed.agents.add(agent);
  }
}

/** Until when a grant that nobody has read yet is kept: as long again as the ticket would wait. */
export function claimDeadline(ticket: Ticket): number {
  return ticket.endedAt + Math.max(ticket.expiresAt - ticket.queuedAt, 1_000);
}
