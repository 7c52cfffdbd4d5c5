/** Agents and heartbeats between the core's words and the wire's. */
import type {
  AgentSpec,
  HeartbeatCommand,
  HostedAgentSpec,
  UpdateAgentCommand,
} from '../core/command.ts';
import type { AgentView } from '../core/outcome.ts';
import type { AgentQuery as CoreAgentQuery } from '../core/queries.ts';
import type { HostedAgent } from './agent-frames.ts';
import type {
  Agent,
  AgentFilter,
  AgentPatch,
  AgentRegistration,
  Heartbeats,
} from './agent-schemas.ts';
import { LIMITS } from './limits.ts';
import { toTime, toTimeOrNull } from './time.ts';

const unique = (words: readonly string[] | undefined): string[] => [...new Set(words)];

/** `sealed` is the credential as it may be stored; the plain one never leaves the edge. */
export function agentSpec(registration: AgentRegistration, sealed?: string): AgentSpec {
  const spec: AgentSpec = {
    agentId: registration.agent_id,
    specialization: registration.specialization ?? 'general',
    tools: unique(registration.tools),
    tier: registration.tier ?? 'standard',
    slots: registration.slots ?? 1,
    costPerHour: registration.cost_per_hour ?? 0,
    labels: registration.labels ?? {},
    protected: registration.protected ?? false,
    memberships: unique(registration.memberships),
  };
  return sealed === undefined ? spec : { ...spec, credential: sealed };
}

/** What a runner says of an agent: nothing is filled in, what it leaves out stays. */
export function hostedAgentSpec(agent: HostedAgent): HostedAgentSpec {
  const { agent_id: agentId, specialization, available, ...rest } = agent;
  return {
    agentId,
    ...(specialization !== undefined && { specialization }),
    ...(available !== undefined && { available }),
    ...agentChanges(rest),
  };
}

export function agentChanges(patch: AgentPatch, sealed?: string): UpdateAgentCommand['changes'] {
  const { tools, tier, slots, cost_per_hour: costPerHour, labels, protected: isProtected } = patch;
  return {
    ...(tools && { tools: unique(tools) }),
    ...(tier !== undefined && { tier }),
    ...(slots !== undefined && { slots }),
    ...(costPerHour !== undefined && { costPerHour }),
    ...(labels && { labels }),
    ...(isProtected !== undefined && { protected: isProtected }),
    ...(sealed !== undefined && { credential: sealed }),
  };
}

export function heartbeatCommand(heartbeats: Heartbeats): HeartbeatCommand {
  return { type: 'heartbeat', agents: heartbeats.agents };
}

export function agentToJson(agent: AgentView): Agent {
  return {
    agent_id: agent.agentId,
    specialization: agent.specialization,
    tools: [...agent.tools],
    tier: agent.tier,
    slots: agent.slots,
    used_slots: agent.usedSlots,
    cost_per_hour: agent.costPerHour,
    labels: { ...agent.labels },
    protected: agent.protected,
    phase: agent.phase,
    health: agent.health,
    load: agent.load,
    has_credential: agent.hasCredential,
    registered_at: toTime(agent.registeredAt),
    last_used_at: toTime(agent.lastUsedAt),
    last_heartbeat_at: toTimeOrNull(agent.lastHeartbeatAt),
    leases_24h: agent.leases24h,
    leases: [...agent.leases],
    memberships: [...agent.memberships],
  };
}

export function agentQuery(filter: AgentFilter): CoreAgentQuery {
  return {
    specialization: filter.specialization,
    phase: filter.phase,
    health: filter.health,
    tool: filter.tool,
    limit: filter.limit ?? LIMITS.pageItemsDefault,
    cursor: filter.cursor,
  };
}
