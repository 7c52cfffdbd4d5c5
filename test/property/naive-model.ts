/**
 * The whole pool, written the slow and obvious way: plain objects in plain lists, and each
 * decision is a filter, a score and a sort over all of them. It shares nothing with the engine but
 * words, constants and the hash of a name, so that the two can only agree where both are right.
 *
 * What the rules leave open follows the engine: `explain` counts a withheld agent before one that
 * serves the tenant (the other way round among members), agents are checked in the order of
 * their rows, a change of what an agent is counts as a use, and raising its slots ends warmth.
 */
import type * as C from '../../src/core/command.ts';
import * as limits from '../../src/core/limits.ts';
import { hashOf } from '../../src/core/names.ts';
import type { PoolOptions } from '../../src/core/options.ts';
import type * as O from '../../src/core/outcome.ts';
import { type EndReason, type LeaseState, PRIORITIES, TIERS } from '../../src/core/words.ts';
import {
  type Agent,
  type Demand,
  demandOf,
  type Find,
  hostOf,
  type Lease,
  type Ticket,
  type Wish,
} from './naive-types.ts';

/** What there is, who is chosen and what time brings; the commands are in naive-pool.ts. */
export abstract class NaiveRules {
  readonly options: PoolOptions;
  now = 0;
  rows: (Agent | undefined)[] = [];
  freeRows: number[] = [];
  /** All that ever were, by number, and those that have not ended. */
  leases: Lease[] = [];
  live: Lease[] = [];
  tickets: Ticket[] = [];
  tenants = new Map<string, { recent: { agent: Agent; grant: number }[]; hours: number[] }>();
  answers = new Map<string, { at: number; fingerprint: string; outcome: O.Granted | O.Queued }>();
  counters = {
    ...{ requests: 0, granted: 0, reused: 0, warm: 0, reclaimed: 0, queued: 0, refused: 0 },
    ...{ expiredTickets: 0, moved: 0 },
  };
  sequence = 0;
  token = 0;
  reclaimAt = Number.POSITIVE_INFINITY;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  // --- What there is -------------------------------------------------------------------------

  get agents(): Agent[] {
    return this.rows.filter((agent) => agent !== undefined);
  }
  get waiting(): Ticket[] {
    return this.tickets.filter((ticket) => ticket.state === 'queued').sort(this.before);
  }
  agent = (id: string) => this.agents.find((agent) => agent.agentId === id);
  leasesOf = (agent: Agent) => this.live.filter((lease) => lease.agent === agent);
  held = (tenant: string) => this.live.filter((lease) => lease.tenant === tenant);
  serves = (agent: Agent, tenant: string) => this.leasesOf(agent).some((l) => l.tenant === tenant);
  before = (a: Ticket, b: Ticket) =>
    b.rank - a.rank ||
    this.held(a.tenant).length - this.held(b.tenant).length ||
    a.number - b.number;

  utilization(agents: Agent[] = this.agents): number {
    const slots = agents.reduce((sum, agent) => sum + agent.slots, 0);
    return slots === 0 ? 0 : agents.flatMap((agent) => this.leasesOf(agent)).length / slots;
  }

  recent(tenant: string) {
    const known = this.tenants.get(tenant) ?? { recent: [], hours: new Array(24).fill(0) };
    this.tenants.set(tenant, known);
    return known;
  }

  /** The tenant's last agents that fewer than `slots` others were granted since. */
  warmAgents(tenant: string): Agent[] {
    const recent = this.tenants.get(tenant)?.recent ?? [];
    return recent
      .filter(({ agent, grant }) => !agent.gone && agent.grants.length - grant < agent.slots)
      .map(({ agent }) => agent);
  }

  mismatch(agent: Agent, demand: Demand) {
    if (demand.specialization !== undefined && agent.specialization !== demand.specialization) {
      return 'WRONG_SPECIALIZATION';
    }
    if (demand.tools?.some((tool) => !agent.tools.includes(tool))) return 'MISSING_TOOLS';
    if (TIERS.indexOf(agent.tier) < TIERS.indexOf(demand.minTier ?? 'lite')) return 'TIER_TOO_LOW';
    return agent.costPerHour > (demand.maxCostPerHour ?? Infinity) ? 'TOO_EXPENSIVE' : null;
  }

  unfit(agent: Agent) {
    if (agent.offline) return 'OFFLINE';
    if (agent.draining) return 'DRAINING';
    return agent.health === 'unhealthy' ? 'UNHEALTHY' : null;
  }

  busy(agent: Agent) {
    return this.unfit(agent) ?? (this.leasesOf(agent).length < agent.slots ? null : 'LEASED');
  }

  isMember = (agent: Agent, tenant: string) =>
    this.options.membership === 'ignored' || agent.members.includes(tenant);

