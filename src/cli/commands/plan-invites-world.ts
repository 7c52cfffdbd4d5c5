/** What `remuda plan invites` plans for: who asks when, which agents there are, who has whom. */
import { maxTenants } from '../../core/invites.ts';
import type { Agent, AgentPage } from '../../protocol/agent-schemas.ts';
import type { Tenant } from '../../protocol/pool-schemas.ts';
import { activityOfHours, learnActivity } from '../../sim/invites/activity.ts';
import { coverageOf } from '../../sim/invites/coverage.ts';
import type { InvitePlan, PlanInput } from '../../sim/invites/plan.ts';
import { type Sessions, sessionsBetween, sessionsOf } from '../../sim/invites/sessions.ts';
import { ReplayError } from '../../sim/replay/replay-error.ts';
import type { CliContext } from '../context.ts';
import { Failure } from '../failure.ts';
import { PoolClient } from '../pool-client.ts';
import { startProgress } from '../progress.ts';
import type { PlanInvitesOptions } from './plan-invites.ts';

export interface PlanWorld {
  readonly input: Omit<PlanInput, 'budget'>;
  readonly tenants: readonly string[];
  readonly agents: readonly { readonly agentId: string; readonly inviteUrl: string | null }[];
  /** Sessions to measure on; null without a trace. */
  readonly sessions: Sessions | null;
  /** The plan has not learned from them. */
  readonly areUnseen: boolean;
}

export interface Measured {
  readonly requests: number;
  readonly before: number;
  readonly after: number;
  /** Measured on requests that the plan has not learned from. */
  readonly unseen: boolean;
}

interface Activity extends Pick<PlanWorld, 'tenants' | 'sessions' | 'areUnseen'> {
  readonly activities: PlanInput['activities'];
}

/** The most that the pool gives at once. */
const PAGE = 1_000;
/** Calls under way at a time. */
const TOGETHER = 16;

export async function readPlanWorld(
  context: CliContext,
  options: PlanInvitesOptions,
): Promise<PlanWorld> {
  if (options.trace !== undefined && options.agents !== undefined) {
    const { maxPerAgent, slots = 1 } = options;
    const activity = await activityOfTrace(context, options.trace, options);
    const agents = Array.from({ length: options.agents }, (_, n) => ({
      ...{ agentId: `agent-${n + 1}`, inviteUrl: null, slots, maxTenants: maxPerAgent },
      memberships: [],
    }));
    return worldOf(activity, agents, new Map(), options);
  }
  const client = new PoolClient(options.url, context);
  const all = await agentsOf(client, context);
  const taking = all.filter((agent) => takesPart(agent, options));
  if (taking.length === 0) {
    throw new Failure(`The pool at ${client.url} has no such agent that could be invited.`);
  }
  const agents = taking.map((agent) => ({
    agentId: agent.agent_id,
    inviteUrl: agent.labels.invite_url ?? null,
    slots: agent.slots,
    maxTenants: maxTenants(agent.labels, options.maxPerAgent),
    memberships: agent.memberships,
  }));
  const counts = new Map<string, number>();
  for (const { memberships } of all) {
    for (const tenant of memberships) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
  }
  const activity =
    options.trace === undefined
      ? await activityOfPool(client, context, [...counts.keys()], options)
      : await activityOfTrace(context, options.trace, options);
  return worldOf(activity, agents, counts, options);
}

export function measure(world: PlanWorld, { invites }: InvitePlan): Measured | null {
  const { sessions, areUnseen, input } = world;
  if (sessions === null || sessions.count === 0) return null;
  const slots = input.agents.map((agent) => agent.slots);
  const members = input.members.map((own) => [...own]);
  const share = (): number => {
    const { served, requests } = coverageOf(sessions, members, slots);
    return Number((served / requests).toFixed(4));
  };
  const before = share();
  for (const { tenant, agent } of invites) members[tenant]!.push(agent);
  return { requests: sessions.count, before, after: share(), unseen: areUnseen };
}

interface KnownAgent {
  readonly agentId: string;
  readonly inviteUrl: string | null;
  readonly slots: number;
  readonly maxTenants: number;
  readonly memberships: readonly string[];
}

