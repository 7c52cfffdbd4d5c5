/** The agents that a replay runs on: all alike, or shared out among the specializations. */
import type { AgentSpec } from '../../core/command.ts';

const GENERAL = 'general';

/**
 * Each specialization gets agents in proportion to the rows that want it (largest remainders), and
 * at least one: a kind of agent that does not exist could never be granted, however long one waits.
 */
export function shareOut(
  agents: number,
  rowsBySpecialization: ReadonlyMap<string, number>,
): Map<string, number> {
  if (rowsBySpecialization.size === 0) return new Map([[GENERAL, agents]]);
  const total = [...rowsBySpecialization.values()].reduce((sum, rows) => sum + rows, 0);
  const spare = Math.max(0, agents - rowsBySpecialization.size);
  const shares = [...rowsBySpecialization].map(([name, rows]) => {
    const exact = (spare * rows) / total;
    return { name, agents: 1 + Math.floor(exact), remainder: exact - Math.floor(exact) };
  });
  let left = agents - shares.reduce((sum, share) => sum + share.agents, 0);
  // The sort is stable: equal remainders go to whom the trace names first.
  for (const share of [...shares].sort((a, b) => b.remainder - a.remainder)) {
    if (left <= 0) break;
    share.agents += 1;
    left -= 1;
  }
  return new Map(shares.map(({ name, agents: count }) => [name, count]));
}

export function* fleetOf(shares: ReadonlyMap<string, number>): IterableIterator<AgentSpec> {
  let number = 0;
  for (const [specialization, count] of shares) {
    for (let nth = 0; nth < count; nth += 1) {
      number += 1;
      yield {
        agentId: `agent_${number}`,
        specialization,
        tools: [],
        tier: 'standard',
        slots: 1,
        costPerHour: 0,
        labels: {},
        protected: false,
        memberships: [],
      };
    }
  }
}
