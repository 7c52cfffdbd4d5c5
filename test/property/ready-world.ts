/**
 * A ready index and its agent table, beside plain objects that know the same. Whom to give away
 * next is asked of both: the index, and a scan and sort over all agents.
 */
import { AgentTable } from '../../src/core/agents.ts';
import { Hosts } from '../../src/core/hosts.ts';
import { type Profile, Profiles, type Requirement } from '../../src/core/profiles.ts';
import { ReadyIndex } from '../../src/core/ready-index.ts';
import { classOf, idleOfClass } from '../../src/core/score.ts';
import type { Selection, Tier } from '../../src/core/words.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const KINDS: readonly { specialization: string; tools: string[]; tier: Tier }[] = [
  { specialization: 'general', tools: ['music'], tier: 'standard' },
  { specialization: 'general', tools: ['music'], tier: 'premium' },
  { specialization: 'general', tools: ['music', 'search'], tier: 'lite' },
  { specialization: 'research', tools: ['search'], tier: 'standard' },
];

export const DEMANDS = [
  {},
  { tools: ['music'] },
  { tools: ['search'] },
  { specialization: 'research' },
  { minTier: 'standard' as Tier },
];

/** What an agent is beside its use: where, how many slots, of what kind. */
export interface Shape {
  readonly kind: number;
  readonly slots: number;
  readonly host: number;
}

interface Plain {
  readonly name: string;
  shape: Shape;
  profile: Profile;
  health: number;
  draining: boolean;
  used: number;
  lastUsedAt: number;
  lastUse: number;
  grants: number[];
}

export class ReadyWorld {
  now: number;
  readonly plain = new Map<number, Plain>();
  readonly #profiles = new Profiles();
  readonly #agents = new AgentTable(this.#profiles.all);
  readonly #hosts = new Hosts();
  readonly #ready: ReadyIndex;
  readonly #selection: Selection;
  #uses = 0;
  #named = 0;

  constructor(selection: Selection, now: number) {
    this.#selection = selection;
    this.#ready = new ReadyIndex(this.#agents, this.#hosts, selection);
    this.now = now;
  }

  /** The agent whose number is nearest above, going round; -1 where there is none. */
  pick(number: number): number {
    const all = [...this.plain.keys()];
    return all.length === 0 ? -1 : all[number % all.length];
  }

  wait(ms: number): void {
    this.now += ms;
    this.#ready.advance(this.now);
  }

