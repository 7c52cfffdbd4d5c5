/**
 * What runners say of the agents that they host, and what happens when they say nothing: a lease
 * that is not accepted in time goes to another agent, and so do the leases of an agent whose runner
 * has been gone for longer than the grace.
 */
import type {
  AcceptLeaseCommand,
  ConnectAgentsCommand,
  DisconnectAgentsCommand,
  HostedAgentSpec,
  RejectLeaseCommand,
  SetBudgetCommand,
} from './command.ts';
import { type Context, refuse } from './context.ts';
import { MAX_AGENTS } from './limits.ts';
import type {
  AgentOutcome,
  ConnectedOutcome,
  DisconnectedOutcome,
  LeaseOutcome,
  Refusal,
} from './outcome.ts';
import { noAgent, updateAgent } from './registry.ts';
import { NONE } from './rows.ts';
import { drain, moveLease, moveLeases } from './upkeep.ts';
import { agentView, leaseView } from './views.ts';
import { HEALTHS } from './words.ts';

type Refused = ConnectedOutcome['refused'][number];

/** `onHeard` is told of agents that were starting or lost: they are heard of again. */
export function connectAgents(
  context: Context,
  { runner, agents: specs }: ConnectAgentsCommand,
  now: number,
  onHeard: (context: Context, agent: number, now: number) => void,
): ConnectedOutcome {
  const { state, facts } = context;
  const { agents, hosting } = state;
  const refused: Refused[] = [];
  const rows = new Set<number>();
  const broke: number[] = [];
  for (const spec of specs) {
    const refusal = admit(context, spec, now);
    if (refusal === null) {
      const row = agents.names.find(spec.agentId);
      rows.add(row);
      if (spec.available === false) broke.push(row);
      continue;
    }
    refused.push({ agentId: spec.agentId, code: refusal.code, detail: refusal.detail });
  }
  const taken = [...rows].filter((row) => {
    const before = hosting.runner(row);
    return before !== undefined && before !== runner;
  });
  if (rows.size > 0) facts.agentsConnected([...rows], runner, now);
  for (const row of broke) facts.budgetChanged(row, false, now);
  // Another process than before: what the one before it still says must count for nothing.
  for (const row of taken) renewTokens(context, row, now);
  const draining: string[] = [];
  const credentials: [string, string][] = [];
  for (const row of rows) {
    agents.signals.noteHeartbeat(row, now, undefined);
    const wasStarting = agents.isStarting(row);
    const wasLost = agents.isOffline(row);
    const recovers = agents.health(row) !== HEALTHS.indexOf('healthy') && !agents.isDeclared(row);
    if (recovers) facts.agentHealthChanged(row, 'healthy', 'heartbeat', now);
    if (wasStarting || wasLost) onHeard(context, row, now);
    const id = agents.names.name(row);
    if (agents.isDraining(row)) draining.push(id);
    const credential = agents.credentials[row];
    if (credential !== undefined) credentials.push([id, credential]);
  }
  const ids = [...rows].map((row) => agents.names.name(row));
  return { outcome: 'connected', agents: ids, draining, credentials, refused };
}

/** Registers the agent, or changes it as the runner describes it now. */
function admit(context: Context, spec: HostedAgentSpec, now: number): Refusal | null {
  const { state, facts } = context;
  const { agents } = state;
  const { agentId, specialization, available: _available, ...changes } = spec;
  const agent = agents.names.find(agentId);
  if (agent === NONE) {
    if (agents.size >= MAX_AGENTS) {
      return refuse('INVALID_REQUEST', `A pool holds at most ${MAX_AGENTS} agents.`);
    }
    facts.agentRegistered(
      {
        agentId,
        specialization: specialization ?? 'general',
        tools: changes.tools ?? [],
        tier: changes.tier ?? 'standard',
        slots: changes.slots ?? 1,
        costPerHour: changes.costPerHour ?? 0,
        labels: changes.labels ?? {},
        protected: changes.protected ?? false,
      },
      now,
    );
    return null;
  }
  const known = agents.profile(agent).specialization;
  if (specialization !== undefined && specialization !== known) {
    return refuse(
      'AGENT_EXISTS',
      `"${agentId}" is registered for the specialization "${known}", which cannot change. Retire it first, or name that one.`,
    );
  }
  const outcome = updateAgent(context, { type: 'update_agent', agent: agentId, changes }, now);
  return outcome.outcome === 'refused' ? outcome : null;
}

