/**
 * Which free agent is given away: an index over the free agents that always agrees with sorting
 * all of them by points and last use, at a cost that depends on the number of matching profiles
 * and not on the number of agents.
 *
 * Under `selection: pack` the busiest host that has a fitting free agent comes first, and points
 * decide within it; agents are then grouped by profile and host.
 */
import type { AgentTable } from './agents.ts';
import type { Hosts } from './hosts.ts';
import type { Profile, Requirement } from './profiles.ts';
import { READY } from './profiles.ts';
import { RankedList } from './ranked-list.ts';
import { ReadyGroup } from './ready-group.ts';
import { NONE } from './rows.ts';
import { classOf, idleClass, RANK_MASKS, RANK_POINTS, TIER_POINTS } from './score.ts';
import { TimingWheel } from './timing-wheel.ts';
import type { Selection } from './words.ts';

/** An agent that a search must pass over. */
export type Skip = (agent: number) => boolean;

export class ReadyIndex {
  readonly #agents: AgentTable;
  readonly #hosts: Hosts;
  /** Agents are grouped by host too, and hosts are ranked by their leases. */
  readonly packing: boolean;
  readonly #groups: ReadyGroup[] = [];
  /** By profile: its groups by host; without packing just one, for host 0. */
  readonly #byProfile: ReadyGroup[][] = [];
  readonly #byHost: ReadyGroup[][] = [];
  /** With packing: hosts with free agents, the busiest first. */
  readonly #hostOrder: RankedList;
  readonly #readyOnHost: number[] = [];
  /** When an agent's leases of the last 24 hours will count for more points. */
  readonly #rescore = new TimingWheel();
  #useSequence = 0;

  constructor(agents: AgentTable, hosts: Hosts, selection: Selection) {
    this.#agents = agents;
    this.#hosts = hosts;
    this.packing = selection === 'pack';
    this.#hostOrder = new RankedList((a, b) => hosts.before(a, b));
  }

  get nextAt(): number {
    return this.#rescore.nextAt;
  }

