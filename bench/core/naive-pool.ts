/** The straightforward pool: filter all agents, score those that fit, sort, take the first. */
import { scoreOf } from '../../src/core/score.ts';

export interface NaiveAgent {
  readonly id: string;
  readonly tools: readonly string[];
  readonly tier: number;
  busyFor: string | null;
  lastUsedAt: number;
  leases: number;
}

export class NaivePool {
  readonly #agents: NaiveAgent[];

  constructor(agents: number, now: number) {
    this.#agents = Array.from({ length: agents }, (_, i) => ({
      id: `agent-${i}`,
      tools: ['music', 'chat'],
      tier: i % 3,
      busyFor: null,
      lastUsedAt: now,
      leases: 0,
    }));
  }

  takeFirst(count: number): NaiveAgent[] {
    const taken = this.#agents.slice(0, count);
    for (const agent of taken) agent.busyFor = 'somebody';
    return taken;
  }

  allocate(tenant: string, tools: readonly string[], now: number): NaiveAgent {
    const [best] = this.#agents
      .filter((agent) => agent.busyFor === null && tools.every((t) => agent.tools.includes(t)))
      .map((agent) => ({
        agent,
        score: scoreOf(2, agent.tier, now - agent.lastUsedAt, agent.leases).total,
      }))
      .sort((a, b) => b.score - a.score || a.agent.lastUsedAt - b.agent.lastUsedAt);
    if (best === undefined) throw new Error('no free agent');
    best.agent.busyFor = tenant;
    best.agent.lastUsedAt = now;
    best.agent.leases++;
    return best.agent;
  }

  release(agent: NaiveAgent): void {
    agent.busyFor = null;
  }
}
