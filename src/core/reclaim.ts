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
import { LEASED, READY } from './profiles.ts';
import { NONE } from './rows.ts';
import { serves, type Wish } from './search.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';

/** Idle leases to end so that their agents can serve the wish, at most `needed`. */
export function findReclaimable(
  state: PoolState,
  wish: Wish,
  priority: number,
  needed: number,
  now: number,
): number[] {
  if (!state.options.reclaim.enabled) return [];
  const found: number[] = [];
  const { leases } = state;
  for (const row of state.membersOnly ? leasesOfMembers(state, wish) : idleLeases(state, wish)) {
    if (leases.priority(row) > priority || !isReclaimable(state, row, wish, now)) continue;
    found.push(row);
  }
  found.sort((a, b) => leases.activitySequence(a) - leases.activitySequence(b));
  const agents = new Set<number>();
  return found
    .filter((row) => {
      const agent = leases.agent(row);
      if (agents.has(agent)) return false;
      agents.add(agent);
      return true;
    })
    .slice(0, needed);

  /** From each list as many as could be needed: lists are in order of idleness already. */
  function* idleLeases(state: PoolState, wish: Wish): IterableIterator<number> {
    const idleAfter = patience(state, wish);
    for (const profile of wish.requirement.profiles) {
      if (wish.withheld?.has(profile)) continue;
      for (let level = 0; level <= priority; level++) {
        let taken = 0;
        let row = state.idle.first(profile.id, level);
        while (row !== NONE && taken < needed) {
          if (now - leases.activityAt(row) < idleAfter) break;
          if (isReclaimable(state, row, wish, now)) {
            taken++;
            yield row;
          }
          row = leases.nextIdle(row);
        }
      }
    }
  }
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
  if (now - leases.activityAt(row) < patience(state, wish)) return false;
  if (now - leases.allocatedAt(row) < state.options.reclaim.minHoldMs) return false;
  const agent = leases.agent(row);
  const availability = agents.availability(agent);
  if (availability !== LEASED && availability !== READY) return false;
  return leases.tenant(row) !== wish.tenant && !serves(state, agent, wish.tenant);
}

function* leasesOfMembers(state: PoolState, wish: Wish): IterableIterator<number> {
  const { agents, leases, memberships } = state;
  for (const agent of memberships.agentsOf(wish.tenant)) {
    if (!wish.requirement.profiles.includes(agents.profile(agent))) continue;
    for (let row = agents.leaseHead(agent); row !== NONE; row = leases.nextOfAgent(row)) yield row;
  }
}
