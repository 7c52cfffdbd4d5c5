/**
 * Who gets which agent. The order is: what the tenant has, else an agent that is still warm for
 * it, else the best free one, else one that idles elsewhere, else the queue.
 *
 * Everything is looked up first and carried out last, in one go: a request that cannot have all
 * it wants changes nothing.
 */
import type { LeaseCommand } from './command.ts';
import { type Context, plural, refuse } from './context.ts';
import { explain } from './explain.ts';
import type { NewLease } from './leases.ts';
import { INVITES_OFFERED } from './limits.ts';
import type { Explanation, Granted, LeaseView, Queued, Refusal } from './outcome.ts';
import {
  DRAINING,
  mismatch,
  OFFLINE,
  type Profile,
  type Requirement,
  UNHEALTHY,
} from './profiles.ts';
import type { Place } from './queue.ts';
import { findReclaimable } from './reclaim.ts';
import { NONE } from './rows.ts';
import { type Find, findAgents, type Wish, withheldFrom } from './search.ts';
import { rankOf, type Ticket } from './tickets.ts';
import { leaseView, ticketView } from './views.ts';
import { PRIORITIES } from './words.ts';

const DEFAULT_PURPOSE = 'general';
const NO_HOSTS: ReadonlySet<number> = new Set();

export function lease(
  context: Context,
  command: LeaseCommand,
  now: number,
): Granted | Queued | Refusal {
  const { state, facts, counters } = context;
  counters.requests++;
  const { idempotencyKey: key, fingerprint = '' } = command;
  if (key !== undefined) {
    const answer = state.answers.find(key, now);
    if (answer !== undefined) {
      if (answer.fingerprint === fingerprint) return { ...answer.outcome, repeated: true };
      return refuse(
        'IDEMPOTENCY_MISMATCH',
        'This Idempotency-Key was used for a different request within the last 24 hours. ' +
          'Use a new key for a new request.',
      );
    }
  }
  const outcome = decide(context, command, now);
  if (outcome.outcome === 'refused') counters.refused++;
  else if (key !== undefined && !outcome.dryRun) {
    facts.answerKept(key, fingerprint, outcome, now);
  }
  return outcome;
}

function decide(context: Context, command: LeaseCommand, now: number): Granted | Queued | Refusal {
  const { state } = context;
  const requirement = state.profiles.requirement(command);
  state.tenants.warmUp(command.tenant);
  state.leases.warmUpNext();
  state.ready.warmUp(requirement);
  const hosts = command.near === undefined ? NO_HOSTS : hostsOf(context, command.near);
  if (hosts instanceof Map) return unknownLeases(hosts);
  const count = command.count ?? 1;
  const tenant = state.tenants.find(command.tenant);
  const priority = command.priority === undefined ? 1 : PRIORITIES.indexOf(command.priority);

  if (command.reuse !== false && tenant !== NONE) {
    const own = reusable(context, command, requirement, tenant, count);
    if (own !== null) return reuse(context, command, requirement, own, now);
  }
  const refusal =
    lacksCapability(context, requirement, count) ??
    exceedsLimit(context, tenant, count) ??
    notInstalled(context, requirement, tenant, count);
  if (refusal !== null) return refusal;

  const wish: Wish = {
    requirement,
    tenant,
    count,
    hosts,
    withheld:
      state.queue.groups === 0 ? null : withheldNow(context, command, tenant, priority, now),
  };
  const found = findAgents(state, wish, now);
  const missing = count - found.length;
  let victims = missing > 0 ? findReclaimable(state, wish, found, priority, missing, now) : NOBODY;
  if (victims.length > 0 && othersFirst(context, command, wish, priority, now)) {
    // Those who wait are served with it at the end of this command.
    victims = NOBODY;
    if (command.dryRun !== true) state.reclaimAt = now;
  }
  const first = found[0]?.agent ?? (victims.length > 0 ? state.leases.agent(victims[0]) : NONE);
  const enough = found.length + victims.length >= count;
  const explanation =
    command.explain === true ? explain(state, wish, enough ? first : NONE, now) : undefined;

  if (!enough) return wait(context, command, requirement, priority, explanation, now);
  return grant(context, command, wish, priority, found, victims, explanation, now);
}

