/** Agents come, change and go: all or nothing, and twice the same is once. */
import type {
  AgentSpec,
  RegisterCommand,
  RetireAgentCommand,
  SetMembershipCommand,
  UpdateAgentCommand,
} from './command.ts';
import { type Context, refuse } from './context.ts';
import { MAX_AGENTS } from './limits.ts';
import type {
  AgentOutcome,
  AgentView,
  MembershipOutcome,
  Refusal,
  RegisterOutcome,
} from './outcome.ts';
import { NONE } from './rows.ts';
import type { PoolState } from './state.ts';
import { drain, endAllLeases } from './upkeep.ts';
import { agentView } from './views.ts';
import { TIERS } from './words.ts';

export function register(
  context: Context,
  command: RegisterCommand,
  now: number,
): RegisterOutcome | Refusal {
  const { state, facts } = context;
  const { agents, memberships, tenants } = state;
  const seen = new Map<string, number>();
  const doubled: { path: string; message: string }[] = [];
  const clashing: { path: string; message: string }[] = [];
  let fresh = 0;
  command.agents.forEach((spec, index) => {
    const earlier = seen.get(spec.agentId);
    if (earlier !== undefined) {
      doubled.push({
        path: `/${index}/agent_id`,
        message: `"${spec.agentId}" stands at /${earlier} already`,
      });
      return;
    }
    seen.set(spec.agentId, index);
    const agent = agents.names.find(spec.agentId);
    if (agent === NONE) {
      fresh++;
      return;
    }
    const differs = difference(state, agent, spec);
    if (differs !== null) {
      clashing.push({
        path: `/${index}/${differs}`,
        message: `"${spec.agentId}" is registered already, and its ${differs} is not the same`,
      });
    }
  });
  if (doubled.length > 0) {
    return refuse('INVALID_REQUEST', 'An agent is named twice. Nothing was registered.', {
      errors: doubled,
    });
  }
  if (clashing.length > 0) {
    return refuse(
      'AGENT_EXISTS',
      'Agents are registered already, with other words. Nothing was registered; change them with PATCH /v1/agents/{id}.',
      { errors: clashing },
    );
  }
  if (agents.size + fresh > MAX_AGENTS) {
    return refuse('INVALID_REQUEST', `A pool holds at most ${MAX_AGENTS} agents.`);
  }
  for (const spec of command.agents) {
    let agent = agents.names.find(spec.agentId);
    if (agent === NONE) agent = facts.agentRegistered(spec, now);
    else if (agents.isRetiring(agent)) facts.agentResumed(agent, now);
    for (const tenant of spec.memberships) {
      const row = tenants.find(tenant);
      if (row === NONE || !memberships.has(agent, row)) {
        facts.membershipChanged(agent, tenant, true, now);
      }
    }
  }
  return {
    outcome: 'registered',
    registered: fresh,
    unchanged: command.agents.length - fresh,
  };
}

/** The first field in which a registered agent differs, as the API spells it, or null. */
function difference(state: PoolState, agent: number, spec: AgentSpec): string | null {
  const { agents } = state;
  const profile = agents.profile(agent);
  if (profile.specialization !== spec.specialization) return 'specialization';
  const tools = [...new Set(spec.tools)].sort();
  if (tools.length !== profile.tools.length || tools.some((tool, i) => tool !== profile.tools[i])) {
    return 'tools';
  }
  if (TIERS[profile.tier] !== spec.tier) return 'tier';
  if (agents.slots(agent) !== spec.slots) return 'slots';
  if (profile.costPerHour !== spec.costPerHour) return 'cost_per_hour';
  if (agents.labels[agent] !== state.hosts.shared(spec.labels)) return 'labels';
  if (agents.isProtected(agent) !== spec.protected) return 'protected';
  if (spec.credential !== undefined && agents.credentials[agent] !== spec.credential) {
    return 'credential';
  }
  return null;
}

export function updateAgent(
  context: Context,
  command: UpdateAgentCommand,
  now: number,
): AgentOutcome | Refusal {
  const { state, facts } = context;
  const agent = state.agents.names.find(command.agent);
  if (agent === NONE) return noAgent(command.agent);
  const current = specOf(state, agent);
  const changed = Object.entries(command.changes).filter(
    ([field, value]) =>
      value !== undefined &&
      JSON.stringify(value) !== JSON.stringify(current[field as keyof typeof current]),
  );
  if (changed.length > 0) facts.agentUpdated(agent, Object.fromEntries(changed), now);
  return { outcome: 'agent', agent: agentView(state, agent) };
}

function specOf(state: PoolState, agent: number) {
  const { agents } = state;
  const profile = agents.profile(agent);
  return {
    tools: profile.tools,
    tier: TIERS[profile.tier],
    slots: agents.slots(agent),
    costPerHour: profile.costPerHour,
    labels: agents.labels[agent],
    protected: agents.isProtected(agent),
    credential: agents.credentials[agent],
  };
}

export function retireAgent(
  context: Context,
  command: RetireAgentCommand,
  now: number,
): AgentOutcome | Refusal {
  const { state } = context;
  const agent = state.agents.names.find(command.agent);
  if (agent === NONE) return noAgent(command.agent);
  const before = agentView(state, agent);
  drain(context, agent, true, now);
  const there = () => state.agents.names.find(command.agent) === agent;
  if (command.force === true && there()) endAllLeases(context, agent, now);
  const view = there() ? agentView(state, agent) : gone(before, now);
  return { outcome: 'agent', agent: view };
}

/** A view of an agent that has left with the command that is being answered. */
export function gone(before: AgentView, now: number): AgentView {
  const lastUsedAt = before.usedSlots > 0 ? now : before.lastUsedAt;
  return {
    ...before,
    phase: 'retired',
    usedSlots: 0,
    load: 0,
    lastUsedAt,
    leases: [],
    memberships: [],
  };
}

export function setMembership(
  context: Context,
  command: SetMembershipCommand,
  now: number,
): MembershipOutcome | Refusal {
  const { state, facts } = context;
  const agent = state.agents.names.find(command.agent);
  if (agent === NONE) return noAgent(command.agent);
  const tenant = state.tenants.find(command.tenant);
  const is = tenant !== NONE && state.memberships.has(agent, tenant);
  if (is !== command.member) facts.membershipChanged(agent, command.tenant, command.member, now);
  return { outcome: 'membership', member: command.member };
}

export function noAgent(id: string): Refusal {
  return refuse('NOT_FOUND', `There is no agent "${id}".`);
}
