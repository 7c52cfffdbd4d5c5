/** What the naive pool shows: see naive-model.ts. Estimates of waiting times are left out. */
import type * as O from '../../src/core/outcome.ts';
import type { PoolStats, SpecializationDemand, TenantView } from '../../src/core/queries.ts';
import {
  HEALTHS,
  LEASE_STATES,
  PHASES,
  type Phase,
  PRIORITIES,
  type Rejection,
} from '../../src/core/words.ts';
import type { NaiveRules } from './naive-model.ts';
import type { Agent, Lease, Ticket, Wish } from './naive-types.ts';

export function leaseView(pool: NaiveRules, lease: Lease): O.LeaseView {
  const ended = lease.state === 'released';
  const { endpoint } = lease.agent.labels;
  return {
    leaseId: lease.id,
    tenant: lease.tenant,
    agentId: lease.agent.agentId,
    purpose: lease.purpose,
    tools: lease.demand.tools ?? [],
    state: lease.state,
    token: lease.token,
    warm: lease.warm,
    allocatedAt: lease.allocatedAt,
    lastActivityAt: lease.activityAt,
    idleTimeoutMs: lease.idleTimeoutMs,
    expiresAt: ended ? lease.endedAt : pool.deadline(lease),
    metadata: lease.metadata,
    endpoint: ended ? undefined : endpoint,
    reason: lease.reason,
    releasedAt: ended ? lease.endedAt : undefined,
  };
}

export function ticketView(pool: NaiveRules, ticket: Ticket): O.TicketView {
  const lane = pool.waiting.filter((other) => other.lane === ticket.lane);
  return {
    ticketId: `tkt-${ticket.number}`,
    tenant: ticket.tenant,
    state: ticket.state,
    position: lane.indexOf(ticket) + 1,
    etaMs: 0,
    queuedAt: ticket.queuedAt,
    expiresAt: ticket.expiresAt,
    priority: PRIORITIES[ticket.priority],
    purpose: ticket.purpose,
    count: ticket.count,
    leases: ticket.leases.map((lease) => leaseView(pool, lease)),
  };
}

function phase(pool: NaiveRules, agent: Agent): Phase {
  if (agent.gone) return 'retired';
  if (agent.offline) return 'offline';
  if (agent.draining) return 'draining';
  return pool.leasesOf(agent).length >= agent.slots ? 'leased' : 'available';
}

export function agentView(pool: NaiveRules, agent: Agent): O.AgentView {
  const leases = pool.leasesOf(agent).sort((a, b) => b.token - a.token);
  return {
    agentId: agent.agentId,
    specialization: agent.specialization,
    tools: [...agent.tools].sort(),
    tier: agent.tier,
    slots: agent.slots,
    usedSlots: leases.length,
    costPerHour: agent.costPerHour,
    labels: agent.labels,
    protected: agent.protected,
    phase: phase(pool, agent),
    health: agent.health,
    load: agent.gone ? 0 : (agent.reported ?? leases.length / agent.slots),
    hasCredential: agent.credential !== undefined,
    registeredAt: agent.registeredAt,
    lastUsedAt: agent.lastUsedAt,
    lastHeartbeatAt: agent.heartbeatAt,
    leases24h: pool.leases24h(agent),
    leases: leases.map(({ id }) => id),
    memberships: agent.members,
  };
}

export function tenantView(pool: NaiveRules, tenant: string): TenantView | null {
  const known = pool.tenants.get(tenant);
  if (known === undefined) return null;
  const tickets = pool.waiting
    .filter((ticket) => ticket.tenant === tenant)
    .sort((a, b) => a.number - b.number);
  const leases = pool.held(tenant).sort((a, b) => a.token - b.token);
  return {
    tenant,
    leases: leases.map((lease) => leaseView(pool, lease)),
    tickets: tickets.map((ticket) => ticketView(pool, ticket)),
    warmAgents: pool.warmAgents(tenant).map(({ agentId }) => agentId),
    memberships: pool.agents
      .filter((agent) => agent.members.includes(tenant))
      .map(({ agentId }) => agentId)
      .sort(),
    grantsByHour: known.hours,
  };
}

