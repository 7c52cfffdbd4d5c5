/** The engine beside the naive model: the same script, and after every command the same answer. */
import type { Command } from '../../src/core/command.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../src/core/options.ts';
import type { AgentView, Outcome, TicketView } from '../../src/core/outcome.ts';
import { Pool } from '../../src/core/pool.ts';
import type { AgentQuery, LeaseQuery, Page, PageQuery } from '../../src/core/queries.ts';
import { HEALTHS, LEASE_STATES, PHASES } from '../../src/core/words.ts';
import { firstDifference } from './differences.ts';
import { checkInvariants, nothingSeen } from './invariants.ts';
import { type NaiveCommand, NaivePool } from './naive-pool.ts';
import type { Lease } from './naive-types.ts';
import { agentView, demand, leaseView, stats, tenantView, ticketView } from './naive-views.ts';
import { type Script, START, TENANTS } from './scripts.ts';

/** Those who wait are looked at once a second: days of it would teach nothing more. */
const MOST_TICKS = 20;

/** Plays a script to both and throws at the first difference; `met` collects what was reached. */
export function compare(script: Script, met: Set<string>): void {
  const { options, agents, steps, ticking } = script;
  const pool = new Pool(options);
  const naive = new NaivePool(options);
  const seen = nothingSeen();
  const told: string[] = [];
  let now = START;

  const execute = (command: Command): void => {
    told.push(`+${now - START} ${JSON.stringify(command)}`);
    const expected = naive.execute(command as NaiveCommand, now);
    let actual: Outcome;
    try {
      actual = pool.execute(command, now);
      checkInvariants(pool.state, seen);
    } catch (error) {
      throw new Error(`${told.join('\n')}\nthrew ${(error as Error).stack}`);
    }
    note(met, command, actual);
    agree('the answer', expected, actual);
    // A host that sleeps until then misses nothing, and does not wake up for ever.
    const next = pool.nextDeadline();
    agree('the next deadline', true, next > now && next <= nextDue(naive));
    if ('ticket' in actual) agree('the estimate', true, isEstimate(actual.ticket));
  };
  const agree = (what: string, expected: unknown, actual: unknown): void => {
    const difference = firstDifference(expected, actual);
    if (difference === null) return;
    throw new Error(`${described(options)}\n${told.join('\n')}\n${what} differs at ${difference}`);
  };
  const agreeOnAll = (): void => {
    agree('stats', stats(naive), pool.stats());
    agree('demand', byName(demand(naive)), byName(pool.demand()));
    if (naive.counters.moved > 0) met.add('moved');
    for (const lease of naive.leases) {
      met.add(`lease ${lease.state}`).add(`end ${lease.reason}`);
      agree(lease.id, leaseView(naive, lease), pool.lease(lease.id));
    }
    for (const ticket of naive.tickets) {
      met.add(`ticket ${ticket.state}`);
      const id = `tkt-${ticket.number}`;
      agree(id, ticketView(naive, ticket), pool.ticket(id));
    }
    for (const agent of naive.agents) {
      agree(agent.agentId, agentView(naive, agent), pool.agent(agent.agentId));
    }
    for (const tenant of TENANTS) {
      agree(tenant, tenantView(naive, tenant), inAnyOrder(pool.tenant(tenant)));
    }
  };

  execute({ type: 'register', agents });
  steps.forEach(({ after, make }, i) => {
    const until = now + after;
    for (let n = 0; ticking && n < MOST_TICKS && pool.nextDeadline() <= until; n++) {
      now = Math.max(now, pool.nextDeadline());
      execute({ type: 'tick' });
    }
    now = until;
    const { leases, live, tickets, agents: there } = naive;
    execute(make({ leases, live, tickets: tickets.length, agents: there }));
    if (i % 8 === 7) agreeOnAll();
  });
  agreeOnAll();
  agreeOnLists(naive, pool, agree);
}

function nextDue(naive: NaivePool): number {
  const leases = naive.live.map((lease) => Math.max(lease.lookAt, naive.deadline(lease)));
  return Math.min(naive.reclaimAt, ...leases, ...naive.tickets.map(({ dueAt }) => dueAt));
}

