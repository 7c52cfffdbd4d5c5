/**
 * Agents that no request can tell apart share a profile; what a request demands of an agent is a
 * requirement. Matching is done once for each pair of the two, not for each agent or request.
 */
import type { Demand } from './event.ts';
import { TIERS, type Tier } from './words.ts';

/** How an agent stands toward new work; each agent is in exactly one. Counted by profile. */
export const AVAILABILITIES = [
  'offline',
  'draining',
  'unhealthy',
  'leased',
  'ready',
  'starting',
  'no budget',
] as const;
export const OFFLINE = 0;
export const DRAINING = 1;
export const UNHEALTHY = 2;
export const LEASED = 3;
export const READY = 4;
export const STARTING = 5;
export const NO_BUDGET = 6;

export interface Profile {
  readonly id: number;
  readonly specialization: string;
  /** Sorted, without duplicates. */
  readonly tools: readonly string[];
  readonly tier: number;
  readonly costPerHour: number;
  /** Its agents can serve several tenants at once. */
  readonly multi: boolean;
  /** Agents by availability. */
  readonly counts: Int32Array;
  agents: number;
  slots: number;
  usedSlots: number;
}

export interface Requirement {
  /** Equal keys, equal demands. */
  readonly key: string;
  readonly demand: Demand;
  readonly tools: readonly string[];
  readonly minTier: number;
  readonly maxCostPerHour: number;
  /** The profiles that meet it, out of the first `seen`; those of the best tier first. */
  readonly profiles: Profile[];
  seen: number;
  /** Some of these profiles' agents serve several tenants at once. */
  multi: boolean;
  /** Leases that were granted for it, and the number under which they hold it. */
  leases: number;
  number: number;
}

/** Requirements are cheap to make again, so the cache is simply emptied when it is full. */
const REQUIREMENTS_CACHED = 10_000;

export class Profiles {
  readonly all: Profile[] = [];
  readonly #byKey = new Map<string, Profile>();
  readonly #requirements = new Map<string, Requirement>();
  /** The commonest requirements, for one tool or none, by that tool: no key has to be composed. */
  readonly #plain = new Map<string | undefined, Requirement>();

  profile(
    specialization: string,
    tools: readonly string[],
    tier: Tier,
    costPerHour: number,
    multi: boolean,
  ): Profile {
    const sorted = [...new Set(tools)].sort();
    const key = JSON.stringify([specialization, sorted, tier, costPerHour, multi]);
    let profile = this.#byKey.get(key);
    if (profile === undefined) {
      profile = {
        id: this.all.length,
        specialization,
        tools: sorted,
        tier: TIERS.indexOf(tier),
        costPerHour,
        multi,
        counts: new Int32Array(AVAILABILITIES.length),
        agents: 0,
        slots: 0,
        usedSlots: 0,
      };
      this.#byKey.set(key, profile);
      this.all.push(profile);
    }
    return profile;
  }

  requirement(demand: Demand): Requirement {
    if (!isPlain(demand)) return this.#find(demand);
    const tool = demand.tools?.[0];
    const known = this.#plain.get(tool);
    if (known !== undefined) return this.refreshed(known);
    if (this.#plain.size >= REQUIREMENTS_CACHED) this.#plain.clear();
    const requirement = this.#find(demand);
    this.#plain.set(tool, requirement);
    return requirement;
  }

  #find(demand: Demand): Requirement {
    const tools = demand.tools ?? NO_TOOLS;
    const sorted = tools.length > 1 ? [...new Set(tools)].sort() : tools;
    const key = keyOf(demand, sorted);
    let requirement = this.#requirements.get(key);
    if (requirement === undefined) {
      if (this.#requirements.size >= REQUIREMENTS_CACHED) this.#requirements.clear();
      requirement = {
        key,
        demand: normalized(demand, sorted),
        tools: sorted,
        minTier: demand.minTier === undefined ? 0 : TIERS.indexOf(demand.minTier),
        maxCostPerHour: demand.maxCostPerHour ?? Number.POSITIVE_INFINITY,
        profiles: [],
        seen: 0,
        multi: false,
        leases: 0,
        number: 0,
      };
      this.#requirements.set(key, requirement);
    }
    return this.refreshed(requirement);
  }

  /** The requirement with the profiles added that have come since it was last looked at. */
  refreshed(requirement: Requirement): Requirement {
    while (requirement.seen < this.all.length) {
      const profile = this.all[requirement.seen++];
      if (mismatch(profile, requirement) !== null) continue;
      const worse = requirement.profiles.findIndex((other) => other.tier < profile.tier);
      requirement.profiles.splice(worse === -1 ? requirement.profiles.length : worse, 0, profile);
      requirement.multi ||= profile.multi;
    }
    return requirement;
  }
}

const NO_TOOLS: readonly string[] = [];

/** Why agents of a profile cannot meet a requirement, or null if they can. */
export function mismatch(
  profile: Profile,
  requirement: Requirement,
): 'WRONG_SPECIALIZATION' | 'MISSING_TOOLS' | 'TIER_TOO_LOW' | 'TOO_EXPENSIVE' | null {
  const { specialization } = requirement.demand;
  if (specialization !== undefined && profile.specialization !== specialization) {
    return 'WRONG_SPECIALIZATION';
  }
  for (const tool of requirement.tools) {
    if (!profile.tools.includes(tool)) return 'MISSING_TOOLS';
  }
  if (profile.tier < requirement.minTier) return 'TIER_TOO_LOW';
  return profile.costPerHour > requirement.maxCostPerHour ? 'TOO_EXPENSIVE' : null;
}

/** Demands one tool at most and nothing else. */
function isPlain(demand: Demand): boolean {
  return (
    demand.specialization === undefined &&
    demand.minTier === undefined &&
    demand.maxCostPerHour === undefined &&
    (demand.tools === undefined || demand.tools.length <= 1)
  );
}

function keyOf(demand: Demand, tools: readonly string[]): string {
  if (isPlain(demand)) return tools.length === 0 ? '' : `+${tools[0]}`;
  return JSON.stringify([demand.specialization, tools, demand.minTier, demand.maxCostPerHour]);
}

/** Without absent parts, so that equal demands are equal as JSON. */
function normalized(demand: Demand, tools: readonly string[]): Demand {
  return {
    ...(demand.specialization !== undefined && { specialization: demand.specialization }),
    ...(tools.length > 0 && { tools }),
    ...(demand.minTier !== undefined && { minTier: demand.minTier }),
    ...(demand.maxCostPerHour !== undefined && { maxCostPerHour: demand.maxCostPerHour }),
  };
}

/** What the agents of a kind will be once there are any: for matching, it counts nobody. */
export function imagined({
  name,
  tools,
  slots,
}: {
  readonly name: string;
  readonly tools: readonly string[];
  readonly slots: number;
}): Profile {
  return {
    id: -1,
    specialization: name,
    tools,
    tier: TIERS.indexOf('standard'),
    costPerHour: 0,
    multi: slots > 1,
    counts: new Int32Array(AVAILABILITIES.length),
    agents: 0,
    slots: 0,
    usedSlots: 0,
  };
}
