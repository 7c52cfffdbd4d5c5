/**
 * How a tenant chooses an agent: by the gain, which is the requests that it would serve less those
 * that the agent's other tenants would lose. Both are good where these ask at other hours. With one
 * agent each, the expected number of served requests is a sum of concave functions of the loads,
 * and choosing greedily by gain is within half of the optimum (Fisher, Nemhauser and Wolsey, An
 * analysis of approximations for maximizing submodular set functions II, 1978). With more it is a
 * heuristic.
 */
import { hoursAWeek, SLICES } from './activity.ts';
import { AgentLoads } from './agent-loads.ts';
import type { PlanInput, PlannedInvite } from './plan.ts';

/**
 * A member that should be free is counted on only so far when the tenant's next one is chosen: bursts
 * come together more often than rates say. With 1, a tenant that has two agents would seem to need
 * no third, and those that follow would be heaped on a few agents.
 */
const TRUST = 0.7;
/** A first look takes a tenant's busiest slices only … */
const SLICES_LOOKED_AT = 12;
/** … and of the agents that look best so many are compared in full. */
const AGENTS_COMPARED = 24;
/** Agents that one choice looks at; of more, each tenant looks at others. All, if none has room. */
const AGENTS_LOOKED_AT = 512;
/** From where the next tenant looks: a prime, so that windows do not fall on each other. */
const AGENTS_FURTHER = 509;

const HOURS_A_WEEK = Float64Array.from({ length: SLICES }, (_, slice) => hoursAWeek(slice));

export class Choice {
  readonly #input: PlanInput;
  readonly #loads: AgentLoads;
  /** How many tenants more each agent may get. */
  readonly #room: number[];
  /** By tenant: its agents, those it had first. */
  readonly #members: number[][];
  /** By tenant and place among its members: the part of its requests that depend on that one. */
  readonly #weights: number[][];
  /** By tenant: the part of its load that comes to each of its agents. */
  readonly #shares: number[];
  /** By tenant: how probably each of its agents is busy with another session of its own. */
  readonly #ownBusy: number[];
  /** By tenant: requests a week. */
  readonly #asked: number[];
  // Scratch, so that a choice makes nothing anew.
  readonly #missed = new Float64Array(SLICES);
  readonly #free = new Float64Array(SLICES);
  readonly #wins = new Float64Array(SLICES);
  readonly #costs = new Float64Array(SLICES);
  readonly #scores: Float64Array;