  leases24h(agent: Agent): number {
    const from = this.now - limits.LOAD_WINDOW_MS;
    return Math.min(10, agent.grants.filter((at) => Math.floor(at / 1000) * 1000 > from).length);
  }

  score(agent: Agent): O.Score {
    const minutes = (this.now - agent.lastUsedAt) / 60_000;
    const leases = this.leases24h(agent);
    const health = { healthy: 40, degraded: 20, unhealthy: 0 }[agent.health];
    const tier = { premium: 30, standard: 20, lite: 10 }[agent.tier];
    const idle = minutes > 60 ? 20 : minutes > 30 ? 15 : minutes > 10 ? 10 : 5;
    const load = leases < 5 ? 10 : leases < 10 ? 5 : 0;
    return { total: 100 + health + tier + idle + load, health, tier, idle, load };
  }

  /** Whom the tenant could invite: first those whose other tenants ask at other hours. */
  invitable(able: Agent[], tenant: string): Agent[] {
    const hoursOf = (name: string) => this.tenants.get(name)?.hours ?? new Array(24).fill(0);
    const own = hoursOf(tenant);
    const asks = own.some((grants) => grants > 0) ? own : new Array(24).fill(1);
    const start = (hashOf(tenant) >>> 0) % this.rows.length;
    const turn = ({ row }: Agent) => (row + this.rows.length - start) % this.rows.length;
    const together = (other: string) =>
      hoursOf(other).reduce((sum, grants, hour) => sum + grants * asks[hour], 0);
    const shared = (agent: Agent) =>
      agent.members
        .slice(0, limits.INVITE_TENANTS_WEIGHED)
        .reduce((sum, other) => sum + together(other), 0) / agent.slots;
    const most = ({ labels: { max_tenants: stated = '', verified } }: Agent) =>
      /^\d{1,9}$/.test(stated) ? Number(stated) : verified === 'true' ? Infinity : 100;
    return able
      .sort((a, b) => turn(a) - turn(b))
      .filter((agent) => !agent.retiring)
      .slice(0, limits.INVITES_LOOKED_AT)
      .filter((agent) => !agent.members.includes(tenant) && agent.members.length < most(agent))
      .slice(0, limits.INVITES_WEIGHED)
      .sort(
        (a, b) =>
          Number(this.unfit(a) !== null) - Number(this.unfit(b) !== null) ||
          shared(a) - shared(b) ||
          a.members.length - b.members.length ||
          turn(a) - turn(b),
      );
  }

  // --- Choosing ------------------------------------------------------------------------------

  search(wish: Wish): Find[] {
    const able = this.agents.filter(
      (agent) =>
        this.busy(agent) === null &&
        this.mismatch(agent, wish.demand) === null &&
        this.isMember(agent, wish.tenant) &&
        !wish.withheld(agent) &&
        !this.serves(agent, wish.tenant),
    );
    const better = (a: Agent, b: Agent) =>
      this.score(b).total - this.score(a).total || a.lastUse - b.lastUse;
    const leasesOn = (agent: Agent) =>
      this.live.filter((lease) => hostOf(lease.agent) === hostOf(agent)).length;
    const packed = (a: Agent, b: Agent) =>
      leasesOn(b) - leasesOn(a) || hostOf(a).localeCompare(hostOf(b)) || better(a, b);
    const { selection, membership } = this.options;
    const best = selection === 'pack' ? packed : better;
    // Host by host, in the order named; members are few and are sorted all at once.
    const near = membership === 'ignored' ? wish.hosts.map((host) => [host]) : [wish.hosts];
    const finds: Find[] = [
      ...this.warmAgents(wish.tenant)
        .filter((agent) => able.includes(agent))
        .map((agent) => ({ agent, how: 'affinity' as const })),
      ...near.flatMap((hosts) =>
        able
          .filter((agent) => hosts.includes(hostOf(agent)))
          .sort(best)
          .map((agent) => ({ agent, how: 'near' as const })),
      ),
      ...able.sort(best).map((agent) => ({ agent, how: selection })),
    ];
    return finds
      .filter((find, i) => finds.findIndex(({ agent }) => agent === find.agent) === i)
      .slice(0, wish.count);
  }

