/**
 * What happens by itself: heartbeats and their absence, deadlines, and agents that leave.
 *
 * Silence is judged by checks, one miss a check: the first makes an agent degraded, as many as
 * the threshold make it unhealthy and offline, and then its leases go on with other agents. A
 * heartbeat sets it back at once.
 */
import type { HeartbeatCommand } from './command.ts';
import type { Context } from './context.ts';
import { claimDeadline } from './facts.ts';
import { leaseDeadline, nextLook } from './idle-policy.ts';
import { ALLOCATED, IDLE } from './leases.ts';
import type { CheckOutcome, HeartbeatOutcome } from './outcome.ts';
import { findReclaimable } from './reclaim.ts';
import { NONE } from './rows.ts';
import { findAgents, NO_HOSTS, type Wish } from './search.ts';
import type { Ticket } from './tickets.ts';
import { HEALTHS } from './words.ts';

/**
 * `onHeard` is told of agents that were starting or lost: they are heard of again. A heartbeat of
 * a process that has ended, and was under way meanwhile, changes nothing.
 */
export function heartbeat(
  context: Context,
  command: HeartbeatCommand,
  now: number,
  onHeard: (context: Context, agent: number, now: number) => void,
): HeartbeatOutcome {
  const { state, facts } = context;
  const { agents } = state;
  const unknown: string[] = [];
  let accepted = 0;
  for (const [id, load] of command.agents) {
    const agent = agents.names.find(id);
    if (agent === NONE) {
      unknown.push(id);
      continue;
    }
    accepted++;
    if (agents.isOffline(agent) && agents.signals.lostBecause(agent) !== undefined) continue;
    agents.signals.noteHeartbeat(agent, now, load);
    if (agents.isStarting(agent)) onHeard(context, agent, now);
    const health = HEALTHS[agents.health(agent)];
    if (command.health !== undefined) {
      if (command.health === health && agents.isDeclared(agent)) continue;
      if (command.health === health && health === 'healthy') continue;
      facts.agentHealthChanged(agent, command.health, 'report', now);
      if (command.health === 'unhealthy') moveLeases(context, agent, now, false);
      else if (health === 'unhealthy') onHeard(context, agent, now);
    } else if (health !== 'healthy' && !agents.isDeclared(agent)) {
      const wasLost = health === 'unhealthy';
      facts.agentHealthChanged(agent, 'healthy', 'heartbeat', now);
      if (wasLost) onHeard(context, agent, now);
    }
  }
  return { outcome: 'heartbeats', accepted, unknown };
}

/** One check: every agent that has been silent for too long has missed once more. */
export function checkHealth(context: Context, now: number): CheckOutcome {
  const { degraded, lost } = judgeSilence(context, now);
  // All are judged before any lease moves, so that none moves to an agent that is lost as well.
  for (const agent of lost) moveLeases(context, agent, now, false);
  return { outcome: 'checked', degraded, unhealthy: lost.length };
}

/** Counts misses and says who is lost by them; their leases are still where they were. */
export function judgeSilence(
  { state, facts }: Context,
  now: number,
): { degraded: number; lost: number[] } {
  const { agents } = state;
  const { heartbeatTimeoutMs, unhealthyThreshold } = state.options.health;
  let degraded = 0;
  const lost: number[] = [];
  if (heartbeatTimeoutMs === 0) return { degraded, lost };
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (now - agents.signals.heartbeatAt(agent) <= heartbeatTimeoutMs) continue;
    // One that is starting has a deadline of its own.
    if (!agents.names.has(agent) || agents.isOffline(agent) || agents.isStarting(agent)) continue;
    if (agents.isAway(agent)) continue;
    const misses = agents.signals.addMiss(agent);
    if (misses >= unhealthyThreshold) {
      facts.agentHealthChanged(agent, 'unhealthy', 'silence', now);
      lost.push(agent);
    } else if (agents.health(agent) === HEALTHS.indexOf('healthy')) {
      facts.agentHealthChanged(agent, 'degraded', 'silence', now);
      degraded++;
    }
  }
  return { degraded, lost };
}

/**
 * The leases of a lost agent go on with others, each under a new token. Those for whom there is
 * nobody end, or stay where they are while a replacement is on its way (`hold`).
 */
export function moveLeases(context: Context, agent: number, now: number, hold: boolean): void {
  const { leases } = context.state;
  const isIdle = (row: number) => Number(leases.state(row) === IDLE);
  // Work in progress is served before idle leases, the oldest grant first.
  const rows = context.state.leasesOf(agent).sort((a, b) => isIdle(a) - isIdle(b));
  for (const row of rows) {
    if (!moveLease(context, row, now) && !hold) context.end(row, 'agent_lost', now);
  }
}