  /** Puts agents into the classes where the time has brought them. */
  advance(now: number): void {
    this.#rescore.advance(now, (agent) => {
      this.#agents.setRescoreAt(agent, Number.POSITIVE_INFINITY);
      if (this.#agents.names.has(agent)) this.refresh(agent, now);
    });
  }

  /** The agent has just been registered, granted or released: it is the most recently used. */
  use(agent: number, now: number): void {
    this.#withdraw(agent);
    const group = this.#agents.group(agent);
    if (group !== NONE) this.#groups[group].unplace(agent);
    this.#agents.setUsed(agent, now, ++this.#useSequence);
    // Without a free slot it needs no place: it comes back through a release, as the newest.
    if (this.#agents.used(agent) < this.#agents.slots(agent)) this.#groupOf(agent).place(agent);
    this.refresh(agent, now);
  }

  /** Rebuilds the index from the table, in the order of the agents' last use. */
  restore(now: number): void {
    const order: number[] = [];
    for (let agent = 0; agent < this.#agents.names.end; agent++) {
      if (this.#agents.names.has(agent)) order.push(agent);
      // A row keeps the number of an agent that has left, and none is given out twice.
      this.#useSequence = Math.max(this.#useSequence, this.#agents.useSequence(agent));
    }
    order.sort((a, b) => this.#agents.useSequence(a) - this.#agents.useSequence(b));
    for (const agent of order) {
      if (this.#agents.used(agent) < this.#agents.slots(agent)) this.#groupOf(agent).place(agent);
      this.refresh(agent, now);
    }
  }

  /** After any change of an agent: its availability, and its class if it is free. */
  refresh(agent: number, now: number): void {
    const ready = this.#agents.updateAvailability(agent) === READY;
    if (!ready) {
      this.#withdraw(agent);
      return;
    }
    const cls = this.#classOf(agent, now);
    const before = this.#agents.readyClass(agent);
    if (cls === before) return;
    if (before !== NONE) this.#withdraw(agent);
    this.#groups[this.#agents.group(agent)].enter(agent, cls);
    if (this.packing) this.#countReady(this.#agents.host(agent), 1);
  }

  /** Before the agent changes profile or host, or is removed. */
  forget(agent: number): void {
    this.#withdraw(agent);
    const group = this.#agents.group(agent);
    if (group !== NONE) this.#groups[group].unplace(agent);
    this.#rescore.disarm(agent);
    this.#agents.setRescoreAt(agent, Number.POSITIVE_INFINITY);
  }

  /** With packing only: nobody else asks how many leases a host has. */
  addLeases(host: number, change: number): void {
    const listed = (this.#readyOnHost[host] ?? 0) > 0;
    if (listed) this.#hostOrder.delete(host);
    this.#hosts.addLeases(host, change);
    if (listed) this.#hostOrder.add(host);
  }

  /** The next agents, at most `count`, that searches will probably take; returns how many. */
  next(requirement: Requirement, agents: Int32Array, count: number): number {
    let best: ReadyGroup | undefined;
    let bestPoints = -1;
    for (const profile of requirement.profiles) {
      const group = this.#byProfile[profile.id]?.[0];
      if (group === undefined || group.ready === 0) continue;
      const points = RANK_POINTS[group.bestRank()] + TIER_POINTS[profile.tier];
      if (points <= bestPoints) continue;
      best = group;
      bestPoints = points;
    }
    return best === undefined ? 0 : best.first(agents, count);
  }

  /** The free agent to give away next, or NONE. `withheld` profiles are passed over. */
  best(
    requirement: Requirement,
    now: number,
    withheld: ReadonlySet<Profile> | null,
    skip: Skip | null,
  ): number {
    if (this.packing) return this.#bestPacked(requirement, now, withheld, skip);
    let best = NONE;
    let bestPoints = 0;
    for (const profile of requirement.profiles) {
      const group = this.#byProfile[profile.id]?.[0];
      if (group === undefined || group.ready === 0) continue;
      if (withheld?.has(profile)) continue;
      group.age(now);
      const rank = group.bestRank();
      const points = RANK_POINTS[rank] + TIER_POINTS[profile.tier];
      if (points < bestPoints) continue;
      let agent = group.firstOfRank(rank);
      if (skip?.(agent)) {
        agent = firstNot(group, skip);
        if (agent === NONE) continue;
        const lower = this.#points(agent, profile);
        if (lower < bestPoints) continue;
        if (lower === bestPoints && this.#usedBefore(best, agent)) continue;
        best = agent;
        bestPoints = lower;
        continue;
      }
      if (points === bestPoints && best !== NONE && this.#usedBefore(best, agent)) continue;
      best = agent;
      bestPoints = points;
    }
    return best;
  }

  /** Free agents that fit, withheld ones left out. */
  countReady(requirement: Requirement, withheld: ReadonlySet<Profile> | null): number {
    let count = 0;
    for (const profile of requirement.profiles) {
      if (withheld === null || !withheld.has(profile)) count += profile.counts[READY];
    }
    return count;
  }

  #bestPacked(
    requirement: Requirement,
    now: number,
    withheld: ReadonlySet<Profile> | null,
    skip: Skip | null,
  ): number {
    for (const host of this.#hostOrder) {
      let best = NONE;
      let bestPoints = 0;
      for (const group of this.#byHost[host]) {
        if (group.ready === 0 || !requirement.profiles.includes(group.profile)) continue;
        if (withheld?.has(group.profile)) continue;
        group.age(now);
        const agent = skip === null ? group.firstOfRank(group.bestRank()) : firstNot(group, skip);
        if (agent === NONE) continue;
        const points = this.#points(agent, group.profile);
        if (points < bestPoints) continue;
        if (points === bestPoints && best !== NONE && this.#usedBefore(best, agent)) continue;
        best = agent;
        bestPoints = points;
      }
      if (best !== NONE) return best;
    }
    return NONE;
  }

  #usedBefore(a: number, b: number): boolean {
    return this.#agents.useSequence(a) < this.#agents.useSequence(b);
  }

  #points(agent: number, profile: Profile): number {
    const cls = this.#agents.readyClass(agent);
    const rank = RANK_MASKS.findIndex((mask) => (mask & (1 << cls)) !== 0);
    return RANK_POINTS[rank] + TIER_POINTS[profile.tier];
  }

  #classOf(agent: number, now: number): number {
    const agents = this.#agents;
    const load = agents.loadClass(agent, now);
    // Armed too early is harmless, and for most agents it is armed for the day already.
    if (load < 2 && agents.loadClassUntil(agent) < agents.rescoreAt(agent)) {
      agents.setRescoreAt(agent, agents.loadClassUntil(agent));
      this.#rescore.arm(agent, agents.loadClassUntil(agent));
    }
    return classOf(agents.health(agent), load, idleClass(now - agents.lastUsedAt(agent)));
  }

  #withdraw(agent: number): void {
    if (this.#agents.readyClass(agent) === NONE) return;
    this.#groups[this.#agents.group(agent)].leave(agent);
    if (this.packing) this.#countReady(this.#agents.host(agent), -1);
  }

  #countReady(host: number, change: number): void {
    const before = this.#readyOnHost[host] ?? 0;
    this.#readyOnHost[host] = before + change;
    if (before === 0) this.#hostOrder.add(host);
    else if (before + change === 0) this.#hostOrder.delete(host);
  }

  #groupOf(agent: number): ReadyGroup {
    const profile = this.#agents.profile(agent);
    const host = this.packing ? this.#agents.host(agent) : 0;
    let groups = this.#byProfile[profile.id];
    if (groups === undefined) {
      groups = [];
      this.#byProfile[profile.id] = groups;
    }
    let group = groups[host];
    if (group === undefined) {
      group = new ReadyGroup(this.#groups.length, profile, host, this.#agents);
      this.#groups.push(group);
      groups[host] = group;
      const onHost = this.#byHost[host] ?? [];
      onHost.push(group);
      this.#byHost[host] = onHost;
    }
    return group;
  }
}

function firstNot(group: ReadyGroup, skip: Skip): number {
  for (const agent of group.inOrder()) if (!skip(agent)) return agent;
  return NONE;
}