  victims(wish: Wish, priority: number, needed: number, found: Find[]): Lease[] {
    const { reclaim } = this.options;
    const { specialization } = wish.demand;
    const own = this.agents.filter((agent) => agent.specialization === specialization);
    const pressed = Math.max(this.utilization(), this.utilization(own));
    const idleAfter =
      pressed >= limits.PRESSURE_UTILIZATION
        ? reclaim.idleAfterUnderPressureMs
        : reclaim.idleAfterMs;
    const rows = this.live
      .filter(
        ({ agent, ...lease }) =>
          reclaim.enabled &&
          lease.state === 'idle' &&
          lease.priority <= priority &&
          this.now - lease.activityAt >= idleAfter &&
          this.now - lease.allocatedAt >= reclaim.minHoldMs &&
          this.unfit(agent) === null &&
          this.leasesOf(agent).length <= agent.slots &&
          this.mismatch(agent, wish.demand) === null &&
          this.isMember(agent, wish.tenant) &&
          !wish.withheld(agent) &&
          !this.serves(agent, wish.tenant) &&
          found.every((find) => find.agent !== agent),
      )
      .sort((a, b) => a.activity - b.activity);
    return rows
      .filter((lease, i) => rows.findIndex(({ agent }) => agent === lease.agent) === i)
      .slice(0, needed);
  }

  /** The first of each lane. */
  heads = (all: Ticket[] = this.waiting) =>
    all.filter((ticket, i) => all.findIndex(({ lane }) => lane === ticket.lane) === i);

  /** What fits the first group of a lane, if that comes before, is not for others. */
  withheldBy(comesFirst: (group: Ticket) => boolean): (agent: Agent) => boolean {
    const groups = this.heads(this.waiting.filter(({ count }) => count > 1)).filter(comesFirst);
    return (agent) => groups.some(({ demand }) => this.mismatch(agent, demand) === null);
  }

  /** Serves those who wait until nobody can be served any more. */
  serve(reclaim: boolean): void {
    const blocked = new Set<string>();
    for (const ticket of this.waiting) {
      if (blocked.has(ticket.lane)) continue;
      const wish: Wish = {
        ...ticket,
        hosts: (ticket.command.near ?? []).flatMap((id) => this.hostOfLease(id)),
        withheld: this.withheldBy((other) => other !== ticket && this.before(other, ticket) < 0),
      };
      const found = this.search(wish);
      const steps = Math.floor((this.now - ticket.queuedAt) / this.options.queue.agingMs / 4);
      const priority = Math.min(3, ticket.priority + steps);
      const missing = ticket.count - found.length;
      const victims = reclaim ? this.victims(wish, priority, missing, found) : [];
      if (found.length + victims.length >= ticket.count) {
        const takers = [...found, ...victims].map(({ agent }) => agent);
        const warm = takers.map((agent) => this.isWarm(ticket.tenant, agent));
        for (const victim of victims) this.end(victim, 'reclaimed');
        ticket.leases = takers.map((agent, i) => this.grant(ticket.command, agent, warm[i]));
        ticket.state = 'granted';
        ticket.dueAt = this.now + Math.max(1000, ticket.expiresAt - ticket.queuedAt);
        this.serve(reclaim);
        return;
      }
      if (ticket.count > 1) blocked.add(ticket.lane);
    }
  }

  // --- What happens --------------------------------------------------------------------------

  isWarm = (tenant: string, agent: Agent) => this.warmAgents(tenant).includes(agent);
  /** The host to be near to, if the lease is held and its agent is on a host with a name. */
  hostOfLease = (id: string) =>
    this.live.filter((l) => l.id === id && hostOf(l.agent) !== '').map((l) => hostOf(l.agent));
  purposeOf = (command: C.LeaseCommand) => command.purpose ?? 'general';
  optionsOf = (purpose: string) =>
    this.options.purposes[purpose] ??
    (this.options.purposes.default as (typeof this.options.purposes)[string]);

  use(agent: Agent): void {
    agent.lastUsedAt = this.now;
    agent.lastUse = ++this.sequence;
  }

  bind(tenant: string, agent: Agent): void {
    agent.grants.push(this.now);
    const known = this.recent(tenant);
    known.recent = [
      { agent, grant: agent.grants.length },
      // An agent that takes the row of one that has left takes its place here too.
      ...known.recent.filter((entry) => entry.agent.row !== agent.row),
    ].slice(0, Math.min(limits.MAX_AFFINITY, this.options.affinitySize));
    this.use(agent);
  }

  grant(command: C.LeaseCommand, agent: Agent, warm: boolean): Lease {
    const lease = this.draft(command, agent, warm);
    this.leases.push(lease);
    this.live.push(lease);
    this.token = lease.token;
    this.counters.granted++;
    if (warm) this.counters.warm++;
    this.bind(command.tenant, agent);
    const known = this.recent(command.tenant);
    const hour = Math.floor(this.now / 3_600_000) % 24;
    if (known.hours[hour] === 15) known.hours = known.hours.map((each) => Math.floor(each / 2));
    known.hours[hour]++;
    this.touch(lease, 'allocated');
    return lease;
  }

