/** What one would do without a plan: invites by chance, and those with the fewest memberships first. */
import type { Random } from '../http/random.ts';

export type Members = readonly (readonly number[])[];

/** `counts[guild]` agents for each guild, none of them in more than `most` guilds. */
export function byChance(
  counts: readonly number[],
  agents: number,
  most: number,
  random: Random,
): Members {
  const guilds = new Int32Array(agents);
  return counts.map((count) => {
    const own = new Set<number>();
    while (own.size < count) {
      const agent = Math.floor(random() * agents);
      if (guilds[agent]! >= most || own.has(agent)) continue;
      guilds[agent]! += 1;
      own.add(agent);
    }
    return [...own];
  });
}

/** Guilds in an order of chance; each takes agents that are in the fewest guilds, by chance among equals. */
export function fewestFirst(counts: readonly number[], agents: number, random: Random): Members {
  const order = shuffled([...counts.keys()], random);
  const members = counts.map((): number[] => []);
  /** By how many guilds they are in. */
  const levels: number[][] = [shuffled([...Array(agents).keys()], random)];
  let lowest = 0;
  for (const guild of order) {
    const own: number[] = members[guild]!;
    for (let level = lowest; own.length < counts[guild]!; level += 1) {
      const equals = levels[level] ?? [];
      const left = equals.length;
      for (let tries = 0; tries < left && own.length < counts[guild]!; tries += 1) {
        const at = Math.floor(random() * equals.length);
        const agent = equals[at]!;
        if (own.includes(agent)) continue;
        equals[at] = equals[equals.length - 1]!;
        equals.pop();
        own.push(agent);
        levels[level + 1] ??= [];
        levels[level + 1]!.push(agent);
      }
    }
    while (levels[lowest]!.length === 0) lowest += 1;
  }
  return members;
}

function shuffled(items: number[], random: Random): number[] {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const other = Math.floor(random() * (i + 1));
    const kept = items[i]!;
    items[i] = items[other]!;
    items[other] = kept;
  }
  return items;
}
