/** The pool's figures and tenants as the wire shows them. */
import type { PoolStats, TenantView } from '../core/queries.ts';
import { leaseToJson, ticketToJson } from './lease-json.ts';
import type { Stats, Tenant } from './pool-schemas.ts';
import { toSec } from './time.ts';

export interface ServiceFigures {
  readonly version: string;
  readonly uptimeMs: number;
}

export function statsToJson(stats: PoolStats, service: ServiceFigures): Stats {
  const { agents, leases, queue, counters } = stats;
  return {
    version: service.version,
    uptime_sec: toSec(service.uptimeMs),
    agents: {
      total: agents.total,
      by_phase: { ...agents.byPhase },
      by_health: { ...agents.byHealth },
      by_specialization: Object.fromEntries(
        Object.entries(agents.bySpecialization).map(([name, { total, slots, usedSlots }]) => [
          name,
          { total, slots, used_slots: usedSlots },
        ]),
      ),
    },
    leases: {
      total: leases.total,
      by_state: { ...leases.byState },
      by_purpose: { ...leases.byPurpose },
    },
    queue: {
      length: queue.length,
      by_priority: { ...queue.byPriority },
      oldest_sec: toSec(queue.oldestMs),
    },
    tenants: stats.tenants,
    slots: stats.slots,
    used_slots: stats.usedSlots,
    utilization: stats.utilization,
    warm_hit_ratio: stats.warmHitRatio,
    counters: {
      requests: counters.requests,
      granted: counters.granted,
      reused: counters.reused,
      warm: counters.warm,
      reclaimed: counters.reclaimed,
      queued: counters.queued,
      refused: counters.refused,
      expired_tickets: counters.expiredTickets,
      moved: counters.moved,
    },
  };
}

const HOURS = 24;

/** A tenant that the pool knows nothing of has nothing: that is an answer, not an error. */
export function tenantToJson(id: string, tenant: TenantView | null): Tenant {
  return {
    tenant: id,
    leases: tenant?.leases.map(leaseToJson) ?? [],
    tickets: tenant?.tickets.map(ticketToJson) ?? [],
    warm_agents: [...(tenant?.warmAgents ?? [])],
    memberships: [...(tenant?.memberships ?? [])],
    usage: { grants_by_hour: tenant ? [...tenant.grantsByHour] : new Array<number>(HOURS).fill(0) },
  };
}