const NOBODY: readonly number[] = [];

function grant(
  context: Context,
  command: LeaseCommand,
  { requirement, tenant }: Wish,
  priority: number,
  found: readonly Find[],
  victims: readonly number[],
  explanation: Explanation | undefined,
  now: number,
): Granted {
  const { state } = context;
  const { leases, tenants } = state;
  const how = found.length > 0 ? found[0].how : 'reclaim';
  const agents: number[] = [];
  for (const find of found) agents.push(find.agent);
  for (const row of victims) agents.push(leases.agent(row));
  if (command.dryRun !== true) for (const row of victims) context.end(row, 'reclaimed', now);

  const purpose = command.purpose ?? DEFAULT_PURPOSE;
  const { idleTimeoutMs } = leases.purposes.options(purpose);
  const endsAt =
    command.lifetimeMs === undefined ? Number.POSITIVE_INFINITY : now + command.lifetimeMs;
  const views: LeaseView[] = [];
  // Asked before the first grant, which may push another binding of the tenant out.
  const warmth = agents.map((agent) => tenant !== NONE && tenants.isWarm(tenant, agent));
  for (let i = 0; i < agents.length; i++) {
    const agent = agents[i];
    const warm = warmth[i];
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
      command.dryRun === true
        ? preview(context, lease, now)
        : leaseView(state, context.grant(lease, tenant, null, now)),
    );
  }
  return granted(views, false, !warmth.includes(false), how, command.dryRun === true, explanation);
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
function reusable(
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
    if (availability === OFFLINE || availability === DRAINING || availability === UNHEALTHY) {
      continue;
    }
    if (leases.purpose(row) !== purpose) continue;
    if (mismatch(agents.profile(agent), requirement) === null) rows.push(row);
  }
  if (rows.length < count) return null;
  rows.sort((a, b) => leases.activitySequence(b) - leases.activitySequence(a));
  return rows.slice(0, count);
}

