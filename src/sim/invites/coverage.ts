/** What memberships are worth: sessions played against them, as the pool would serve them. */
import type { Sessions } from './sessions.ts';

export interface Coverage {
  readonly requests: number;
  /** Requests that found a free member. */
  readonly served: number;
  /** Agents in use, on average over the time from the first request to the last. */
  readonly busy: number;
}

/**
 * A request is served by the member that has been free for longest, or it is lost: nobody waits. No
 * agent serves a tenant twice at once. `members` holds the agents of each tenant, `slots` those of each agent.
 */
export function coverageOf(
  sessions: Sessions,
  members: readonly (readonly number[])[],
  slots: readonly number[],
): Coverage {
  const ends = slots.map((count) => new Float64Array(count).fill(Number.NEGATIVE_INFINITY));
  const tenantIn = slots.map((count) => new Int32Array(count).fill(-1));
  let served = 0;
  let heldMs = 0;
  for (let nth = 0; nth < sessions.count; nth += 1) {
    const start = sessions.start[nth]!;
    const tenant = sessions.tenant[nth]!;
    let best = -1;
    let bestSlot = -1;
    for (const agent of members[tenant] ?? []) {
      const slot = freeSlot(ends[agent]!, tenantIn[agent]!, start, tenant);
      if (slot === -1) continue;
      if (best !== -1 && ends[agent]![slot]! >= ends[best]![bestSlot]!) continue;
      best = agent;
      bestSlot = slot;
    }
    if (best === -1) continue;
    ends[best]![bestSlot] = sessions.end[nth]!;
    tenantIn[best]![bestSlot] = tenant;
    heldMs += sessions.end[nth]! - start;
    served += 1;
  }
  const span = sessions.count === 0 ? 0 : sessions.start[sessions.count - 1]! - sessions.start[0]!;
  return { requests: sessions.count, served, busy: span === 0 ? 0 : heldMs / span };
}

/** The slot that has been free for longest; -1 if there is none, or the tenant has one already. */
function freeSlot(ends: Float64Array, tenantIn: Int32Array, now: number, tenant: number): number {
  let best = -1;
  for (let slot = 0; slot < ends.length; slot += 1) {
    if (ends[slot]! > now) {
      if (tenantIn[slot] === tenant) return -1;
    } else if (best === -1 || ends[slot]! < ends[best]!) best = slot;
  }
  return best;
}
