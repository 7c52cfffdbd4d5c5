/** More agents or fewer than there were: which ones come in addition, and which never come. */
import type { AgentSpec } from '../../core/command.ts';
import type { KnownAgent, Recording } from './recording.ts';

export interface FleetChange {
  /** Agents that are left out; those that are there at the beginning leave with their last lease. */
  readonly removed: ReadonlySet<string>;
  /** They are there from the beginning. `like`: the agent whose memberships they share. */
  readonly added: readonly { readonly spec: AgentSpec; readonly like: string }[];
}

export const NO_CHANGE: FleetChange = { removed: new Set(), added: [] };

/**
 * `delta` agents more (or fewer, where it is negative), of all kinds in proportion to what there
 * is (largest remainders). Of a kind, those go first that came last and were not in use.
 */
export function changeFleet({ agents }: Recording, delta: number): FleetChange {
  const kinds = new Map<string, KnownAgent[]>();
  for (const agent of agents) {
    const { specialization, tools, tier, slots, costPerHour } = agent.spec;
    const kind = JSON.stringify([specialization, tools, tier, slots, costPerHour]);
    const known = kinds.get(kind);
    if (known) known.push(agent);
    else kinds.set(kind, [agent]);
  }
  const lists = [...kinds.values()];
  const counts = proportional(
    Math.min(Math.abs(delta), delta < 0 ? agents.length : Number.POSITIVE_INFINITY),
    lists.map((list) => list.length),
  );
  const names = new Set(agents.map(({ spec }) => spec.agentId));
  const removed = new Set<string>();
  const added: { spec: AgentSpec; like: string }[] = [];
  for (const [index, list] of lists.entries()) {
    const count = counts[index] ?? 0;
    if (delta < 0) {
      const order = [...list].reverse().sort((a, b) => Number(a.isUsed) - Number(b.isUsed));
      for (const { spec } of order.slice(0, count)) removed.add(spec.agentId);
      continue;
    }
    for (let nth = 0; nth < count; nth += 1) {
      const { agentId: like, managed: _managed, ...spec } = list[nth % list.length]!.spec;
      added.push({ spec: { ...spec, agentId: freeName(names) }, like });
    }
  }
  return { removed, added };
}

function freeName(names: Set<string>): string {
  let number = names.size + 1;
  while (names.has(`what_if_${number}`)) number += 1;
  const name = `what_if_${number}`;
  names.add(name);
  return name;
}

function proportional(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  const exact = weights.map((weight) => (total * weight) / sum);
  const counts = exact.map(Math.floor);
  let left = total - counts.reduce((a, b) => a + b, 0);
  const order = exact
    .map((value, index) => ({ index, remainder: value - Math.floor(value) }))
    .sort((a, b) => b.remainder - a.remainder);
  for (const { index } of order) {
    if (left <= 0) break;
    counts[index]! += 1;
    left -= 1;
  }
  return counts;
}
