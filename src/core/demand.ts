/** How well each specialization meets what is asked of it. Costs a walk over the queue, not over the agents. */
import { mismatch, type Profile, type Requirement } from './profiles.ts';
import type { SpecializationDemand } from './queries.ts';
import type { PoolState } from './state.ts';

/** Specializations that have agents, and those that requests in the queue name, each once. */
export function demandOf({ profiles, queue }: PoolState): SpecializationDemand[] {
  const present = profiles.all.filter(({ agents }) => agents > 0);
  const demands = new Map<string, Mutable>();
  for (const profile of present) {
    const demand = demandFor(demands, profile.specialization);
    demand.agents += profile.agents;
    demand.slots += profile.slots;
    demand.usedSlots += profile.usedSlots;
  }
  // Where membership is required there is a lane for each tenant, though many ask for the same.
  const asked = new Map<Requirement, { requests: number; wanted: number }>();
  for (const lane of queue.lanes.values()) {
    const sum = asked.get(lane.requirement) ?? { requests: 0, wanted: 0 };
    asked.set(lane.requirement, sum);
    for (const { count } of queue.inLane(lane)) {
      sum.requests += 1;
      sum.wanted += count;
    }
  }
  for (const [requirement, { requests, wanted }] of asked) {
    if (requests === 0) continue;
    for (const name of namesFor(requirement, present)) {
      const demand = demandFor(demands, name);
      demand.requests += requests;
      demand.wanted += wanted;
    }
  }
  return [...demands.values()];
}

type Mutable = { -readonly [K in keyof SpecializationDemand]: SpecializationDemand[K] };

function demandFor(demands: Map<string, Mutable>, name: string): Mutable {
  let demand = demands.get(name);
  if (demand === undefined) {
    demand = { name, agents: 0, slots: 0, usedSlots: 0, requests: 0, wanted: 0 };
    demands.set(name, demand);
  }
  return demand;
}

/** The one that it names, or all that have an agent that could serve it. */
function namesFor(requirement: Requirement, present: readonly Profile[]): string[] {
  const { specialization } = requirement.demand;
  if (specialization !== undefined) return [specialization];
  const fit = present.filter((profile) => mismatch(profile, requirement) === null);
  return [...new Set(fit.map((profile) => profile.specialization))];
}
