/**
 * `remuda/agent`: a process that hosts agents and serves tenants with them.
 *
 *     await runAgents({ url, agents: [{ agentId: 'bot_1' }], async onAssign(lease, { signal }) { … } });
 */
import { AgentRunner } from './agent/runner.ts';
import type { RunAgentsOptions, Runner } from './agent/types.ts';
import { closedError } from './make-error.ts';
import { raced } from './net/wait.ts';

export type {
  AssignedLease,
  AssignmentContext,
  ErrorContext,
  RunAgentsOptions,
  Runner,
  RunnerAgent,
} from './agent/types.ts';
export * from './errors.ts';
export type { SocketEvent, WebSocketClass, WebSocketLike } from './net/socket.ts';
export type * from './words.ts';

/**
 * Hosts agents until the runner is closed. Resolves once the pool has welcomed them; until the pool
 * can be reached, or while another runner has the agents, it goes on trying and tells `onError`.
 * Rejects when the pool refuses the key or the agents, and when the signal is aborted.
 */
export async function runAgents(options: RunAgentsOptions): Promise<Runner> {
  const { signal } = options;
  signal?.throwIfAborted();
  const runner = new AgentRunner(options);
  const close = () => void runner.close();
  signal?.addEventListener('abort', close);
  void runner.done.then(() => signal?.removeEventListener('abort', close));
  try {
    await raced(
      Promise.race([
        runner.start(),
        runner.done.then(() => {
          throw closedError('runner');
        }),
      ]),
      signal,
    );
  } catch (error) {
    await runner.close();
    throw error;
  }
  return runner;
}