  register(shape: Shape): void {
    const name = `agent-${this.#named++}`;
    const profile = this.#profileOf(shape);
    const labels = { host: `host-${shape.host}` };
    const host = this.#hosts.id(labels);
    const agent = this.#agents.add(name, profile, shape.slots, host, labels, false, this.now);
    this.#ready.use(agent, this.now);
    this.plain.set(agent, {
      ...{ name, shape, profile, health: 2, draining: false, used: 0 },
      ...{ lastUsedAt: this.now, lastUse: ++this.#uses, grants: [] },
    });
  }

  retire(agent: number): void {
    const plain = this.plain.get(agent);
    if (plain === undefined) return;
    while (plain.used > 0) this.release(agent);
    this.#ready.forget(agent);
    this.#agents.remove(agent);
    this.plain.delete(agent);
  }

  /** Whether it is free or not, so that agents in the middle of the lists are granted too. */
  grant(agent: number): void {
    const plain = this.plain.get(agent);
    if (plain === undefined || plain.used >= plain.shape.slots) return;
    this.#agents.addUsed(agent, 1);
    this.#agents.noteLease(agent, this.now);
    plain.grants = [...plain.grants, this.now].slice(-10);
    this.#use(agent, plain, 1);
  }

  release(agent: number): void {
    const plain = this.plain.get(agent);
    if (plain === undefined || plain.used === 0) return;
    this.#agents.addUsed(agent, -1);
    this.#use(agent, plain, -1);
  }

  setHealth(agent: number, health: number): void {
    const plain = this.plain.get(agent);
    if (plain === undefined) return;
    plain.health = health;
    this.#agents.setHealth(agent, health, 'report');
    this.#ready.refresh(agent, this.now);
  }

  setDraining(agent: number, draining: boolean): void {
    const plain = this.plain.get(agent);
    if (plain === undefined) return;
    plain.draining = draining;
    this.#agents.setDraining(agent, draining, false);
    this.#ready.refresh(agent, this.now);
  }

  reshape(agent: number, shape: Shape): void {
    const plain = this.plain.get(agent);
    if (plain === undefined) return;
    const { packing } = this.#ready;
    const host = this.#hosts.id({ host: `host-${shape.host}` });
    plain.shape = shape;
    plain.profile = this.#profileOf(shape);
    this.#ready.forget(agent);
    if (packing) this.#ready.addLeases(this.#agents.host(agent), -plain.used);
    this.#agents.setProfile(agent, plain.profile, shape.slots);
    this.#agents.setHost(agent, host);
    if (packing) this.#ready.addLeases(host, plain.used);
    this.#use(agent, plain, 0);
  }

  demand(number: number): Requirement {
    return this.#profiles.requirement(DEMANDS[number % DEMANDS.length]);
  }

  /** The first `count` agents as the index gives them, each passed over once it was given. */
  given(requirement: Requirement, count: number, withheld: Profile | null): number[] {
    const taken: number[] = [];
    const without = withheld === null ? null : new Set([withheld]);
    while (taken.length < count) {
      const skip = taken.length === 0 ? null : (agent: number) => taken.includes(agent);
      const agent = this.#ready.best(requirement, this.now, without, skip);
      if (agent === -1) break;
      taken.push(agent);
    }
    return taken;
  }

  /** The same by filtering, scoring and sorting all agents. */
  sorted(requirement: Requirement, count: number, withheld: Profile | null): number[] {
    const leases = new Map<number, number>();
    for (const { shape, used } of this.plain.values()) {
      leases.set(shape.host, (leases.get(shape.host) ?? 0) + used);
    }
    const packing = this.#selection === 'pack';
    const rows = [...this.plain].filter(
      ([, each]) =>
        each.health > 0 &&
        !each.draining &&
        each.used < each.shape.slots &&
        requirement.profiles.includes(each.profile) &&
        each.profile !== withheld,
    );
    const keys = rows.map(([agent, each]) => ({
      agent,
      leases: packing ? (leases.get(each.shape.host) ?? 0) : 0,
      host: packing ? `host-${each.shape.host}` : '',
      points: this.#points(each),
      lastUse: each.lastUse,
    }));
    keys.sort(
      (a, b) =>
        b.leases - a.leases ||
        (a.host < b.host ? -1 : a.host > b.host ? 1 : 0) ||
        b.points - a.points ||
        a.lastUse - b.lastUse,
    );
    return keys.slice(0, count).map(({ agent }) => agent);
  }

  profileAt(number: number): Profile | null {
    return this.#profiles.all[number] ?? null;
  }

  countReady(requirement: Requirement): number {
    return this.#ready.countReady(requirement, null);
  }

  leases24h(agent: number): [table: number, plain: number] {
    const { grants } = this.plain.get(agent) as Plain;
    const recent = grants.filter((at) => Math.floor(at / 1000) * 1000 > this.now - DAY).length;
    return [this.#agents.leases24h(agent, this.now), recent];
  }

  /** Health and recent load as the index files a free agent; idle time is brought up lazily. */
  filedAs(agent: number): [index: number, plain: number] | null {
    const { health } = this.plain.get(agent) as Plain;
    const filed = this.#agents.readyClass(agent);
    if (filed === -1) return null;
    const [, recent] = this.leases24h(agent);
    const load = recent < 5 ? 2 : recent < 10 ? 1 : 0;
    return [filed - idleOfClass(filed), classOf(health, load, 0)];
  }

  #points({ health, profile, lastUsedAt, grants }: Plain): number {
    const minutes = (this.now - lastUsedAt) / MINUTE;
    const recent = grants.filter((at) => Math.floor(at / 1000) * 1000 > this.now - DAY).length;
    const idle = minutes > 60 ? 20 : minutes > 30 ? 15 : minutes > 10 ? 10 : 5;
    return health * 20 + profile.tier * 10 + idle + (recent < 5 ? 10 : recent < 10 ? 5 : 0);
  }

  #use(agent: number, plain: Plain, change: number): void {
    plain.used += change;
    plain.lastUsedAt = this.now;
    plain.lastUse = ++this.#uses;
    this.#ready.use(agent, this.now);
    if (this.#ready.packing) this.#ready.addLeases(this.#agents.host(agent), change);
  }

  #profileOf({ kind, slots }: Shape): Profile {
    const { specialization, tools, tier } = KINDS[kind % KINDS.length];
    return this.#profiles.profile(specialization, tools, tier, 0, slots > 1);
  }
}