function renewTokens(context: Context, agent: number, now: number): void {
  for (const row of context.state.leasesOf(agent)) {
    context.facts.leaseMoved(row, agent, context.nextToken(), true, now);
  }
}

/** The connection of a runner has ended; without `agents`, those of all runners. */
export function disconnectAgents(
  { state, facts }: Context,
  { agents: ids }: DisconnectAgentsCommand,
  now: number,
): DisconnectedOutcome {
  const { agents, hosting } = state;
  const named = ids?.map((id) => agents.names.find(id)) ?? [...hosting.agents()];
  const rows = named.filter(
    (row) => row !== NONE && hosting.runner(row) !== undefined && !agents.isAway(row),
  );
  if (rows.length > 0) facts.agentsDisconnected(rows, ids === undefined, now);
  return { outcome: 'disconnected', agents: rows.length };
}

export function acceptLease(
  context: Context,
  command: AcceptLeaseCommand,
  now: number,
): LeaseOutcome | Refusal {
  const { state, facts } = context;
  const row = fenced(context, command.lease, command.token);
  if (typeof row === 'object') return row;
  if (state.hosting.isUnaccepted(row)) facts.leaseAccepted(row, now);
  return { outcome: 'lease', lease: leaseView(state, row) };
}

/** The agent cannot take the lease: somebody else does, or it ends. */
export function rejectLease(
  context: Context,
  command: RejectLeaseCommand,
  now: number,
): LeaseOutcome | Refusal {
  const row = fenced(context, command.lease, command.token);
  if (typeof row === 'object') return row;
  context.state.hosting.refused(row, context.state.leases.agent(row));
  if (!moveLease(context, row, now)) context.end(row, 'agent_failed_to_accept', now);
  return { outcome: 'lease', lease: leaseView(context.state, row) };
}

/** The row of a live lease whose present token this is. */
function fenced({ state }: Context, id: string, token: number): number | Refusal {
  const { leases } = state;
  const row = leases.find(id);
  if (row === NONE) {
    return refuse('NOT_FOUND', `There is no lease "${id}", or it ended long ago.`);
  }
  if (leases.token(row) !== token) {
    return refuse(
      'LEASE_TOKEN_STALE',
      `The token ${token} is not the present one of ${id}: the lease has moved on. Let it go.`,
    );
  }
  if (leases.isLive(row)) return row;
  return refuse(
    'INVALID_TRANSITION',
    `The lease ${id} has ended (${leaseView(state, row).reason}). Let it go.`,
  );
}

export function setBudget(
  { state, facts }: Context,
  { agent: id, available }: SetBudgetCommand,
  now: number,
): AgentOutcome | Refusal {
  const agent = state.agents.names.find(id);
  if (agent === NONE) return noAgent(id);
  if (state.agents.hasBudget(agent) !== available) facts.budgetChanged(agent, available, now);
  return { outcome: 'agent', agent: agentView(state, agent) };
}

/** Ends the patience with agents that are away and with leases that nobody accepts. */
export function endPatience(context: Context, now: number): void {
  const { state, facts } = context;
  const { agents, hosting, leases } = state;
  const lost = hosting.lostBy(now);
  // All are judged before any lease moves, so that none moves to an agent that is lost as well.
  for (const agent of lost) facts.agentHealthChanged(agent, 'unhealthy', 'disconnect', now);
  for (const agent of lost) {
    const id = agents.names.name(agent);
    // One that this pool starts is replaced by the next check, which then moves what is left.
    const isReplaced = agents.isManaged(agent) && !agents.isRetiring(agent);
    moveLeases(context, agent, now, isReplaced);
    const isStill = agents.names.find(id) === agent;
    if (isStill && agents.isRetiring(agent)) drain(context, agent, true, now);
  }
  for (const row of hosting.unacceptedBy(now)) {
    if (!leases.isLive(row) || !hosting.isUnaccepted(row)) continue;
    const agent = leases.agent(row);
    const isHealthy = agents.health(agent) === HEALTHS.indexOf('healthy');
    if (isHealthy && !agents.isDeclared(agent)) {
      facts.agentHealthChanged(agent, 'degraded', 'accept', now);
    }
    hosting.refused(row, agent);
    if (!moveLease(context, row, now)) context.end(row, 'agent_failed_to_accept', now);
  }
}
