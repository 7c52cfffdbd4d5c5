/** The agents of a recording, with some more or some fewer, as commands in time. */
import type { AgentSpec, Command } from '../../core/command.ts';
import type { FleetChange } from './fleet-change.ts';
import type { Recording } from './recording.ts';

type Plan = (at: number, number: number, command: Command) => void;

export function scheduleFleet(recording: Recording, change: FleetChange, plan: Plan): void {
  const { from, agents, fleet } = recording;
  const { removed, added } = change;
  // Before the first event.
  if (added.length > 0) {
    plan(from, 0, { type: 'register', agents: added.map(({ spec }) => spec) });
  }
  for (const { spec, isThere } of agents) {
    if (isThere && removed.has(spec.agentId)) {
      plan(from, 0, { type: 'retire_agent', agent: spec.agentId });
    }
  }
  const likes = new Map<string, string[]>();
  for (const { spec, like } of added) likes.set(like, [...(likes.get(like) ?? []), spec.agentId]);
  for (const { at, number, command } of fleet) {
    const left = without(command, removed);
    if (left !== null) plan(at, number, left);
    for (const { agent, tenant, member } of membershipsIn(command)) {
      for (const other of likes.get(agent) ?? []) {
        plan(at, number, { type: 'set_membership', agent: other, tenant, member });
      }
    }
  }
}

/** The command without agents that are left out; null where nothing remains of it. */
function without(command: Command, removed: ReadonlySet<string>): Command | null {
  const isLeft = (agent: string): boolean => !removed.has(agent);
  switch (command.type) {
    case 'register':
    case 'connect_agents': {
      const agents = (command.agents as readonly AgentSpec[]).filter((a) => isLeft(a.agentId));
      return agents.length > 0 ? { ...command, agents } : null;
    }
    case 'disconnect_agents': {
      if (command.agents === undefined) return command;
      const agents = command.agents.filter(isLeft);
      return agents.length > 0 ? { ...command, agents } : null;
    }
    case 'heartbeat': {
      const agents = command.agents.filter(([agent]) => isLeft(agent));
      return agents.length > 0 ? { ...command, agents } : null;
    }
    case 'update_agent':
    case 'retire_agent':
    case 'drain_agent':
    case 'resume_agent':
    case 'agent_starting':
    case 'set_membership':
    case 'set_budget':
      return isLeft(command.agent) ? command : null;
    default:
      return command;
  }
}

function* membershipsIn(
  command: Command,
): IterableIterator<{ agent: string; tenant: string; member: boolean }> {
  if (command.type === 'set_membership') yield command;
  if (command.type !== 'register') return;
  for (const { agentId: agent, memberships } of command.agents) {
    for (const tenant of memberships) yield { agent, tenant, member: true };
  }
}
