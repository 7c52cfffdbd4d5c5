/**
 * Taking back idle leases for work that waits. Only idle leases, only after `idleAfter` of silence
 * and `minHold` since the grant, and never those of a higher priority than the work; the longest
 * idle first. Active work is never taken.
 *
 * Chains end: the lease granted here is younger than `minHold`, so it cannot be taken for the one
 * it displaced.
 */
import { IDLE } from './leases.ts';
import { AGING_POINTS, PRESSURE_UTILIZATION, PRIORITY_POINTS } from './limits.ts';
import { LEASED, mismatch, READY } from './profiles.ts';
import { NONE } from './rows.ts';
import { type Find, serves, type Wish } from './search.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';

/**
 * Idle leases to end so that their agents can serve the wish, at most `needed`, each of another
 * agent and none of one that has been found for the wish already.
 */
export function findReclaimable(
  state: PoolState,
  wish: Wish,
  found: readonly Find[],
  priority: number,
  needed: number,
  now: number,
): number[] {
  if (!state.options.reclaim.enabled) return [];
  const { leases } = state;
  const taken = new Set(found.map((find) => find.agent));
  const lists = state.membersOnly ? listsOfMembers(state, wish) : idleLists(state, wish, priority);
  const candidates: number[] = [];
  for (const list of lists) {
    // Each list is in order of idleness, so no more than `needed` of one can be among the best.
    const agents = new Set(taken);
    for (const row of list) {
      if (agents.size - taken.size >= needed) break;
      if (now - leases.activityAt(row) < patience(state, wish)) break;
      if (agents.has(leases.agent(row))) continue;
      if (leases.priority(row) > priority || !isReclaimable(state, row, wish, now)) continue;
      agents.add(leases.agent(row));
      candidates.push(row);
    }
  }
  candidates.sort((a, b) => leases.activitySequence(a) - leases.activitySequence(b));
  const chosen: number[] = [];
  for (const row of candidates) {
    if (chosen.length >= needed) break;
    if (taken.has(leases.agent(row))) continue;
    taken.add(leases.agent(row));
    chosen.push(row);
  }
  return chosen;
}

function* idleLists(
  state: PoolState,
  wish: Wish,
  priority: number,
): IterableIterator<Iterable<number>> {
  for (const profile of wish.requirement.profiles) {
    if (wish.withheld?.has(profile)) continue;
    for (let level = 0; level <= priority; level++) yield state.idle.list(profile.id, level);
  }
}

/** False where no lease has idled for long enough, whoever asks and however urgently. */
export function mayReclaim(state: PoolState, wish: Wish, now: number): boolean {
  if (state.membersOnly) return true;
  const { leases } = state;
  const longEnough = patience(state, wish);
  for (const list of idleLists(state, wish, PRIORITY_POINTS.length - 1)) {
    // The first of a list has idled longest.
    for (const row of list) {
      if (now - leases.activityAt(row) >= longEnough) return true;
      break;
    }
  }
  return false;
}

/** The priority that a waiting request has grown to by its age. */
export function agedPriority(ticket: Ticket, agingMs: number, now: number): number {
  const gained = AGING_POINTS * Math.floor((now - ticket.queuedAt) / agingMs);
  const step = PRIORITY_POINTS[1] - PRIORITY_POINTS[0];
  return Math.min(PRIORITY_POINTS.length - 1, ticket.priority + Math.floor(gained / step));
}

/** How long a lease must have been idle to be taken for this wish. */
function patience(state: PoolState, wish: Wish): number {
  const { reclaim } = state.options;
  const { specialization } = wish.requirement.demand;
  const utilization = Math.max(
    state.utilization(),
    specialization === undefined ? 0 : state.utilization(specialization),
  );
  return utilization >= PRESSURE_UTILIZATION
    ? reclaim.idleAfterUnderPressureMs
    : reclaim.idleAfterMs;
}

function isReclaimable(state: PoolState, row: number, wish: Wish, now: number): boolean {
  const { leases, agents } = state;
  if (leases.state(row) !== IDLE) return false;
  if (now - leases.allocatedAt(row) < state.options.reclaim.minHoldMs) return false;
  const agent = leases.agent(row);
  if (wish.avoid?.has(agent)) return false;
  const availability = agents.availability(agent);
  if (availability !== LEASED && availability !== READY) return false;
  // With slots taken away from it, an agent may hold more than it has: one less frees none then.
  if (agents.used(agent) > agents.slots(agent)) return false;
  return leases.tenant(row) !== wish.tenant && !serves(state, agent, wish.tenant);
}

/** Where membership is required: the idle leases of the tenant's members, as one list. */
function listsOfMembers(state: PoolState, wish: Wish): number[][] {
  const { agents, leases, memberships } = state;
  const rows: number[] = [];
  for (const agent of memberships.agentsOf(wish.tenant)) {
    const profile = agents.profile(agent);
    if (mismatch(profile, wish.requirement) !== null || wish.withheld?.has(profile)) continue;
    for (let row = agents.leaseHead(agent); row !== NONE; row = leases.nextOfAgent(row)) {
      if (leases.state(row) === IDLE) rows.push(row);
    }
  }
  return [rows.sort((a, b) => leases.activitySequence(a) - leases.activitySequence(b))];
}