/** `counts`: how many agents each tenant has, those that do not take part included. */
function worldOf(
  activity: Activity,
  agents: readonly KnownAgent[],
  counts: ReadonlyMap<string, number>,
  { maxPerTenant }: PlanInvitesOptions,
): PlanWorld {
  const { tenants, activities, sessions, areUnseen } = activity;
  const numbers = new Map(tenants.map((tenant, number) => [tenant, number]));
  const members = tenants.map((): number[] => []);
  const room = agents.map(({ slots, maxTenants: most, memberships }, agent) => {
    let elsewhere = 0;
    for (const tenant of memberships) {
      const number = numbers.get(tenant);
      if (number === undefined) elsewhere += 1;
      else members[number]!.push(agent);
    }
    return { slots, maxTenants: most - elsewhere };
  });
  const maxAgents = tenants.map((tenant, number) => {
    return maxPerTenant - ((counts.get(tenant) ?? 0) - members[number]!.length);
  });
  return {
    ...{ tenants, agents, sessions, areUnseen },
    input: { activities, agents: room, members, maxAgents },
  };
}

async function activityOfTrace(
  context: CliContext,
  file: string,
  options: PlanInvitesOptions,
): Promise<Activity> {
  const { readRows, noteRead } = await import('../trace-file.ts');
  const { tenantColumn = '', idleTimeout, learnUntil } = options;
  try {
    const read = await readRows(context, file, { ...options, tenantColumn });
    noteRead(context, read);
    const { trace } = read;
    const all = sessionsOf(trace, idleTimeout * 1_000);
    const from = options.from ?? trace.row(0).at;
    const to = options.to ?? trace.row(trace.length - 1).at + 1;
    const split = learnUntil ?? to;
    if (split <= from) throw new Failure('There is nothing to learn from before --learn-until.');
    const { tenants } = all;
    const activities = learnActivity(sessionsBetween(all, from, split), from, split);
    const areUnseen = learnUntil !== undefined;
    const sessions = areUnseen ? sessionsBetween(all, split, to) : all;
    return { tenants, activities, sessions, areUnseen };
  } catch (error) {
    throw error instanceof ReplayError ? new Failure(error.message) : error;
  }
}

async function activityOfPool(
  client: PoolClient,
  context: CliContext,
  members: readonly string[],
  { tenant: more = [], idleTimeout }: PlanInvitesOptions,
): Promise<Activity> {
  const tenants = [...new Set([...members, ...more])];
  if (tenants.length === 0) {
    throw new Failure(
      'No agent of the pool is a member of any tenant. Name tenants with --tenant, or give a --trace.',
    );
  }
  const bar = await startProgress(
    context,
    'asking {bar} {value} / {total} tenants',
    tenants.length,
  );
  const activities: PlanInput['activities'][number][] = [];
  try {
    for (let first = 0; first < tenants.length; first += TOGETHER) {
      context.signal.throwIfAborted();
      const some = tenants.slice(first, first + TOGETHER);
      const answers = await Promise.all(
        some.map((id) => client.call<Tenant>('GET', `/v1/tenants/${encodeURIComponent(id)}`)),
      );
      for (const { body } of answers) {
        activities.push(activityOfHours(body.usage.grants_by_hour, idleTimeout * 1_000));
      }
      bar.update(activities.length);
    }
  } finally {
    bar.stop();
  }
  return { tenants, activities, sessions: null, areUnseen: false };
}

async function agentsOf(client: PoolClient, { signal }: CliContext): Promise<Agent[]> {
  const agents: Agent[] = [];
  let cursor: string | undefined;
  do {
    signal.throwIfAborted();
    const query = { limit: PAGE, cursor };
    const { body } = await client.call<AgentPage>('GET', '/v1/agents', { query });
    for (const agent of body.items) agents.push(agent);
    cursor = body.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return agents;
}

/** One that is being drained is about to go, or would not be missed. */
function takesPart(agent: Agent, { specialization, tool = [] }: PlanInvitesOptions): boolean {
  if (agent.phase === 'draining' || agent.phase === 'retired') return false;
  if (specialization !== undefined && agent.specialization !== specialization) return false;
  return tool.every((name) => agent.tools.includes(name));
}
