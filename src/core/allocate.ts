/**
 * Who gets which agent. The order is: what the tenant has, else an agent that is still warm for
 * it, else the best free one, else one that idles elsewhere, else the queue.
 *
 * Everything is looked up first and carried out last, in one go: a request that cannot have all
 * it wants changes nothing.
 */
import type { LeaseCommand } from './command.ts';
import { type Context, refuse } from './context.ts';
import { explain } from './explain.ts';
import { give, reusable, reuse } from './give.ts';
import type { Explanation, Granted, Queued, Refusal } from './outcome.ts';
import type { Profile, Requirement } from './profiles.ts';
import type { Place } from './queue.ts';
import { findReclaimable } from './reclaim.ts';
import { describe, exceedsLimit, lacksCapability, notInstalled } from './refusals.ts';
import { NONE } from './rows.ts';
import { findAgents, NO_HOSTS, type Wish, withheldFrom } from './search.ts';
import { rankOf, type Ticket } from './tickets.ts';
import { ticketView } from './views.ts';
import { DEFAULT_PURPOSE, PRIORITIES } from './words.ts';

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
    notInstalled(context, requirement, command.tenant, tenant, count);
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
  return give(context, command, wish, priority, found, victims, explanation, now);
}

const NOBODY: readonly number[] = [];

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
