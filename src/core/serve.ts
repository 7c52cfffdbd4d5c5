/**
 * Those who wait, served. Runs whenever agents have become free: the best-ranked ticket that a
 * freed agent could serve goes first, then the next, until nothing is left to give or nobody
 * left to take it.
 */
import type { Context } from './context.ts';
import { RECLAIM_RECHECK_MS } from './limits.ts';
import { agedPriority, findReclaimable } from './reclaim.ts';
import { NONE } from './rows.ts';
import { type Find, findAgents, type Wish, withheldFrom } from './search.ts';
import type { PoolState } from './state.ts';
import type { Lane } from './queue.ts';
import type { Ticket } from './tickets.ts';

/** Tickets of a lane that are tried before it is given up for now: the free agents may all be
 *  serving the first tenants already, which only agents with several slots can cause. */
const TRIES_A_LANE = 64;

/** Gives freed agents to those who wait for them. */
export function serveFreed(context: Context, now: number): void {
  const { state } = context;
  const { freedProfiles, freedAgents } = state;
  if (freedProfiles.size === 0) return;
  if (state.queue.length > 0) {
    const lanes = new Set<Lane>();
    if (state.membersOnly) {
      for (const agent of freedAgents) {
        for (const tenant of state.memberships.tenantsOf(agent)) {
          for (const ticket of state.queue.ticketsOf(tenant)) lanes.add(state.queue.laneOf(ticket));
        }
      }
    } else {
      for (const lane of state.queue.lanes.values()) {
        const { profiles } = state.profiles.refreshed(lane.requirement);
        if (profiles.some((profile) => freedProfiles.has(profile))) lanes.add(lane);
      }
    }
    serveLanes(context, lanes, false, now);
  }
  freedProfiles.clear();
  freedAgents.clear();
}

/** Looks once a second whether a lease has become idle enough to be taken for those who wait. */
export function serveByReclaim(context: Context, now: number): void {
  const { state } = context;
  const waiting = state.queue.length > 0 && state.options.reclaim.enabled;
  if (!waiting) {
    state.reclaimAt = Number.POSITIVE_INFINITY;
    return;
  }
  if (state.reclaimAt === Number.POSITIVE_INFINITY) state.reclaimAt = now + RECLAIM_RECHECK_MS;
  if (now < state.reclaimAt) return;
  serveLanes(context, new Set(state.queue.lanes.values()), true, now);
  state.reclaimAt = state.queue.length > 0 ? now + RECLAIM_RECHECK_MS : Number.POSITIVE_INFINITY;
}

function serveLanes(context: Context, lanes: Set<Lane>, reclaim: boolean, now: number): void {
  const { queue } = context.state;
  while (lanes.size > 0) {
    let best: Lane | null = null;
    for (const lane of lanes) {
      if (best === null || queue.before(queue.head(lane), queue.head(best))) best = lane;
    }
    if (best === null) return;
    const served = serveLane(context, best, reclaim, now);
    if (!served || best.tickets.size === 0) lanes.delete(best);
  }
}

/** Grants the first ticket of the lane that can be granted; false if there is none. */
function serveLane(context: Context, lane: Lane, reclaim: boolean, now: number): boolean {
  const { state } = context;
  let tries = 0;
  for (const ticket of state.queue.inLane(lane)) {
    const wish = wishOf(state, ticket);
    const found = findAgents(state, wish, now);
    const missing = ticket.count - found.length;
    let victims: number[] = [];
    if (missing > 0 && reclaim) {
      const priority = agedPriority(ticket, state.options.queue.agingMs, now);
      victims = findReclaimable(state, wish, priority, missing, now);
    }
    if (found.length + victims.length >= ticket.count) {
      grantTicket(context, ticket, found, victims, now);
      return true;
    }
    // A group collects: nobody behind it may take what it waits for.
    if (ticket.count > 1 || ++tries >= TRIES_A_LANE) return false;
    if (state.ready.countReady(wish.requirement, wish.withheld) === 0 && !reclaim) return false;
  }
  return false;
}

function wishOf(state: PoolState, ticket: Ticket): Wish {
  const hosts = new Set<number>();
  for (const id of ticket.near) {
    const row = state.leases.find(id);
    if (row !== NONE && state.leases.isLive(row)) {
      hosts.add(state.agents.host(state.leases.agent(row)));
    }
  }
  return {
    requirement: state.profiles.refreshed(ticket.requirement),
    tenant: ticket.tenant,
    count: ticket.count,
    hosts,
    withheld: withheldFrom(state, (group) => group !== ticket && state.queue.before(group, ticket)),
  };
}

function grantTicket(
  context: Context,
  ticket: Ticket,
  found: readonly Find[],
  victims: readonly number[],
  now: number,
): void {
  const { state, facts } = context;
  const agents = found.map((find) => find.agent);
  for (const row of victims) agents.push(state.leases.agent(row));
  for (const row of victims) context.end(row, 'reclaimed', now);
  const { idleTimeoutMs } = state.leases.purposes.options(ticket.purpose);
  for (const agent of agents) {
    context.grant(
      {
        tenant: ticket.tenantName,
        agent,
        token: context.nextToken(),
        purpose: ticket.purpose,
        priority: ticket.priority,
        warm: state.tenants.isWarm(ticket.tenant, agent),
        idleTimeoutMs,
        endsAt: ticket.lifetimeMs === undefined ? Number.POSITIVE_INFINITY : now + ticket.lifetimeMs,
        requirement: ticket.requirement,
        metadata: ticket.metadata,
      },
      ticket.tenant,
      ticket,
      now,
    );
  }
  facts.ticketEnded(ticket, 'granted', now);
}
