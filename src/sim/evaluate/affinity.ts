/**
 * Which agent serves whom, where an agent stays bound to its last tenant until another takes it: how
 * often does a tenant meet the agent that still knows it?
 */
import { setImmediate } from 'node:timers/promises';
import { clairvoyantHits } from './clairvoyant.ts';
import type { ActiveMinutes, MinuteWindow } from './minutes.ts';

export interface AffinityFigures {
  readonly requests: number;
  /** Requests that got the agent whose last tenant was the same. */
  readonly hits: number;
  readonly hit_ratio: number;
  /** Of Belady's choice, which knows the future, among the agents that are not busy. */
  readonly oracle_hit_ratio: number;
}

/** Chooses an agent for each request; it is busy until the minute is over. */
export interface AgentChooser {
  /** Its number, from 0; NO_AGENT when all are busy. Minutes never go back. */
  choose(minute: number, tenant: number): number;
}

export const NO_AGENT = -1;

interface Watcher {
  readonly signal?: AbortSignal;
  readonly onProgress?: (requests: number) => void;
}

/** Between two looks at the signal. */
const REQUESTS_AT_ONCE = 16_384;

/** The agent of each request, by its index from `first` on. */
export async function chooseAgents(
  active: ActiveMinutes,
  chooser: AgentChooser,
  first: number,
  { signal, onProgress }: Watcher = {},
): Promise<Int32Array> {
  const agents = new Int32Array(active.length).fill(NO_AGENT);
  for (let index = first; index < active.length; index += 1) {
    agents[index] = chooser.choose(active.minute[index]!, active.tenant[index]!);
    if ((index - first) % REQUESTS_AT_ONCE !== 0) continue;
    onProgress?.(index - first);
    await setImmediate();
    signal?.throwIfAborted();
  }
  return agents;
}

/** Hits count in the window; what came before it, from `first` on, bound the agents. */
export function measureAffinity(
  active: ActiveMinutes,
  chosen: Int32Array,
  first: number,
  window: MinuteWindow,
  agents: number,
): AffinityFigures {
  const start = active.firstFrom(window.from);
  const end = active.firstFrom(window.to);
  const lastTenant = new Map<number, number>();
  let hits = 0;
  for (let index = first; index < end; index += 1) {
    const agent = chosen[index]!;
    if (agent === NO_AGENT) continue;
    const tenant = active.tenant[index]!;
    if (index >= start && lastTenant.get(agent) === tenant) hits += 1;
    lastTenant.set(agent, tenant);
  }
  const requests = end - start;
  const oracle = clairvoyantHits(active, { first, start, end }, agents);
  return { requests, hits, hit_ratio: hits / requests, oracle_hit_ratio: oracle / requests };
}