function reuse(
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

function lacksCapability(
  { state }: Context,
  requirement: Requirement,
  count: number,
): Refusal | null {
  const able = requirement.profiles.reduce((sum, profile) => sum + profile.agents, 0);
  if (able >= count) return null;
  const wanted = describe(requirement);
  if (able > 0) {
    return refuse(
      'NO_SUCH_CAPABILITY',
      `${count} agents at once were asked for, but only ${plural(able, 'agent')}${wanted} ` +
        `${able === 1 ? 'is' : 'are'} registered.`,
    );
  }
  return refuse(
    'NO_SUCH_CAPABILITY',
    state.agents.size === 0
      ? 'No agents are registered yet. Register some, for example with `remuda agents import`.'
      : `No registered agent could ever serve this: there is none${wanted}.`,
  );
}

function describe(requirement: Requirement): string {
  const { specialization, minTier, maxCostPerHour } = requirement.demand;
  const parts: string[] = [];
  if (specialization !== undefined) parts.push(`specialization "${specialization}"`);
  if (requirement.tools.length > 0) {
    parts.push(`${requirement.tools.length === 1 ? 'tool' : 'tools'} ${list(requirement.tools)}`);
  }
  if (minTier !== undefined) parts.push(`tier ${minTier} or better`);
  if (maxCostPerHour !== undefined) parts.push(`a cost of at most ${maxCostPerHour} an hour`);
  return parts.length === 0 ? '' : ` with ${parts.join(', ')}`;
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

/** What is queued counts too: a ticket must be able to be granted when its turn comes. */
function exceedsLimit({ state }: Context, tenant: number, count: number): Refusal | null {
  const limit = state.options.maxAgentsPerTenant;
  const held = tenant === NONE ? 0 : state.tenants.held(tenant);
  const wanted = tenant === NONE ? 0 : state.tenants.wanted(tenant);
  if (held + wanted + count <= limit) return null;
  const waiting = wanted === 0 ? '' : ` and waits for ${wanted} more`;
  return refuse(
    'TENANT_AT_LIMIT',
    `The tenant holds ${plural(held, 'agent')}${waiting}; with ${count} more it would exceed ` +
      `its limit of ${limit} (pool.max_agents_per_tenant). Release a lease first.`,
  );
}

function notInstalled(
  { state }: Context,
  requirement: Requirement,
  tenant: number,
  count: number,
): Refusal | null {
  if (!state.membersOnly) return null;
  const { agents, memberships } = state;
  let members = 0;
  for (const agent of memberships.agentsOf(tenant)) {
    if (mismatch(agents.profile(agent), requirement) === null) members++;
  }
  if (members >= count) return null;
  const invites = invitable(state, requirement, tenant).map((agent) => ({
    agentId: agents.names.name(agent),
    inviteUrl: agents.labels[agent].invite_url ?? null,
  }));
  return refuse(
    'AGENT_NOT_INSTALLED',
    `${plural(members, 'agent')} that could serve this ${members === 1 ? 'is a member' : 'are members'} ` +
      `of the tenant, ${count} ${count === 1 ? 'is' : 'are'} needed. Invite one of those listed.`,
    { invites },
  );
}

/** Agents that the tenant could invite: those with the fewest memberships first. */
function invitable(state: Context['state'], requirement: Requirement, tenant: number): number[] {
  const { agents, memberships } = state;
  const best: number[] = [];
  const before = (a: number, b: number) =>
    memberships.tenantsOf(a).size - memberships.tenantsOf(b).size || a - b;
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (!agents.names.has(agent) || memberships.has(agent, tenant)) continue;
    if (mismatch(agents.profile(agent), requirement) !== null) continue;
    if (agents.isRetiring(agent)) continue;
    best.push(agent);
    if (best.length > INVITES_OFFERED * 4) {
      best.sort(before);
      best.length = INVITES_OFFERED;
    }
  }
  return best.sort(before).slice(0, INVITES_OFFERED);
}

/** Somebody waits for the same agents who would be served before this request. */
function othersFirst(
  context: Context,
  command: LeaseCommand,
  { requirement, tenant }: Wish,
  priority: number,
  now: number,
): boolean {
  const { queue, profiles } = context.state;
  if (queue.length === 0) return false;
  const place = placeOf(context, command, tenant, priority, now);
  for (const lane of queue.lanes.values()) {
    if (!queue.before(queue.head(lane), place)) continue;
    for (const profile of profiles.refreshed(lane.requirement).profiles) {
      if (profile.agents > 0 && requirement.profiles.includes(profile)) return true;
    }
  }
  return false;
}

/** What groups that wait already keep from a request that comes now. */
function withheldNow(
  context: Context,
  command: LeaseCommand,
  tenant: number,
  priority: number,
  now: number,
): ReadonlySet<Profile> | null {
  const { state } = context;
  const place = placeOf(context, command, tenant, priority, now);
  return withheldFrom(state, (group) => state.queue.before(group, place));
}

/** Where the request would stand if it were queued now. */
function placeOf(
  context: Context,
  command: LeaseCommand,
  tenant: number,
  priority: number,
  now: number,
): Place {
  const rank = rankFor(context, command, priority, now);
  return { rank, tenant, number: context.state.tickets.lastNumber + 1 };
}

function rankFor({ state }: Context, command: LeaseCommand, priority: number, now: number): number {
  const { priorityWeight } = state.leases.purposes.options(command.purpose ?? DEFAULT_PURPOSE);
  return rankOf(priority, priorityWeight, now, state.options.queue.agingMs);
}

function wait(
  context: Context,
  command: LeaseCommand,
  requirement: Requirement,
  priority: number,
  explanation: Explanation | undefined,
  now: number,
): Queued | Refusal {
  const { state, facts, counters } = context;
  const { queue, options, tickets } = state;
  const more = explanation === undefined ? {} : { explain: explanation };
  const patience = command.queueTimeoutMs ?? options.queue.timeoutMs;
  const full = queue.length >= options.queue.maxLength;
  if (command.queue === false || full || patience === 0) {
    const retryAfterMs = Math.min(60_000, Math.max(1_000, etaOf(context, requirement, 1, 0, now)));
    const why = full
      ? `the queue is full (pool.queue.max_length ${options.queue.maxLength})`
      : 'the request asked not to be queued';
    return refuse(
      'AGENT_POOL_EXHAUSTED',
      `All agents${describe(requirement)} are busy, and ${why}. Try again later.`,
      { retryAfterMs, ...more },
    );
  }
  const draft: Omit<Ticket, 'row' | 'tenant'> = {
    number: tickets.lastNumber + 1,
    tenantName: command.tenant,
    requirement,
    purpose: command.purpose ?? DEFAULT_PURPOSE,
    priority,
    rank: rankFor(context, command, priority, now),
    count: command.count ?? 1,
    queuedAt: now,
    expiresAt: now + patience,
    lifetimeMs: command.lifetimeMs,
    near: command.near ?? [],
    metadata: command.metadata,
    state: 'queued',
    leases: [],
    claimed: false,
    endedAt: 0,
  };
  if (command.dryRun === true) {
    return { outcome: 'queued', ticket: previewTicket(context, draft, now), dryRun: true, ...more };
  }
  counters.queued++;
  const ticket = facts.ticketQueued(draft, now);
  const eta = etaOf(context, requirement, queue.position(ticket), patience, now);
  return { outcome: 'queued', ticket: ticketView(state, ticket, eta), dryRun: false, ...more };
}

/** How long `position` requests for this kind of agent will probably take. */
export function etaOf(
  { state, rate }: Context,
  requirement: Requirement,
  position: number,
  patienceMs: number,
  now: number,
): number {
  const slots = requirement.profiles.reduce((sum, profile) => sum + profile.slots, 0);
  const share = state.agents.slotsTotal === 0 ? 0 : slots / state.agents.slotsTotal;
  return rate.eta(position, share, patienceMs, now);
}

function previewTicket(
  context: Context,
  draft: Omit<Ticket, 'row' | 'tenant'>,
  now: number,
): Queued['ticket'] {
  const { queue, tenants } = context.state;
  const tenant = tenants.find(draft.tenantName);
  const position = queue.positionOf({ ...draft, tenant, row: NONE });
  return {
    ticketId: '',
    tenant: draft.tenantName,
    state: 'queued',
    position,
    etaMs: etaOf(context, draft.requirement, position, draft.expiresAt - now, now),
    queuedAt: now,
    expiresAt: draft.expiresAt,
    priority: PRIORITIES[draft.priority],
    purpose: draft.purpose,
    count: draft.count,
    leases: [],
  };
}

/** The hosts of the leases to sit beside; a Map names the ids that are no live lease. */
function hostsOf({ state }: Context, near: readonly string[]): Set<number> | Map<number, string> {
  const hosts = new Set<number>();
  const unknown = new Map<number, string>();
  near.forEach((id, index) => {
    const row = state.leases.find(id);
    if (row === NONE || !state.leases.isLive(row)) {
      unknown.set(index, id);
      return;
    }
    const host = state.agents.host(state.leases.agent(row));
    if (state.hosts.isNamed(host)) hosts.add(host);
  });
  return unknown.size > 0 ? unknown : hosts;
}

function unknownLeases(unknown: ReadonlyMap<number, string>): Refusal {
  return refuse('INVALID_REQUEST', 'agents_near names leases that are not held.', {
    errors: [...unknown].map(([index, id]) => ({
      path: `/agents_near/${index}`,
      message: `no live lease has the id "${id}"`,
    })),
  });
}