/** Only agents that are left over by no rule are eligible; each other one has exactly one reason. */
export function explain(pool: NaiveRules, wish: Wish, chosen: Agent | undefined): O.Explanation {
  const rejected: Partial<Record<Rejection, number>> = {};
  const open = pool.options.membership === 'ignored';
  let eligible = 0;
  for (const agent of pool.agents) {
    const outsider = pool.isMember(agent, wish.tenant) ? null : 'NOT_INSTALLED';
    const group = wish.withheld(agent) ? 'WITHHELD_FOR_GROUP' : null;
    const serves = pool.serves(agent, wish.tenant) ? 'SERVES_TENANT' : null;
    const taken = open ? (group ?? serves) : (serves ?? group);
    const why = pool.mismatch(agent, wish.demand) ?? outsider ?? pool.busy(agent) ?? taken;
    if (why === null) eligible++;
    else rejected[why] = (rejected[why] ?? 0) + 1;
  }
  return {
    considered: pool.agents.length,
    eligible,
    chosen: chosen?.agentId ?? null,
    score: chosen === undefined ? null : pool.score(chosen),
    rejected,
  };
}

function count<K extends string>(keys: readonly K[], values: readonly K[]): Record<K, number> {
  const zeros = Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
  for (const value of values) zeros[value]++;
  return zeros;
}

const STANDINGS = ['starting', 'running', 'draining', 'lost'] as const;

function standingOf(pool: NaiveRules, agent: Agent): (typeof STANDINGS)[number] {
  const own = phase(pool, agent);
  if (own === 'starting' || own === 'draining') return own;
  return own === 'offline' || agent.health === 'unhealthy' ? 'lost' : 'running';
}

/** Agents of a specialization, the requests that it could serve, and what these ask for. */
export function demand(pool: NaiveRules): SpecializationDemand[] {
  const { agents, waiting } = pool;
  const named = waiting.flatMap(({ demand: { specialization } }) => specialization ?? []);
  const kinds = new Set([...agents.map(({ specialization }) => specialization), ...named]);
  return [...kinds].map((name) => {
    const own = agents.filter(({ specialization }) => specialization === name);
    const asking = waiting.filter(({ demand: asked }) =>
      asked.specialization === undefined
        ? own.some((agent) => pool.mismatch(agent, asked) === null)
        : asked.specialization === name,
    );
    return {
      name,
      agents: own.length,
      slots: own.reduce((sum, agent) => sum + agent.slots, 0),
      usedSlots: own.reduce((sum, agent) => sum + pool.leasesOf(agent).length, 0),
      requests: asking.length,
      wanted: asking.reduce((sum, { count: asked }) => sum + asked, 0),
    };
  });
}

export function stats(pool: NaiveRules): PoolStats {
  const { agents, live, waiting, counters } = pool;
  const slots = agents.reduce((sum, agent) => sum + agent.slots, 0);
  const kinds = [...new Set(agents.map(({ specialization }) => specialization))];
  const purposes = [...new Set(live.map(({ purpose }) => purpose))];
  return {
    agents: {
      total: agents.length,
      byPhase: count(
        PHASES,
        agents.map((agent) => phase(pool, agent)),
      ),
      byHealth: count(
        HEALTHS,
        agents.map(({ health }) => health),
      ),
      bySpecialization: Object.fromEntries(
        kinds.map((kind) => {
          const own = agents.filter(({ specialization }) => specialization === kind);
          const used = own.reduce((sum, agent) => sum + pool.leasesOf(agent).length, 0);
          const ownSlots = own.reduce((sum, agent) => sum + agent.slots, 0);
          const standing = own.map((agent) => standingOf(pool, agent));
          const counts = count(STANDINGS, standing);
          return [kind, { total: own.length, slots: ownSlots, usedSlots: used, ...counts }];
        }),
      ),
    },
    leases: {
      total: live.length,
      byState: count(
        LEASE_STATES,
        live.map(({ state }) => state),
      ),
      byPurpose: count(
        purposes,
        live.map(({ purpose }) => purpose),
      ),
    },
    queue: {
      length: waiting.length,
      byPriority: count(
        PRIORITIES,
        waiting.map(({ priority }) => PRIORITIES[priority]),
      ),
      oldestMs: Math.max(0, ...waiting.map(({ queuedAt }) => pool.now - queuedAt)),
    },
    tenants: pool.tenants.size,
    slots,
    usedSlots: live.length,
    utilization: slots === 0 ? 0 : live.length / slots,
    warmHitRatio: counters.granted === 0 ? 0 : counters.warm / counters.granted,
    counters,
  };
}
