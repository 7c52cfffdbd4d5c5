/** Leases and tickets between the core's words and the wire's. */
import type { LeaseCommand } from '../core/command.ts';
import type {
  Explanation,
  Granted as GrantedOutcome,
  LeaseView,
  Queued as QueuedOutcome,
  TicketView,
} from '../core/outcome.ts';
import type { LeaseQuery as CoreLeaseQuery } from '../core/queries.ts';
import type {
  Explain,
  Granted,
  Lease,
  LeaseFilter,
  LeaseRequest,
  Queued,
  Ticket,
} from './lease-schemas.ts';
import { LIMITS } from './limits.ts';
import { toMs, toSec, toTime } from './time.ts';

export function leaseCommand(
  request: LeaseRequest,
  idempotency?: { readonly key: string; readonly fingerprint: string },
): LeaseCommand {
  const { lifetime_sec: lifetime, queue_timeout_sec: patience } = request;
  return {
    type: 'lease',
    tenant: request.tenant,
    tools: request.tools,
    purpose: request.purpose,
    priority: request.priority,
    specialization: request.specialization,
    minTier: request.min_tier,
    count: request.count,
    near: request.agents_near,
    maxCostPerHour: request.max_cost_per_hour,
    lifetimeMs: lifetime === undefined ? undefined : toMs(lifetime),
    queue: request.queue,
    queueTimeoutMs: patience === undefined ? undefined : toMs(patience),
    reuse: request.reuse,
    dryRun: request.dry_run,
    explain: request.explain,
    metadata: request.metadata,
    idempotencyKey: idempotency?.key,
    fingerprint: idempotency?.fingerprint,
  };
}

export function leaseToJson(lease: LeaseView): Lease {
  const json: Lease = {
    lease_id: lease.leaseId,
    tenant: lease.tenant,
    agent_id: lease.agentId,
    purpose: lease.purpose,
    tools: [...lease.tools],
    state: lease.state,
    token: lease.token,
    warm: lease.warm,
    allocated_at: toTime(lease.allocatedAt),
    last_activity_at: toTime(lease.lastActivityAt),
    idle_timeout_sec: toSec(lease.idleTimeoutMs),
    expires_at: toTime(lease.expiresAt),
    metadata: lease.metadata,
  };
  if (lease.endpoint !== undefined) json.endpoint = lease.endpoint;
  if (lease.reason !== undefined) json.reason = lease.reason;
  if (lease.releasedAt !== undefined) json.released_at = toTime(lease.releasedAt);
  return json;
}

export function ticketToJson(ticket: TicketView): Ticket {
  const json: Ticket = {
    ticket_id: ticket.ticketId,
    tenant: ticket.tenant,
    state: ticket.state,
    position: ticket.position,
    eta_sec: toSec(ticket.etaMs),
    queued_at: toTime(ticket.queuedAt),
    expires_at: toTime(ticket.expiresAt),
    priority: ticket.priority,
    purpose: ticket.purpose,
    count: ticket.count,
  };
  if (ticket.state === 'granted') json.leases = ticket.leases.map(leaseToJson);
  return json;
}

export function explainToJson(explain: Explanation): Explain {
  const { considered, eligible, chosen, score, rejected } = explain;
  return { considered, eligible, chosen, score: score && { ...score }, rejected: { ...rejected } };
}

export function grantedToJson(granted: GrantedOutcome): Granted {
  const json: Granted = {
    outcome: 'granted',
    leases: granted.leases.map(leaseToJson),
    reused: granted.reused,
    warm: granted.warm,
  };
  if (granted.explain) json.explain = explainToJson(granted.explain);
  return json;
}

export function queuedToJson(queued: QueuedOutcome): Queued {
  const json: Queued = { outcome: 'queued', ticket: ticketToJson(queued.ticket) };
  if (queued.explain) json.explain = explainToJson(queued.explain);
  return json;
}

/** A request whose ticket was granted while it waited is answered as if it had been at once. */
export function grantedTicketToJson(ticket: TicketView, explain?: Explanation): Granted {
  const json: Granted = {
    outcome: 'granted',
    leases: ticket.leases.map(leaseToJson),
    reused: false,
    warm: ticket.leases.every((lease) => lease.warm),
  };
  if (explain) json.explain = explainToJson(explain);
  return json;
}

export function leaseQuery(filter: LeaseFilter): CoreLeaseQuery {
  return {
    tenant: filter.tenant,
    agent: filter.agent_id,
    state: filter.state,
    limit: filter.limit ?? LIMITS.pageItemsDefault,
    cursor: filter.cursor,
  };
}
