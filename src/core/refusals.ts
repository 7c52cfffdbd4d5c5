/** Why a request cannot be granted, whatever becomes free. */
import { type Context, plural, refuse } from './context.ts';
import { invitable } from './invites.ts';
import type { Refusal } from './outcome.ts';
import { mismatch, type Requirement } from './profiles.ts';
import { NONE } from './rows.ts';

/** Agents of a kind that nobody has registered. */
export function lacksCapability(
  { state }: Context,
  requirement: Requirement,
  count: number,
): Refusal | null {
  let able = 0;
  for (const profile of requirement.profiles) {
    able += profile.agents;
    if (able >= count) return null;
  }
  if (able + startable(state, requirement) >= count) return null;
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

/** Agents that could be started for it. */
function startable({ startable: kinds, profiles }: Context['state'], requirement: Requirement) {
  let sum = 0;
  for (const { profile, max } of kinds) {
    if (mismatch(profile, requirement) !== null) continue;
    const { specialization } = profile;
    const own = profiles.all.filter((other) => other.specialization === specialization);
    sum += Math.max(0, max - own.reduce((agents, other) => agents + other.agents, 0));
  }
  return sum;
}

/** What a requirement demands, in words that go on from "agents". */
export function describe(requirement: Requirement): string {
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
export function exceedsLimit({ state }: Context, tenant: number, count: number): Refusal | null {
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

export function notInstalled(
  { state }: Context,
  requirement: Requirement,
  name: string,
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
  const invites = invitable(state, requirement, name, tenant).map((agent) => ({
    agentId: agents.names.name(agent),
    inviteUrl: agents.labels[agent].invite_url ?? null,
  }));
  return refuse(
    'AGENT_NOT_INSTALLED',
    `${plural(members, 'agent')} that could serve this ${members === 1 ? 'is a member' : 'are members'} ` +
      `of the tenant, ${count} ${count === 1 ? 'is' : 'are'} needed. ` +
      (invites.length > 0 ? 'Invite one of those listed.' : 'No other one can be invited.'),
    { invites },
  );
}
