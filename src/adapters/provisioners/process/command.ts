/** What a process is started with: its arguments and its environment. */
import { type AgentLaunch, ProvisionError } from '../../../host/provisioner.ts';

/** The variables by which an agent learns who it is, and by which it is found again. */
export const MARKS = {
  poolId: 'REMUDA_POOL_ID',
  agentId: 'REMUDA_AGENT_ID',
  port: 'REMUDA_PORT',
  specialization: 'REMUDA_SPECIALIZATION',
} as const;

export type Environment = Readonly<Record<string, string | undefined>>;

const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Program and arguments with the placeholders filled in. Throws ProvisionError for others. */
export function commandFor(launch: AgentLaunch): readonly [program: string, ...args: string[]] {
  const { agentId, port, specialization, command } = launch;
  const values = new Map([
    ['agent_id', agentId],
    ['port', String(port)],
    ['specialization', specialization],
  ]);
  // A value that looks like a placeholder is not filled in again: the text is gone through once.
  const fillIn = (text: string) =>
    text.replace(PLACEHOLDER, (placeholder, name: string) => {
      const value = values.get(name);
      if (value !== undefined) return value;
      throw new ProvisionError(
        `The command of agent ${agentId} has the unknown placeholder ${placeholder} in "${text}". There are {agent_id}, {port} and {specialization}; correct the command of the specialization ${specialization}.`,
      );
    });
  const [program = '', ...args] = command.map(fillIn);
  if (program === '') {
    throw new ProvisionError(
      `The command of the specialization ${specialization} is empty, so agent ${agentId} cannot be started. Give it a program and its arguments.`,
    );
  }
  return [program, ...args];
}

/** The manager's variables without those of Remuda, which hold its keys, and the agent's own. */
export function environmentFor(
  launch: AgentLaunch,
  { env, poolId, url }: { env?: Environment; poolId: string; url: string },
): Record<string, string | undefined> {
  const kept = Object.entries(env ?? process.env).filter(([name]) => !name.startsWith('REMUDA_'));
  return {
    ...Object.fromEntries(kept),
    REMUDA_URL: url,
    [MARKS.poolId]: poolId,
    [MARKS.agentId]: launch.agentId,
    [MARKS.port]: String(launch.port),
    [MARKS.specialization]: launch.specialization,
  };
}
