/**
 * Those who wait, served. Runs whenever agents have become free: the best-ranked ticket that a
 * freed agent could serve goes first, then the next, until nothing is left to give or nobody
 * left to take it.
 */
import type { Context } from './context.ts';
import { RECLAIM_RECHECK_MS } from './limits.ts';
import type { Lane } from './queue.ts';
import { agedPriority, findReclaimable, mayReclaim } from './reclaim.ts';
import { NONE } from './rows.ts';
import { type Find, findAgents, type Wish, withheldFrom } from './search.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';

/** Tickets of a lane that are tried before it is given up for now: the free agents may all be
 *  serving the first tenants already, which only agents with several slots can cause. */
const TRIES_A_LANE = 64;

/** Gives freed agents to those who wait for them. */
export function serveFreed(context: Context, now: number): void {
  const { state } = context;
  const { freed, queue } = state;
  const lanes = new Set<Lane>();
  // A grant can free something in its turn: a group that is served withholds no longer. Those whom
  // that concerns may outrank those who are still to be served.
  while (!freed.isEmpty) {
    if (queue.length > 0) for (const lane of lanesOfFreed(state)) lanes.add(lane);
    freed.clear();
    while (freed.isEmpty && serveNext(context, [...lanes], false, now));
  }
}

/** The lanes that something freed could serve. */
function lanesOfFreed(state: PoolState): Lane[] {
  const { freed, queue, profiles, memberships } = state;
  if (freed.everything) return [...queue.lanes.values()];
  if (state.membersOnly) {
    const lanes = new Set<Lane>();
    for (const agent of freed.agents) {
      for (const tenant of memberships.tenantsOf(agent)) {
        for (const ticket of queue.ticketsOf(tenant)) lanes.add(queue.laneOf(ticket));
      }
    }
    return [...lanes];
  }
  return [...queue.lanes.values()].filter((lane) =>
    profiles.refreshed(lane.requirement).profiles.some((profile) => freed.profiles.has(profile)),
  );
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
  const lanes = [...state.queue.lanes.values()];
  while (serveNext(context, lanes, true, now));
  serveFreed(context, now);
  state.reclaimAt = state.queue.length > 0 ? now + RECLAIM_RECHECK_MS : Number.POSITIVE_INFINITY;
}

/** Where the search stands in a lane: its next ticket to try. */
interface Cursor {
  readonly lane: Lane;
  readonly rest: Iterator<Ticket>;
  ticket: Ticket;
  tries: number;
}

/** Grants the best-ranked ticket of the lanes that can be granted; false if there is none. */
function serveNext(
  context: Context,
  lanes: readonly Lane[],
  reclaim: boolean,
  now: number,
): boolean {
  const { queue } = context.state;
  const cursors: Cursor[] = [];
  for (const lane of lanes) {
    const rest = queue.inLane(lane);
    const first = rest.next();
    if (first.done !== true) cursors.push({ lane, rest, ticket: first.value, tries: 0 });
  }
  while (cursors.length > 0) {
    let best = 0;
    for (let i = 1; i < cursors.length; i++) {
      if (queue.before(cursors[i].ticket, cursors[best].ticket)) best = i;
    }
    const cursor = cursors[best];
    const tried = tryTicket(context, cursor.ticket, reclaim, now);
    if (tried === 'granted') return true;
    const next = tried === 'lane is stuck' ? null : cursor.rest.next();
    if (next === null || next.done === true || ++cursor.tries >= TRIES_A_LANE) {
      cursors.splice(best, 1);
    } else {
      cursor.ticket = next.value;
    }
  }
  return false;
}

/** A stuck lane has nobody behind this ticket who could be granted anything. */
function tryTicket(
  context: Context,
  ticket: Ticket,
  reclaim: boolean,
  now: number,
): 'granted' | 'passed over' | 'lane is stuck' {
  const { state } = context;
  const wish = wishOf(state, ticket);
  const found = findAgents(state, wish, now);
  const missing = ticket.count - found.length;
  let victims: number[] = [];
  if (missing > 0 && reclaim) {
    const priority = agedPriority(ticket, state.options.queue.agingMs, now);
    victims = findReclaimable(state, wish, found, priority, missing, now);
  }
  if (victims.length >= missing) {
    grantTicket(context, ticket, found, victims, now);
    return 'granted';
  }
  // A group collects: nobody behind it may take what it waits for.
  if (ticket.count > 1) return 'lane is stuck';
  // Some may be left for another tenant, or for one whose priority reaches further.
  const isLeft =
    (reclaim && mayReclaim(state, wish, now)) ||
    state.ready.countReady(wish.requirement, wish.withheld) > 0;
  return isLeft ? 'passed over' : 'lane is stuck';
}

function wishOf(state: PoolState, ticket: Ticket): Wish {
  const hosts = new Set<number>();
  for (const id of ticket.near) {
    const row = state.leases.find(id);
    if (row === NONE || !state.leases.isLive(row)) continue;
    const host = state.agents.host(state.leases.agent(row));
    if (state.hosts.isNamed(host)) hosts.add(host);
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
  // Asked before the first grant, which may push another binding of the tenant out.
  const warm = agents.map((agent) => state.tenants.isWarm(ticket.tenant, agent));
  agents.forEach((agent, i) => {
    context.grant(
      {
        tenant: ticket.tenantName,
        agent,
        token: context.nextToken(),
        purpose: ticket.purpose,
        priority: ticket.priority,
        warm: warm[i],
        idleTimeoutMs,
        endsAt:
          ticket.lifetimeMs === undefined ? Number.POSITIVE_INFINITY : now + ticket.lifetimeMs,
        requirement: ticket.requirement,
        metadata: ticket.metadata,
      },
      ticket.tenant,
      ticket,
      now,
    );
  });
  facts.ticketEnded(ticket, 'granted', now);
}
