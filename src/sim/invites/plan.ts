/**
 * Which agents to invite to which tenants. How many each gets is decided first (needs.ts); then
 * tenants choose agents (choice.ts), those with the greatest load first, one agent a round, as the
 * longest jobs are given out first (Graham, Bounds on multiprocessing timing anomalies, 1969).
 * Afterwards each invite may move to a better agent, now that everybody else has chosen, a few times
 * over. Nothing is random: equal input, equal plan.
 */
import type { TenantActivity } from './activity.ts';
import { Choice } from './choice.ts';
import { inviteCounts } from './needs.ts';

export interface PlanAgent {
  /** Tenants that it serves at a time. */
  readonly slots: number;
  /** How many it may be a member of. */
  readonly maxTenants: number;
}

/**
 * The same number for each tenant; or so many in all as tenants need them, but first those without
 * which one would have fewer than `atLeast` agents.
 */
export type InviteBudget =
  | { readonly perTenant: number }
  | { readonly total: number; readonly atLeast?: number | undefined };

export interface PlanInput {
  /** When each tenant asks. */
  readonly activities: readonly TenantActivity[];
  readonly agents: readonly PlanAgent[];
  /** The agents that each tenant has already; they are kept. */
  readonly members: readonly (readonly number[])[];
  /** How many of these agents each tenant may have. */
  readonly maxAgents: readonly number[];
  readonly budget: InviteBudget;
}

export interface PlannedInvite {
  readonly tenant: number;
  readonly agent: number;
  /** Requests a week that are expected to be served more, after those of a lower `nth`. */
  readonly gain: number;
  /** The probability that the agent is busy with others when the tenant asks. */
  readonly busy: number;
  /** Which of the tenant's agents it is, those it has already included: 1 for the first. */
  readonly nth: number;
}

export interface InvitePlan {
  /** The one with the greatest gain first: one may stop anywhere. */
  readonly invites: readonly PlannedInvite[];
  /** Expected share of requests that find a free member, without the plan and with it. */
  readonly coverageBefore: number;
  readonly coverageAfter: number;
}

/** Times that every invite is thought over; after one, those who chose first are not at rest yet. */
const REVISIONS = 3;

export function planInvites(input: PlanInput): InvitePlan {
  const { activities, members } = input;
  const before = new Choice(
    input,
    members.map((own) => own.length),
  );
  const counts = countsOf(input);
  const choice = new Choice(
    input,
    members.map((own, tenant) => own.length + counts[tenant]!),
  );
  const order = [...activities.keys()]
    .filter((tenant) => counts[tenant]! > 0)
    .sort((a, b) => choice.loadOf(b) - choice.loadOf(a) || a - b);
  const most = order.reduce((max, tenant) => Math.max(max, counts[tenant]!), 0);
  for (let round = 0; round < most; round += 1) {
    for (const tenant of order) if (round < counts[tenant]!) choice.invite(tenant);
  }
  for (let n = 0; n < REVISIONS; n += 1) for (const tenant of order) choice.revise(tenant);
  const invites = order.flatMap((tenant) => choice.invitesOf(tenant));
  invites.sort((a, b) => b.gain - a.gain || a.tenant - b.tenant || a.nth - b.nth);
  return { invites, coverageBefore: before.coverage(), coverageAfter: choice.coverage() };
}

/** How many invites the limits leave room for. */
export function capacityOf(input: Omit<PlanInput, 'budget'>): number {
  const { agents, members } = input;
  const room = agents.map(({ maxTenants }) => maxTenants);
  for (const own of members) for (const agent of own) room[agent]! -= 1;
  const ofAgents = room.reduce((sum, tenants) => sum + Math.max(0, tenants), 0);
  const ofTenants = roomOf(input).reduce((sum, agents) => sum + agents, 0);
  return Math.min(ofAgents, ofTenants);
}

function countsOf(input: PlanInput): number[] {
  const { activities, agents, members, budget } = input;
  const room = roomOf(input);
  if ('perTenant' in budget) return room.map((most) => Math.min(most, budget.perTenant));
  let left = budget.total;
  const first = room.map((most, tenant) => {
    const lacking = Math.max(0, (budget.atLeast ?? 0) - members[tenant]!.length);
    const count = Math.min(lacking, most, left);
    left -= count;
    return count;
  });
  const more = inviteCounts({
    activities,
    have: first.map((count, tenant) => members[tenant]!.length + count),
    room: room.map((most, tenant) => most - first[tenant]!),
    slots: agents.reduce((sum, agent) => sum + agent.slots, 0),
    invites: left,
  });
  return more.map((count, tenant) => count + first[tenant]!);
}

/** How many more agents each tenant may get. */
export function roomOf({ agents, members, maxAgents }: Omit<PlanInput, 'budget'>): number[] {
  return members.map((own, tenant) => {
    return Math.max(0, Math.min(maxAgents[tenant]!, agents.length) - own.length);
  });
}
