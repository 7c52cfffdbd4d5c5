/** Why a request got what it got: who was looked at, and how many fell out for which reason. */
import type { Explanation } from './outcome.ts';
import {
  DRAINING,
  LEASED,
  mismatch,
  NO_BUDGET,
  OFFLINE,
  READY,
  STARTING,
  UNHEALTHY,
} from './profiles.ts';
import { NONE } from './rows.ts';
import { agentScore, serves, type Wish } from './search.ts';
import type { PoolState } from './state.ts';
import type { Rejection } from './words.ts';

const REASON_OF: readonly (Rejection | null)[] = Object.assign([] as (Rejection | null)[], {
  [OFFLINE]: 'OFFLINE',
  [DRAINING]: 'DRAINING',
  [UNHEALTHY]: 'UNHEALTHY',
  [LEASED]: 'LEASED',
  [READY]: null,
  [STARTING]: 'STARTING',
  [NO_BUDGET]: 'NO_BUDGET',
});

/** To be called before anything is granted. `chosen` is the first agent taken, or NONE. */
export function explain(state: PoolState, wish: Wish, chosen: number, now: number): Explanation {
  const rejected: { [reason in Rejection]?: number } = {};
  const reject = (reason: Rejection, count: number) => {
    if (count > 0) rejected[reason] = (rejected[reason] ?? 0) + count;
  };
  let eligible = 0;
  for (const profile of state.profiles.all) {
    const reason = mismatch(profile, wish.requirement);
    if (reason !== null) {
      reject(reason, profile.agents);
    } else if (!state.membersOnly) {
      REASON_OF.forEach((why, availability) => {
        const count = profile.counts[availability];
        if (why !== null) reject(why, count);
        else if (wish.withheld?.has(profile)) reject('WITHHELD_FOR_GROUP', count);
        else eligible += count;
      });
    } else {
      reject('NOT_INSTALLED', profile.agents);
    }
  }
  if (state.membersOnly) eligible = countMembers(state, wish, rejected, reject);
  else eligible -= countServing(state, wish, reject);
  return {
    considered: state.agents.size,
    eligible,
    chosen: chosen === NONE ? null : state.agents.names.name(chosen),
    score: chosen === NONE ? null : agentScore(state, chosen, now),
    rejected,
  };
}

/** Free agents with several slots that serve this tenant already. */
function countServing(
  state: PoolState,
  wish: Wish,
  reject: (reason: Rejection, count: number) => void,
): number {
  if (wish.tenant === NONE) return 0;
  const { agents, leases, tenants } = state;
  let serving = 0;
  for (let row = tenants.leaseHead(wish.tenant); row !== NONE; row = leases.nextOfTenant(row)) {
    const agent = leases.agent(row);
    const profile = agents.profile(agent);
    if (agents.availability(agent) !== READY || wish.withheld?.has(profile)) continue;
    if (mismatch(profile, wish.requirement) === null) serving++;
  }
  reject('SERVES_TENANT', serving);
  return serving;
}

/** Where membership is required the tenant's members are judged one by one. */
function countMembers(
  state: PoolState,
  wish: Wish,
  rejected: { [reason in Rejection]?: number },
  reject: (reason: Rejection, count: number) => void,
): number {
  let eligible = 0;
  let fitting = 0;
  for (const agent of state.memberships.agentsOf(wish.tenant)) {
    const profile = state.agents.profile(agent);
    if (mismatch(profile, wish.requirement) !== null) continue;
    fitting++;
    const why = REASON_OF[state.agents.availability(agent)];
    if (why !== null) reject(why, 1);
    else if (serves(state, agent, wish.tenant)) reject('SERVES_TENANT', 1);
    else if (wish.withheld?.has(profile)) reject('WITHHELD_FOR_GROUP', 1);
    else eligible++;
  }
  const outsiders = (rejected.NOT_INSTALLED ?? 0) - fitting;
  delete rejected.NOT_INSTALLED;
  reject('NOT_INSTALLED', outsiders);
  return eligible;
}