  draft(command: C.LeaseCommand, agent: Agent, warm: boolean): Lease {
    const purpose = this.purposeOf(command);
    return {
      id: `lse-${this.leases.length}-1`,
      number: this.leases.length,
      token: this.token + 1,
      tenant: command.tenant,
      agent,
      demand: demandOf(command),
      purpose,
      priority: PRIORITIES.indexOf(command.priority ?? 'normal'),
      metadata: command.metadata ?? {},
      warm,
      state: 'allocated',
      idleTimeoutMs: this.optionsOf(purpose).idleTimeoutMs,
      allocatedAt: this.now,
      activityAt: this.now,
      activity: 0,
      endsAt: this.now + (command.lifetimeMs ?? Infinity),
      lookAt: Infinity,
      endedAt: 0,
    };
  }

  touch(lease: Lease, state: LeaseState): void {
    lease.state = state;
    lease.activityAt = this.now;
    lease.activity = ++this.sequence;
    this.look(lease);
  }

  end(lease: Lease, reason: EndReason): void {
    if (reason === 'reclaimed') this.counters.reclaimed++;
    Object.assign(lease, { state: 'released', reason, endedAt: this.now });
    this.live = this.live.filter((other) => other !== lease);
    this.use(lease.agent);
    this.leaveIfDone(lease.agent);
  }

  leaveIfDone(agent: Agent): void {
    if (!agent.retiring || agent.gone || this.leasesOf(agent).length > 0) return;
    agent.gone = true;
    agent.members = [];
    this.rows[agent.row] = undefined;
    this.freeRows.push(agent.row);
  }

  deadline(lease: Lease): number {
    let patience = lease.idleTimeoutMs;
    if (lease.state === 'active') patience = limits.ACTIVE_SILENCE_MS;
    if (lease.state === 'idle' && this.options.idlePolicy === 'pressure') {
      const u = this.utilization();
      const least = Math.min(patience, 300_000);
      if (u >= 0.8) patience -= (patience - least) * Math.min(1, (u - 0.8) / (1 - 0.8));
      else if (u < 0.5) patience *= 2 - u / 0.5;
    }
    return Math.min(lease.activityAt + patience, lease.endsAt);
  }

  /** Under `pressure` a deadline can move in, so idle leases are looked at each full 30 s. */
  look(lease: Lease): void {
    const round = (Math.floor(this.now / 30_000) + 1) * 30_000;
    const again = Math.max(lease.activityAt + Math.min(300_000, lease.idleTimeoutMs), round);
    const pressed = this.options.idlePolicy === 'pressure' && lease.state === 'idle';
    const at = Math.min(this.deadline(lease), pressed ? again : Infinity);
    lease.lookAt = Math.min(lease.lookAt, at);
  }

  advance(now: number): void {
    this.now = Math.max(this.now, now);
    const looked = this.live
      .filter((lease) => lease.lookAt <= this.now)
      .map((lease) => ({ lease, at: this.deadline(lease) }))
      .sort((a, b) => a.at - b.at || a.lease.number - b.lease.number);
    // Under pressure all are judged by the same utilization, that of before any of them ends.
    for (const { lease, at } of looked) {
      lease.lookAt = Infinity;
      if (at > this.now) this.look(lease);
    }
    for (const { lease, at } of looked) {
      if (at > this.now) continue;
      this.end(lease, lease.endsAt <= this.now ? 'expired' : 'idle_timeout');
    }
    this.serve(false);
    const tickets = this.tickets.filter((ticket) => ticket.dueAt <= this.now);
    for (const ticket of tickets.sort((a, b) => a.dueAt - b.dueAt || a.number - b.number)) {
      ticket.dueAt = Infinity;
      if (ticket.state === 'queued') {
        ticket.state = 'expired';
        this.counters.expiredTickets++;
      }
      for (const lease of ticket.leases) {
        // Whoever reported it, or was given it again, has seen it.
        const seen = lease.state !== 'allocated' || lease.activityAt > lease.allocatedAt;
        if (!seen) this.end(lease, 'idle_timeout');
      }
    }
    this.serve(false);
  }

  moveLeases(agent: Agent): void {
    const idle = (lease: Lease) => Number(lease.state === 'idle');
    for (const lease of this.leasesOf(agent).sort(
      (a, b) => idle(a) - idle(b) || a.token - b.token,
    )) {
      const wish: Wish = { ...lease, count: 1, hosts: [], withheld: () => false };
      let next = this.search(wish)[0]?.agent;
      if (next === undefined && lease.state !== 'idle') {
        const victim = this.victims(wish, lease.priority, 1, [])[0];
        if (victim !== undefined) this.end(victim, 'reclaimed');
        next = victim?.agent;
      }
      if (next === undefined) {
        this.end(lease, 'agent_lost');
        continue;
      }
      this.counters.moved++;
      lease.warm = this.isWarm(lease.tenant, next);
      lease.agent = next;
      lease.token = ++this.token;
      this.use(agent);
      this.bind(lease.tenant, next);
      this.touch(lease, 'allocated');
      this.leaveIfDone(agent);
    }
  }
}
