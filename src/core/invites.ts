/**
 * Which agents a tenant should invite. A request is served at once only if a member of the tenant
 * is free, so agents come first whose other tenants ask at other hours than this one.
 *
 * The work is bounded. The table is walked from a place that the tenant's name gives, so that
 * tenants are offered different agents even where nothing tells these apart, and the best of the
 * first INVITES_WEIGHED that could be invited is near the best of all (Mitzenmacher, The power of
 * two choices in randomized load balancing, 2001).
 */
import {
  INVITE_TENANTS_WEIGHED,
  INVITES_LOOKED_AT,
  INVITES_OFFERED,
  INVITES_WEIGHED,
  UNVERIFIED_MAX_TENANTS,
} from './limits.ts';
import { hashOf } from './names.ts';
import { DRAINING, OFFLINE, type Requirement, UNHEALTHY } from './profiles.ts';
import { NONE } from './rows.ts';
import type { PoolState } from './state.ts';
import type { Labels } from './words.ts';

interface Candidate {
  readonly agent: number;
  /** It could not serve now even if it were free. */
  readonly isUnfit: boolean;
  /** How much its tenants ask at the hours of this one, for each slot. */
  readonly shared: number;
  readonly tenants: number;
}

/** A tenant of which nothing is known may ask at any hour. */
const ANY_HOUR: readonly number[] = new Array<number>(24).fill(1);

/**
 * At most INVITES_OFFERED agents that meet the requirement, the best first. `tenant` is the row of
 * the tenant called `name`, or NONE.
 */
export function invitable(
  state: PoolState,
  requirement: Requirement,
  name: string,
  tenant: number,
): number[] {
  const hours = tenant === NONE ? ANY_HOUR : state.tenants.grantsByHour(tenant);
  const asks = hours.some((grants) => grants > 0) ? hours : ANY_HOUR;
  const weights = Int32Array.from(asks);
  const found = candidates(state, requirement, name, tenant).map((agent) =>
    weighed(state, agent, weights),
  );
  // Sorting is stable: agents that are equal stay in the order in which they were found.
  found.sort(
    (a, b) => Number(a.isUnfit) - Number(b.isUnfit) || a.shared - b.shared || a.tenants - b.tenants,
  );
  return found.slice(0, INVITES_OFFERED).map(({ agent }) => agent);
}

function candidates(
  { agents, memberships }: PoolState,
  requirement: Requirement,
  name: string,
  tenant: number,
): number[] {
  const fitting = new Set(requirement.profiles);
  const rows = agents.names.end;
  const start = (hashOf(name) >>> 0) % rows;
  const found: number[] = [];
  let looked = 0;
  for (let step = 0; step < rows; step++) {
    const agent = start + step < rows ? start + step : start + step - rows;
    if (!agents.names.has(agent) || !fitting.has(agents.profile(agent))) continue;
    if (agents.isRetiring(agent)) continue;
    looked++;
    const isFull = memberships.tenantsOf(agent).size >= maxTenants(agents.labels[agent]);
    if (!isFull && !memberships.has(agent, tenant)) found.push(agent);
    if (found.length === INVITES_WEIGHED || looked === INVITES_LOOKED_AT) break;
  }
  return found;
}

function weighed(
  { agents, memberships, tenants }: PoolState,
  agent: number,
  weights: Int32Array,
): Candidate {
  const others = memberships.tenantsOf(agent);
  let shared = 0;
  let seen = 0;
  for (const other of others) {
    if (seen++ === INVITE_TENANTS_WEIGHED) break;
    shared += tenants.weightedGrants(other, weights);
  }
  const availability = agents.availability(agent);
  return {
    agent,
    isUnfit: availability === OFFLINE || availability === DRAINING || availability === UNHEALTHY,
    shared: shared / agents.slots(agent),
    tenants: others.size,
  };
}

/**
 * How many tenants an agent may have, by its labels: `max_tenants` if it is a whole number, else
 * no limit for an agent whose label `verified` is "true", else Discord's limit for the others.
 */
export function maxTenants(
  { max_tenants: stated, verified }: Labels,
  unverified: number = UNVERIFIED_MAX_TENANTS,
): number {
  if (stated !== undefined && /^\d{1,9}$/.test(stated)) return Number(stated);
  return verified === 'true' ? Number.POSITIVE_INFINITY : unverified;
}
