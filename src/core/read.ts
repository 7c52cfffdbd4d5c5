/** Lists, pages and figures. */
import type { Context } from './context.ts';
import { RELEASED } from './leases.ts';
import type { AgentView, LeaseView, TicketView } from './outcome.ts';
import { DRAINING, LEASED, OFFLINE, READY, STARTING, UNHEALTHY } from './profiles.ts';
import type { AgentQuery, LeaseQuery, Page, PoolStats, TenantView } from './queries.ts';
import { NONE } from './rows.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';
import { agentView, leaseView, phaseOf } from './views.ts';
import { HEALTHS, type Health, LEASE_STATES, PHASES, PRIORITIES } from './words.ts';

/** A cursor is the row to go on from, so a page costs what it skips, not what came before. */
function paged<T>(
  rows: Iterable<number>,
  matches: (row: number) => boolean,
  view: (row: number) => T,
  limit: number,
): Page<T> {
  const items: T[] = [];
  for (const row of rows) {
    if (!matches(row)) continue;
    if (items.length === limit) return { items, nextCursor: String(row) };
    items.push(view(row));
  }
  return { items, nextCursor: null };
}

function* rowsFrom(cursor: string | undefined, end: number): IterableIterator<number> {
  for (let row = cursor === undefined ? 0 : Number(cursor); row < end; row++) yield row;
}

/** Ended leases are listed only where asked for by state. */
export function pageOfLeases(state: PoolState, query: LeaseQuery): Page<LeaseView> {
  const { leases, tenants, agents } = state;
  const stateIndex = query.state === undefined ? NONE : LEASE_STATES.indexOf(query.state);
  const ofEnded = stateIndex === RELEASED;
  const matches = (row: number): boolean => {
    const at = leases.state(row);
    if (stateIndex === NONE ? at === RELEASED : at !== stateIndex) return false;
    if (query.tenant !== undefined && leases.tenantName(row) !== query.tenant) return false;
    return query.agent === undefined || leases.agentName(row) === query.agent;
  };
  let rows: Iterable<number> = rowsFrom(query.cursor, leases.end);
  if (!ofEnded && (query.tenant !== undefined || query.agent !== undefined)) {
    const own: number[] = [];
    if (query.tenant !== undefined) {
      const tenant = tenants.find(query.tenant);
      let row = tenant === NONE ? NONE : tenants.leaseHead(tenant);
      for (; row !== NONE; row = leases.nextOfTenant(row)) own.push(row);
    } else {
      const agent = agents.names.find(query.agent as string);
      let row = agent === NONE ? NONE : agents.leaseHead(agent);
      for (; row !== NONE; row = leases.nextOfAgent(row)) own.push(row);
    }
    const from = query.cursor === undefined ? 0 : Number(query.cursor);
    rows = own.filter((row) => row >= from).sort((a, b) => a - b);
  }
  return paged(rows, matches, (row) => leaseView(state, row), query.limit);
}

export function pageOfAgents(state: PoolState, query: AgentQuery): Page<AgentView> {
  const { agents } = state;
  const matches = (agent: number): boolean => {
    if (!agents.names.has(agent)) return false;
    const profile = agents.profile(agent);
    if (query.specialization !== undefined && profile.specialization !== query.specialization) {
      return false;
    }
    if (query.tool !== undefined && !profile.tools.includes(query.tool)) return false;
    if (query.health !== undefined && HEALTHS[agents.health(agent)] !== query.health) return false;
    return query.phase === undefined || phaseOf(state, agent) === query.phase;
  };
  const rows = rowsFrom(query.cursor, agents.names.end);
  return paged(rows, matches, (agent) => agentView(state, agent), query.limit);
}

export function tenantView(
  state: PoolState,
  tenant: number,
  view: (ticket: Ticket) => TicketView,
): TenantView {
  const { agents, leases, memberships, queue, tenants } = state;
  const held: LeaseView[] = [];
  for (let row = tenants.leaseHead(tenant); row !== NONE; row = leases.nextOfTenant(row)) {
    held.push(leaseView(state, row));
  }
  const warmAgents: string[] = [];
  for (let nth = 0; nth < tenants.affinitySize; nth++) {
    const agent = tenants.warmAgent(tenant, nth);
    if (agent !== NONE) warmAgents.push(agents.names.name(agent));
  }
  return {
    tenant: tenants.names.name(tenant),
    leases: held.sort((a, b) => a.token - b.token),
    tickets: queue.ticketsOf(tenant).map(view),
    warmAgents,
    memberships: [...memberships.agentsOf(tenant)].map((agent) => agents.names.name(agent)).sort(),
    grantsByHour: tenants.grantsByHour(tenant),
  };
}

export function poolStats({ state, counters }: Context): PoolStats {
  const { agents, leases, profiles, queue, tenants } = state;
  const byPhase = zeros(PHASES);
  // A map: names are the users' and may be those of an object's own properties.
  const bySpecialization = new Map<string, SpecializationFigures>();
  for (const profile of profiles.all) {
    if (profile.agents === 0) continue;
    byPhase.offline += profile.counts[OFFLINE];
    byPhase.draining += profile.counts[DRAINING];
    byPhase.leased += profile.counts[LEASED];
    byPhase.starting += profile.counts[STARTING];
    const own = bySpecialization.get(profile.specialization) ?? {
      total: 0,
      slots: 0,
      usedSlots: 0,
      starting: 0,
      running: 0,
      draining: 0,
      lost: 0,
    };
    own.total += profile.agents;
    own.slots += profile.slots;
    own.usedSlots += profile.usedSlots;
    own.starting += profile.counts[STARTING];
    own.running += profile.counts[LEASED] + profile.counts[READY];
    own.draining += profile.counts[DRAINING];
    own.lost += profile.counts[OFFLINE] + profile.counts[UNHEALTHY];
    bySpecialization.set(profile.specialization, own);
  }
  byPhase.available =
    agents.size - byPhase.offline - byPhase.draining - byPhase.leased - byPhase.starting;
  const byPriority = zeros(PRIORITIES);
  let oldest = Number.POSITIVE_INFINITY;
  for (const lane of queue.lanes.values()) {
    for (const ticket of queue.inLane(lane)) {
      byPriority[PRIORITIES[ticket.priority]]++;
      oldest = Math.min(oldest, ticket.queuedAt);
    }
  }
  const byState = zeros(LEASE_STATES);
  leases.byState.forEach((count, index) => {
    byState[LEASE_STATES[index]] = count;
  });
  return {
    agents: {
      total: agents.size,
      byPhase,
      byHealth: countHealth(state),
      bySpecialization: Object.fromEntries(bySpecialization),
    },
    leases: { total: leases.live, byState, byPurpose: leases.purposes.counts() },
    queue: {
      length: queue.length,
      byPriority,
      oldestMs: queue.length === 0 ? 0 : Math.max(0, state.now - oldest),
    },
    tenants: tenants.size,
    slots: agents.slotsTotal,
    usedSlots: agents.usedTotal,
    utilization: state.utilization(),
    warmHitRatio: counters.granted === 0 ? 0 : counters.warm / counters.granted,
    counters: { ...counters },
  };
}

type Figures = PoolStats['agents']['bySpecialization'][string];
type SpecializationFigures = { -readonly [K in keyof Figures]: Figures[K] };

function countHealth({ agents }: PoolState): Record<Health, number> {
  const byHealth = zeros(HEALTHS);
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (agents.names.has(agent)) byHealth[HEALTHS[agents.health(agent)]]++;
  }
  return byHealth;
}

function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
