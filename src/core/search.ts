/**
 * The search for free agents: warm ones first, then those on the wanted hosts, then the best by
 * the ready index. It reads the state and changes nothing.
 */

import type { Score } from './outcome.ts';
import { mismatch, type Profile, READY, type Requirement } from './profiles.ts';
import { NONE } from './rows.ts';
import { scoreOf } from './score.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';

/** What is looked for, and for whom. */
export interface Wish {
  readonly requirement: Requirement;
  /** NONE for a tenant that the pool has never served. */
  readonly tenant: number;
  readonly count: number;
  /** Hosts to prefer. */
  readonly hosts: ReadonlySet<number>;
  /** Profiles that a waiting group of higher rank is collecting. */
  readonly withheld: ReadonlySet<Profile> | null;
  /** Agents that must not get it. */
  readonly avoid?: ReadonlySet<number>;
}

export const NO_HOSTS: ReadonlySet<number> = new Set();

export type How = 'affinity' | 'near' | 'score' | 'pack';

export interface Find {
  readonly agent: number;
  readonly how: How;
  readonly warm: boolean;
}

/** Up to `count` different free agents, the best first. */
export function findAgents(state: PoolState, wish: Wish, now: number): Find[] {
  const found: Find[] = [];
  const { requirement, tenant, count, withheld, avoid } = wish;

  if (tenant !== NONE) {
    for (let nth = 0; nth < state.tenants.affinitySize && found.length < count; nth++) {
      const agent = state.tenants.warmAgent(tenant, nth);
      if (agent === NONE || avoid?.has(agent) || !isFree(state, agent, wish)) continue;
      if (!serves(state, agent, tenant)) found.push({ agent, how: 'affinity', warm: true });
    }
  }
  if (found.length === count) return found;
  const taken = (agent: number) =>
    avoid?.has(agent) === true ||
    found.some((find) => find.agent === agent) ||
    serves(state, agent, tenant);
  if (state.membersOnly) {
    addBest(state, found, wish, now, state.memberships.agentsOf(tenant), taken);
    return found;
  }
  for (const host of wish.hosts) {
    if (found.length >= count) break;
    addBest(state, found, wish, now, state.hosts.agents(host), taken);
  }
  const how = state.options.selection;
  // Most requests want one agent, of a kind that serves one tenant: nobody has to be passed over.
  const skip = count === 1 && avoid === undefined && !requirement.multi ? null : taken;
  while (found.length < count) {
    const agent = state.ready.best(requirement, now, withheld, skip);
    if (agent === NONE) break;
    found.push({ agent, how, warm: false });
  }
  return found;
}

/** The agent has a free slot, is fit for work, meets the requirement and is nobody else's turn. */
function isFree(state: PoolState, agent: number, wish: Wish): boolean {
  const { agents, memberships } = state;
  if (agents.availability(agent) !== READY) return false;
  const profile = agents.profile(agent);
  if (mismatch(profile, wish.requirement) !== null) return false;
  if (wish.withheld?.has(profile)) return false;
  return !state.membersOnly || memberships.has(agent, wish.tenant);
}

/** An agent never serves a tenant twice. */
export function serves(state: PoolState, agent: number, tenant: number): boolean {
  if (tenant === NONE || state.agents.used(agent) === 0) return false;
  const { leases } = state;
  for (let row = state.agents.leaseHead(agent); row !== NONE; row = leases.nextOfAgent(row)) {
    if (leases.tenant(row) === tenant) return true;
  }
  return false;
}

export function agentScore(state: PoolState, agent: number, now: number): Score {
  const { agents } = state;
  return scoreOf(
    agents.health(agent),
    agents.profile(agent).tier,
    now - agents.lastUsedAt(agent),
    agents.leases24h(agent, now),
  );
}

/**
 * Profiles that the ticket must leave alone: the first group of each lane collects agents until it
 * has all it needs. What it could use is withheld from everyone it outranks; since ranks are a
 * total order, one group always goes forward, and two never wait for each other.
 */
export function withheldFrom(
  state: PoolState,
  outranks: (group: Ticket) => boolean,
): ReadonlySet<Profile> | null {
  const { queue, profiles } = state;
  if (queue.groups === 0) return null;
  const withheld = new Set<Profile>();
  for (const lane of queue.lanes.values()) {
    const group = queue.firstGroup(lane);
    if (group === null || !outranks(group)) continue;
    for (const profile of profiles.refreshed(lane.requirement).profiles) withheld.add(profile);
  }
  return withheld;
}

function addBest(
  state: PoolState,
  found: Find[],
  wish: Wish,
  now: number,
  candidates: Iterable<number>,
  taken: (agent: number) => boolean,
): void {
  const how = state.options.selection;
  const free: { agent: number; near: boolean; host: number; points: number }[] = [];
  const packing = state.options.selection === 'pack';
  for (const agent of candidates) {
    if (!isFree(state, agent, wish) || taken(agent)) continue;
    const host = state.agents.host(agent);
    const { total } = agentScore(state, agent, now);
    free.push({ agent, near: wish.hosts.has(host), host, points: total });
  }
  const { agents, hosts } = state;
  free.sort((a, b) => {
    if (a.near !== b.near) return a.near ? -1 : 1;
    if (packing && a.host !== b.host) return hosts.before(a.host, b.host) ? -1 : 1;
    if (a.points !== b.points) return b.points - a.points;
    return agents.useSequence(a.agent) - agents.useSequence(b.agent);
  });
  for (const { agent, near } of free) {
    if (found.length >= wish.count) return;
    found.push({ agent, how: near ? 'near' : how, warm: false });
  }
}
