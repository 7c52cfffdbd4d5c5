/** Carries a grant out, once it is clear which agents the tenant gets. */
import type { LeaseCommand } from './command.ts';
import type { Context } from './context.ts';
import { explain } from './explain.ts';
import type { NewLease } from './leases.ts';
import type { Explanation, Granted, LeaseView } from './outcome.ts';
import { LEASED, mismatch, READY, type Requirement } from './profiles.ts';
import { NONE } from './rows.ts';
import { type Find, NO_HOSTS, type Wish } from './search.ts';
import { leaseView } from './views.ts';
import { DEFAULT_PURPOSE } from './words.ts';

type Given = Pick<Find, 'agent' | 'warm'>;

/** Grants what was found, and reclaims the victims for it. */
export function give(
  context: Context,
  command: LeaseCommand,
  { requirement, tenant }: Wish,
  priority: number,
  found: Find[],
  victims: readonly number[],
  explanation: Explanation | undefined,
  now: number,
): Granted {
  const { state } = context;
  const { leases, tenants } = state;
  const how = found.length > 0 ? found[0].how : 'reclaim';
  const given: Given[] = victims.length === 0 ? found : [...found];
  for (const row of victims) {
    const agent = leases.agent(row);
    // Asked before the first grant, which may push another binding of the tenant out.
    given.push({ agent, warm: tenant !== NONE && tenants.isWarm(tenant, agent) });
  }
  const dryRun = command.dryRun === true;
  if (!dryRun) for (const row of victims) context.end(row, 'reclaimed', now);

  const purpose = command.purpose ?? DEFAULT_PURPOSE;
  const { idleTimeoutMs } = leases.purposes.options(purpose);
  const endsAt =
    command.lifetimeMs === undefined ? Number.POSITIVE_INFINITY : now + command.lifetimeMs;
  const views: LeaseView[] = [];
  let allWarm = true;
  for (const { agent, warm } of given) {
    allWarm &&= warm;
    const lease: NewLease = {
      tenant: command.tenant,
      agent,
      token: context.nextToken(),
      purpose,
      priority,
      warm,
      idleTimeoutMs,
      endsAt,
      requirement,
      metadata: command.metadata,
    };
    views.push(
      dryRun
        ? preview(context, lease, now)
        : leaseView(state, context.grant(lease, tenant, null, now)),
    );
  }
  return granted(views, false, allWarm, how, dryRun, explanation);
}

function granted(
  leases: readonly LeaseView[],
  reused: boolean,
  warm: boolean,
  how: Granted['how'],
  dryRun: boolean,
  explanation: Explanation | undefined,
): Granted {
  const outcome: Granted = { outcome: 'granted', leases, reused, warm, how, dryRun };
  return explanation === undefined ? outcome : { ...outcome, explain: explanation };
}

/** A lease as it would be; it has no id and no token. */
function preview({ state }: Context, lease: NewLease, now: number): LeaseView {
  const endpoint = state.agents.endpoint(lease.agent);
  return {
    leaseId: '',
    tenant: lease.tenant,
    agentId: state.agents.names.name(lease.agent),
    purpose: lease.purpose,
    tools: lease.requirement.tools,
    state: 'allocated',
    token: 0,
    warm: lease.warm,
    allocatedAt: now,
    lastActivityAt: now,
    idleTimeoutMs: lease.idleTimeoutMs,
    expiresAt: Math.min(now + lease.idleTimeoutMs, lease.endsAt),
    metadata: lease.metadata ?? {},
    ...(endpoint !== undefined && { endpoint }),
  };
}

/** The tenant's own leases that would do, the most recently active first, if there are enough. */
export function reusable(
  { state }: Context,
  command: LeaseCommand,
  requirement: Requirement,
  tenant: number,
  count: number,
): number[] | null {
  const { agents, leases, tenants } = state;
  const purpose = command.purpose ?? DEFAULT_PURPOSE;
  const rows: number[] = [];
  for (let row = tenants.leaseHead(tenant); row !== NONE; row = leases.nextOfTenant(row)) {
    const agent = leases.agent(row);
    const availability = agents.availability(agent);
    if (availability !== READY && availability !== LEASED) continue;
    if (leases.purpose(row) !== purpose) continue;
    if (mismatch(agents.profile(agent), requirement) === null) rows.push(row);
  }
  if (rows.length < count) return null;
  rows.sort((a, b) => leases.activitySequence(b) - leases.activitySequence(a));
  return rows.slice(0, count);
}

export function reuse(
  context: Context,
  command: LeaseCommand,
  requirement: Requirement,
  rows: readonly number[],
  now: number,
): Granted {
  const { state, facts, counters } = context;
  const { leases } = state;
  const dryRun = command.dryRun === true;
  let explanation: Explanation | undefined;
  if (command.explain === true) {
    const tenant = leases.tenant(rows[0]);
    const wish = { requirement, tenant, count: rows.length, hosts: NO_HOSTS, withheld: null };
    explanation = explain(state, wish, leases.agent(rows[0]), now);
  }
  if (!dryRun) {
    counters.reused++;
    // Asking for it is a sign of life: it must not time out under the tenant's hands.
    for (const row of rows) facts.leaseReported(row, leases.state(row), now);
  }
  const views = rows.map((row) => leaseView(state, row));
  return granted(views, true, true, 'reused', dryRun, explanation);
}