/** Gives a live lease to another agent, under a new token; false where there is nobody for it. */
export function moveLease(context: Context, row: number, now: number): boolean {
  const { state, facts, counters } = context;
  const { agents, leases } = state;
  const agent = leases.agent(row);
  const wish: Wish = {
    requirement: state.profiles.refreshed(leases.requirement(row)),
    tenant: leases.tenant(row),
    count: 1,
    hosts: NO_HOSTS,
    // Work in progress goes before any group that still collects.
    withheld: null,
    avoid: new Set([agent, ...state.hosting.refusersOf(row)]),
  };
  let next = findAgents(state, wish, now)[0]?.agent ?? NONE;
  if (next === NONE && leases.state(row) !== IDLE) {
    const [victim] = findReclaimable(state, wish, [], leases.priority(row), 1, now);
    if (victim !== undefined) {
      next = leases.agent(victim);
      context.end(victim, 'reclaimed', now);
    }
  }
  if (next === NONE) return false;
  counters.moved++;
  const warm = state.tenants.isWarm(leases.tenant(row), next);
  facts.leaseMoved(row, next, context.nextToken(), warm, now);
  if (agents.isRetiring(agent) && agents.used(agent) === 0) facts.agentRetired(agent, now);
  return true;
}

/**
 * Ends what is due: leases by idle time or lifetime. In the order of their deadlines, not in that
 * of the wheel, which depends on when it was last armed: a restarted pool must end them alike.
 */
export function endDueLeases(context: Context, now: number): void {
  const { state } = context;
  const { leases } = state;
  const due: { row: number; deadline: number }[] = [];
  state.leaseDeadlines.advance(now, (row) => {
    const planned = leases.lookAt(row);
    leases.setLookAt(row, Number.POSITIVE_INFINITY);
    if (!leases.isLive(row)) return;
    const deadline = leaseDeadline(state, row);
    // When the wheel looks before the time depends on when it was armed, which a restart changes:
    // nothing may end then, not even a lease whose deadline has moved in.
    if (planned > now)
      state.lookAtLease(
        row,
        deadline > now ? Math.max(planned, nextLook(state, row, now)) : planned,
      );
    else if (deadline <= now) due.push({ row, deadline });
    else state.lookAtLease(row, nextLook(state, row, now));
  });
  due.sort((a, b) => a.deadline - b.deadline || a.row - b.row);
  for (const { row } of due) {
    context.end(row, leases.endsAt(row) <= now ? 'expired' : 'idle_timeout', now);
  }
}

/** Ends tickets that have waited too long, and takes back grants that nobody has read. */
export function endDueTickets(context: Context, now: number): void {
  const { state, facts, counters } = context;
  const due: { ticket: Ticket; deadline: number }[] = [];
  state.ticketDeadlines.advance(now, (row) => {
    const ticket = state.tickets.rows[row];
    if (ticket === undefined || ticket.claimed) return;
    if (ticket.state !== 'queued' && ticket.state !== 'granted') return;
    const deadline = ticket.state === 'queued' ? ticket.expiresAt : claimDeadline(ticket);
    if (deadline <= now) due.push({ ticket, deadline });
    else state.ticketDeadlines.arm(row, deadline);
  });
  due.sort((a, b) => a.deadline - b.deadline || a.ticket.number - b.ticket.number);
  for (const { ticket } of due) {
    if (ticket.state === 'queued') {
      counters.expiredTickets++;
      facts.ticketEnded(ticket, 'expired', now);
      continue;
    }
    for (const id of ticket.leases) {
      const lease = state.leases.find(id);
      if (lease === NONE || state.leases.state(lease) !== ALLOCATED) continue;
      // Whoever has reported it, or been given it again, has seen it: activity shows that.
      if (state.leases.activityAt(lease) > ticket.endedAt) continue;
      context.end(lease, 'idle_timeout', now);
    }
    facts.ticketClaimed(ticket, now);
  }
}

/** No new leases for the agent; its idle ones end now. Retiring, it leaves with the last one. */
export function drain(
  context: Context,
  agent: number,
  retiring: boolean,
  now: number,
  reason: 'drained' | 'scaled_down' = 'drained',
): void {
  const { state, facts } = context;
  const { agents, leases } = state;
  if (!agents.isDraining(agent) || (retiring && !agents.isRetiring(agent))) {
    facts.agentDraining(agent, retiring || agents.isRetiring(agent), now);
  }
  const name = agents.names.name(agent);
  for (const row of context.state.leasesOf(agent)) {
    if (leases.state(row) === IDLE) context.end(row, reason, now);
  }
  const still = agents.names.find(name) === agent;
  if (retiring && still && agents.used(agent) === 0) facts.agentRetired(agent, now);
}

/** Ends all leases of an agent at once. */
export function endAllLeases(context: Context, agent: number, now: number): void {
  for (const row of context.state.leasesOf(agent)) context.end(row, 'drained', now);
}
