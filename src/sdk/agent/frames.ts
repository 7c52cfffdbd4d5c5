/** Frames about many agents, cut to the 64 KiB and 1,000 agents that the pool takes at once. */
import type { RunnerFrame } from '../wire.ts';
import type { HostedAgent } from './hosted-agent.ts';

type Hello = Extract<RunnerFrame, { type: 'hello' }>;
type Heartbeat = Extract<RunnerFrame, { type: 'heartbeat' }>;

const FRAME_AGENTS = 1_000;
/** Leaves room for the rest of the frame: the runner's id and a key of up to 4 KiB. */
const FRAME_BYTES = 56 * 1024;

/** Parts whose JSON fits into a frame. */
function* parts<T>(items: readonly T[]): Generator<T[]> {
  const encoder = new TextEncoder();
  let part: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = encoder.encode(JSON.stringify(item)).length + 1;
    if (part.length === FRAME_AGENTS || (part.length > 0 && bytes + size > FRAME_BYTES)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

export function agentChunks(agents: Hello['agents']): Iterable<Hello['agents']> {
  return parts(agents);
}

/** Without a load of its own, the pool counts an agent's used slots. */
export function heartbeatFrames(
  agents: readonly HostedAgent[],
  load: ((agentId: string) => number) | undefined,
): Heartbeat[] {
  const entries = agents.map(({ agentId }): Heartbeat['agents'][number] => {
    if (load === undefined) return [agentId];
    const value = load(agentId);
    return Number.isFinite(value) ? [agentId, Math.min(1, Math.max(0, value))] : [agentId];
  });
  return [...parts(entries)].map((part) => ({ type: 'heartbeat', agents: part }));
}
