/** One JSON line an event. Whoever reads them may vanish, and the agent goes on. */
import type { Writable } from 'node:stream';
import { LIMITS } from './limits.ts';

export type Log = (event: string, details?: { readonly [name: string]: unknown }) => void;

export function createLog(stream: Writable, agentId: string): Log {
  // The pool that started this agent can be killed, and with it the other end of a pipe.
  stream.on('error', () => {});
  return (event, details) => {
    if (stream.writableLength > LIMITS.logBacklogBytes) return;
    const time = new Date().toISOString();
    stream.write(`${JSON.stringify({ time, agent_id: agentId, event, ...details })}\n`);
  };
}