/** As long as the request is willing to wait, where nothing is known; never more than an hour. */
function isEstimate({ state, etaMs, queuedAt, expiresAt }: TicketView): boolean {
  if (state !== 'queued') return etaMs === 0;
  return etaMs > 0 && etaMs <= Math.max(3_600_000, expiresAt - queuedAt);
}

/** Lists by every filter, in pages of two so that cursors are used. */
function agreeOnLists(
  naive: NaivePool,
  pool: Pool,
  agree: (what: string, expected: unknown, actual: unknown) => void,
): void {
  const lists: LeaseList[] = [{}];
  for (const tenant of TENANTS) lists.push({ tenant }, { tenant, state: 'released' });
  for (const { agentId } of naive.agents) lists.push({ agent: agentId, tenant: TENANTS[0] });
  for (const { agentId } of naive.agents) lists.push({ agent: agentId });
  for (const state of LEASE_STATES) lists.push({ state });
  for (const list of lists) {
    const matches = (lease: Lease) =>
      (list.state === undefined ? lease.state !== 'released' : lease.state === list.state) &&
      (list.tenant ?? lease.tenant) === lease.tenant &&
      (list.agent ?? lease.agent.agentId) === lease.agent.agentId;
    const expected = naive.leases.filter(matches).map(({ id }) => id);
    const actual = pages((page) => pool.leases({ ...list, ...page })).map((each) => each.leaseId);
    agree(`leases ${JSON.stringify(list)}`, expected.sort(), actual.sort());
  }
  const queries: AgentList[] = [{}, { specialization: 'research' }, { tool: 'music' }];
  queries.push(...PHASES.map((phase) => ({ phase })), ...HEALTHS.map((health) => ({ health })));
  for (const query of queries) {
    const fits = (view: AgentView) =>
      (query.specialization ?? view.specialization) === view.specialization &&
      (query.phase ?? view.phase) === view.phase &&
      (query.health ?? view.health) === view.health &&
      (query.tool === undefined || view.tools.includes(query.tool));
    const views = naive.agents.map((agent) => agentView(naive, agent)).filter(fits);
    const expected = views.map(({ agentId }) => agentId);
    const actual = pages((page) => pool.agents({ ...query, ...page })).map((a) => a.agentId);
    agree(`agents ${JSON.stringify(query)}`, expected.sort(), actual.sort());
  }
}

type LeaseList = Omit<LeaseQuery, 'limit' | 'cursor'>;
type AgentList = Omit<AgentQuery, 'limit' | 'cursor'>;

function pages<T>(page: (query: PageQuery) => Page<T>): T[] {
  const all: T[] = [];
  let cursor: string | null | undefined;
  do {
    const { items, nextCursor } = page({ limit: 2, cursor: cursor ?? undefined });
    all.push(...items);
    cursor = nextCursor;
  } while (cursor !== null);
  return all;
}

function note(met: Set<string>, command: Command, outcome: Outcome): void {
  met.add(`command ${command.type}`);
  met.add(`outcome ${outcome.outcome}`);
  if (outcome.outcome === 'refused') met.add(`code ${outcome.code}`);
  if ('invites' in outcome) met.add('invites');
  if ('repeated' in outcome) met.add('repeated');
  if ('dryRun' in outcome && outcome.dryRun) met.add(`dry run ${outcome.outcome}`);
  if (outcome.outcome === 'granted') {
    met.add(`how ${outcome.how}`);
    if (outcome.warm && !outcome.reused) met.add('warm');
  }
  if ('explain' in outcome) {
    for (const reason of Object.keys(outcome.explain?.rejected ?? {}))
      met.add(`rejected ${reason}`);
  }
}

function inAnyOrder(view: ReturnType<Pool['tenant']>) {
  return view === null ? null : { ...view, memberships: [...view.memberships].sort() };
}

/** What a script changes of the usual options. */
function described(options: PoolOptions): string {
  const usual: Record<string, unknown> = { ...DEFAULT_OPTIONS };
  const changed = Object.entries(options).filter(([key, value]) =>
    firstDifference(value, usual[key]),
  );
  return JSON.stringify(Object.fromEntries(changed));
}

function byName<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