  /** `finalCounts`: how many agents each tenant will have in the end. */
  constructor(input: PlanInput, finalCounts: readonly number[]) {
    this.#input = input;
    const { activities, agents, members } = input;
    this.#loads = new AgentLoads(agents.map(({ slots }) => slots));
    this.#room = agents.map(({ maxTenants }) => maxTenants);
    this.#members = members.map(() => []);
    this.#weights = members.map(() => []);
    this.#shares = finalCounts.map((count) => 1 / Math.max(1, count));
    // The last member is never given up as lost: it may be needed for more than is known.
    this.#ownBusy = activities.map(({ atOnce }, tenant) => {
      const others = atOnce.reduce((sum, part, n) => sum + part * n, 0);
      return Math.min(0.9, others * this.#shares[tenant]!);
    });
    this.#asked = activities.map(({ requests }) => weekly(requests));
    this.#scores = new Float64Array(Math.min(agents.length, AGENTS_LOOKED_AT));
    members.forEach((own, tenant) => {
      for (const agent of own) this.#join(tenant, agent, this.#members[tenant]!.length);
    });
  }

  /** What a tenant brings to each of its agents: erlangs, over a week. */
  loadOf(tenant: number): number {
    return weekly(this.#input.activities[tenant]!.load) * this.#shares[tenant]!;
  }

  /** One agent more for the tenant, if any that it lacks has room. */
  invite(tenant: number): void {
    const nth = this.#members[tenant]!.length;
    const agent = this.#best(tenant, nth);
    if (agent !== -1) this.#join(tenant, agent, nth);
  }

  /** Each agent that the tenant was given is given back, and the best one is taken. */
  revise(tenant: number): void {
    const own = this.#members[tenant]!;
    for (let nth = this.#input.members[tenant]!.length; nth < own.length; nth += 1) {
      const before = own[nth]!;
      this.#leave(tenant, nth);
      const best = this.#best(tenant, nth);
      this.#join(tenant, best === -1 ? before : best, nth);
    }
  }

  /** What the tenant was given, the agent that is free most often first. */
  invitesOf(tenant: number): PlannedInvite[] {
    const own = this.#members[tenant]!;
    const had = this.#input.members[tenant]!.length;
    const given = own.slice(had).map((agent) => this.#described(tenant, agent));
    given.sort((a, b) => a.busy - b.busy || a.agent - b.agent);
    const { requests } = this.#input.activities[tenant]!;
    const couldServe = 1 - this.#ownBusy[tenant]!;
    const missed = this.#missedBy(tenant, own.slice(0, had), 1).slice();
    return given.map(({ agent, busy, free }, i) => {
      let gain = 0;
      for (let slice = 0; slice < SLICES; slice += 1) {
        const serves = free[slice]! * couldServe;
        gain += requests[slice]! * HOURS_A_WEEK[slice]! * missed[slice]! * serves;
        missed[slice]! *= 1 - serves;
      }
      return { tenant, agent, nth: had + i + 1, gain, busy };
    });
  }

  #described(tenant: number, agent: number) {
    const activity = this.#input.activities[tenant]!;
    const free = new Float64Array(SLICES);
    this.#loads.freeBeside(agent, activity, this.#shares[tenant]!, free);
    let found = 0;
    for (let slice = 0; slice < SLICES; slice += 1) {
      found += activity.requests[slice]! * HOURS_A_WEEK[slice]! * free[slice]!;
    }
    const asked = this.#asked[tenant]!;
    return { agent, free, busy: asked === 0 ? 0 : Math.max(0, 1 - found / asked) };
  }

  /** The expected share of requests that find a free member. */
  coverage(): number {
    let asked = 0;
    let lost = 0;
    this.#input.activities.forEach(({ requests }, tenant) => {
      const missed = this.#missedBy(tenant, this.#members[tenant]!, 1);
      asked += this.#asked[tenant]!;
      for (let slice = 0; slice < SLICES; slice += 1) {
        lost += requests[slice]! * HOURS_A_WEEK[slice]! * missed[slice]!;
      }
    });
    return asked === 0 ? 1 : 1 - lost / asked;
  }

  /** The agent with the greatest gain for the tenant as its `nth`; -1 if none has room. */
  #best(tenant: number, nth: number): number {
    const { count, free, harm } = this.#loads;
    this.#weigh(tenant, nth);
    const wins = this.#wins;
    const costs = this.#costs;
    let best = -1;
    let bestGain = Number.NEGATIVE_INFINITY;
    const from = (tenant * AGENTS_FURTHER) % count;
    for (const agent of this.#candidates(tenant, nth, from)) {
      let gain = 0;
      for (let slice = 0, at = agent * SLICES; slice < SLICES; slice += 1, at += 1) {
        gain += wins[slice]! * free[at]! - costs[slice]! * harm[at]!;
      }
      const isBetter = gain > bestGain || this.#room[agent]! > this.#room[best]!;
      if (gain < bestGain || !isBetter) continue;
      best = agent;
      bestGain = gain;
    }
    return best;
  }

  /** What a free agent wins, and what the tenant's load costs its others, by slice. */
  #weigh(tenant: number, nth: number): void {
    const { requests, load } = this.#input.activities[tenant]!;
    const missed = this.#missedBut(tenant, nth);
    const couldServe = 1 - this.#ownBusy[tenant]!;
    const share = this.#shares[tenant]!;
    for (let slice = 0; slice < SLICES; slice += 1) {
      const hours = HOURS_A_WEEK[slice]!;
      this.#wins[slice] = requests[slice]! * missed[slice]! * couldServe * hours;
      this.#costs[slice] = load[slice]! * share * hours;
    }
  }

  /** The agents that look best at the tenant's busiest slices, of those from `from` on. */
  #candidates(tenant: number, nth: number, from: number): number[] {
    const { count, freeBySlice, harmBySlice } = this.#loads;
    const scores = this.#scores.fill(0);
    const window = scores.length;
    for (const slice of busiest(this.#wins, this.#costs)) {
      const win = this.#wins[slice]!;
      const cost = this.#costs[slice]!;
      const first = slice * count;
      for (let i = 0, at = first + from; i < window; i += 1, at += 1) {
        if (at === first + count) at = first;
        scores[i]! += win * freeBySlice[at]! - cost * harmBySlice[at]!;
      }
    }
    const top: number[] = [];
    for (let i = 0; i < window; i += 1) {
      const score = scores[i]!;
      if (top.length === AGENTS_COMPARED && score <= scores[top[AGENTS_COMPARED - 1]!]!) continue;
      if (!this.#mayJoin(tenant, nth, (from + i) % count)) continue;
      let at = Math.min(top.length, AGENTS_COMPARED - 1);
      for (; at > 0 && scores[top[at - 1]!]! < score; at -= 1) top[at] = top[at - 1]!;
      top[at] = i;
    }
    if (top.length > 0) return top.map((i) => (from + i) % count);
    const rest: number[] = [];
    for (let i = window; i < count && rest.length < AGENTS_COMPARED; i += 1) {
      const agent = (from + i) % count;
      if (this.#mayJoin(tenant, nth, agent)) rest.push(agent);
    }
    return rest;
  }

  #mayJoin(tenant: number, nth: number, agent: number): boolean {
    if (this.#room[agent]! <= 0) return false;
    const has = this.#members[tenant]!.indexOf(agent);
    return has === -1 || has === nth;
  }

  /** How probably none of the tenant's members but its `nth` can serve, as far as one trusts it. */
  #missedBut(tenant: number, nth: number): Float64Array {
    const others = this.#members[tenant]!.filter((_, place) => place !== nth);
    return this.#missedBy(tenant, others, TRUST);
  }

  #missedBy(tenant: number, agents: readonly number[], trust: number): Float64Array {
    const couldServe = trust * (1 - this.#ownBusy[tenant]!);
    const missed = this.#missed.fill(1);
    const free = this.#free;
    for (const agent of agents) {
      this.#loads.freeBeside(agent, this.#input.activities[tenant]!, this.#shares[tenant]!, free);
      for (let slice = 0; slice < SLICES; slice += 1)
        missed[slice]! *= 1 - free[slice]! * couldServe;
    }
    return missed;
  }

  #weightOf(tenant: number, nth: number): number {
    const { requests } = this.#input.activities[tenant]!;
    const missed = this.#missedBut(tenant, nth);
    let depending = 0;
    for (let slice = 0; slice < SLICES; slice += 1) {
      depending += requests[slice]! * HOURS_A_WEEK[slice]! * missed[slice]!;
    }
    const asked = this.#asked[tenant]!;
    return asked === 0 ? 0 : (depending / asked) * (1 - this.#ownBusy[tenant]!);
  }

  #join(tenant: number, agent: number, nth: number): void {
    this.#members[tenant]![nth] = agent;
    this.#room[agent]! -= 1;
    const weight = this.#weightOf(tenant, nth);
    this.#weights[tenant]![nth] = weight;
    this.#loads.add(agent, this.#input.activities[tenant]!, this.#shares[tenant]!, weight);
  }

  /** The tenant's `nth` agent stays in its place, but bears nothing of it. */
  #leave(tenant: number, nth: number): void {
    const agent = this.#members[tenant]![nth]!;
    this.#room[agent]! += 1;
    const weight = this.#weights[tenant]![nth]!;
    this.#loads.add(agent, this.#input.activities[tenant]!, -this.#shares[tenant]!, -weight);
  }
}

function weekly(rates: Float32Array): number {
  let sum = 0;
  for (let slice = 0; slice < SLICES; slice += 1) sum += rates[slice]! * HOURS_A_WEEK[slice]!;
  return sum;
}

function busiest(wins: Float64Array, costs: Float64Array): number[] {
  const order: number[] = [];
  for (let slice = 0; slice < SLICES; slice += 1) order.push(slice);
  order.sort((a, b) => wins[b]! + costs[b]! - wins[a]! - costs[a]! || a - b);
  order.length = SLICES_LOOKED_AT;
  return order;
}
