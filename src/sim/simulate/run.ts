/**
 * A world through the real core, on a virtual clock. Each session asks for its agents, uses them,
 * and gives them back or leaves them idle. The core is driven as a server drives it: it is ticked
 * whenever it has something to do, and told of commands that are near before they come.
 */
import type { Command, LeaseCommand } from '../../core/command.ts';
import type { Event } from '../../core/event.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../core/options.ts';
import { FRAME, Pool } from '../../core/pool.ts';
import type { IdlePolicy } from '../../core/words.ts';
import { Holdings } from './holdings.ts';
import { agentName, Ledger, tenantName } from './ledger.ts';
import { PURPOSES } from './purposes.ts';
import { WARM_UP_MS } from './sessions.ts';
import { Tally } from './tally.ts';
import { Timeline } from './timeline.ts';
import { EPOCH_MS, type World } from './world.ts';

const AGENTS_PER_COMMAND = 10_000;

/** Where a tenant's present session stands. */
const NONE = 0;
const WAITING = 1;
const SERVED = 2;

/** Defaults of the pool, without heartbeats: agents of a simulation do not fail. */
export function poolOptions(idlePolicy: IdlePolicy): PoolOptions {
  const health = { ...DEFAULT_OPTIONS.health, heartbeatTimeoutMs: 0 };
  return { ...DEFAULT_OPTIONS, health, idlePolicy };
}

export class Run {
  readonly tally: Tally;
  readonly ledger: Ledger;
  readonly #world: World;
  readonly #pool: Pool;
  readonly #timeline: Timeline;
  readonly #holdings: Holdings;
  readonly #stage: Uint8Array;
  /** The sessions of tickets that wait. */
  readonly #sessionOf = new Map<string, number>();
  #now = -WARM_UP_MS;
  /** The next steps, which the core prepares for together. */
  readonly #frame = {
    session: new Int32Array(FRAME),
    isStart: new Uint8Array(FRAME),
    at: new Float64Array(FRAME),
  };
  readonly #commands: Command[] = [];

  constructor(world: World, agents: number, options: PoolOptions) {
    this.#world = world;
    this.#pool = new Pool(options);
    this.#timeline = new Timeline(world.sessions, world.endMs);
    this.#holdings = new Holdings(world.population);
    this.#stage = new Uint8Array(world.population.size);
    this.tally = new Tally(world.endMs);
    const { maxAgentsPerTenant } = options;
    this.ledger = new Ledger(world.population.size, { agents, maxAgentsPerTenant });
    this.#register(agents);
  }

  /** Virtual time, in ms since the world's beginning. */
  get now(): number {
    return this.#now;
  }

  /** Requests that count and are still in the queue. */
  get waiting(): number {
    const { start } = this.#world.sessions;
    return [...this.#sessionOf.values()].filter((session) => start[session]! >= 0).length;
  }

  /** Carries out the next frame of steps; false when the world has come to its end. */
  step(): boolean {
    const steps = this.#fill();
    this.#pool.prepare(this.#commands);
    for (let nth = 0; nth < steps; nth++) {
      const { session, isStart, at } = this.#frame;
      this.#advance(at[nth]!);
      if (isStart[nth] === 1) this.#begin(session[nth]!);
      else this.#end(session[nth]!);
    }
    if (steps === FRAME) return true;
    this.#advance(this.#world.endMs - 1);
    this.#finish();
    return false;
  }

  #register(agents: number): void {
    for (let first = 0; first < agents; first += AGENTS_PER_COMMAND) {
      const length = Math.min(AGENTS_PER_COMMAND, agents - first);
      this.#execute({
        type: 'register',
        agents: Array.from({ length }, (_, nth) => ({
          agentId: agentName(first + nth),
          specialization: 'general',
          tools: [],
          tier: 'standard',
          slots: 1,
          costPerHour: 0,
          labels: {},
          protected: false,
          memberships: [],
        })),
      });
    }
  }

  /** Gathers the next steps and the commands that they will probably come to. */
  #fill(): number {
    const { session, isStart, at } = this.#frame;
    const commands = this.#commands;
    commands.length = 0;
    let steps = 0;
    while (steps < FRAME && this.#timeline.next()) {
      session[steps] = this.#timeline.session;
      isStart[steps] = this.#timeline.isStart ? 1 : 0;
      at[steps] = this.#timeline.at;
      const tenant = this.#world.sessions.tenant[this.#timeline.session]!;
      steps += 1;
      if (commands.length === FRAME) continue;
      if (this.#timeline.isStart) {
        commands.push(this.#request(tenant, this.#world.population.agentsOf(tenant), true));
        continue;
      }
      for (let place = this.#holdings.first(tenant); place < this.#holdings.end(tenant); place++) {
        const lease = this.#holdings.lease(place);
        if (lease !== '' && commands.length < FRAME) commands.push({ type: 'release', lease });
      }
    }
    return steps;
  }

  #request(tenant: number, count: number, reuse: boolean): LeaseCommand {
    const { name: purpose } = PURPOSES[this.#world.population.purpose[tenant]!]!;
    return { type: 'lease', tenant: tenantName(tenant), purpose, count, reuse };
  }

  /** Lets the core do all that is due by then. */
  #advance(to: number): void {
    for (let due = this.#due(); due <= to; due = this.#due()) {
      this.#now = Math.max(this.#now, due);
      this.#execute({ type: 'tick' });
    }
    this.#now = to;
  }

  #due(): number {
    return this.#pool.nextDeadline() - EPOCH_MS;
  }

  #begin(session: number): void {
    const tenant = this.#world.sessions.tenant[session]!;
    const wanted = this.#world.population.agentsOf(tenant);
    this.tally.ask(this.#now);
    this.tally.sessions.add(1, this.#now);
    this.tally.wanted.add(wanted, this.#now);

    const held = this.#holdings.count(tenant);
    // What is left of an earlier session is used, and only the rest is asked for.
    const isPart = held > 0 && held < wanted;
    if (isPart) this.#report(tenant, 'active');
    const command = this.#request(tenant, wanted - (isPart ? held : 0), !isPart);
    const outcome = this.#pool.execute(command, EPOCH_MS + this.#now);
    if (outcome.outcome === 'queued') {
      // Noted before the events are read: one of them may grant the ticket already.
      this.#sessionOf.set(outcome.ticket.ticketId, session);
      this.#stage[tenant] = WAITING;
      this.tally.queue(this.#now);
    }
    this.#drain();
    if (outcome.outcome === 'refused') {
      this.tally.refuse(this.#now, outcome.code);
      if (isPart) this.#report(tenant, 'idle');
    } else if (outcome.outcome === 'granted') {
      this.tally.grant(this.#now, this.#now, outcome.reused);
      this.#use(tenant);
    }
  }

  #use(tenant: number): void {
    this.#stage[tenant] = SERVED;
    this.#report(tenant, 'active');
  }

  #end(session: number): void {
    const { sessions, population } = this.#world;
    const tenant = sessions.tenant[session]!;
    this.tally.sessions.add(-1, this.#now);
    this.tally.wanted.add(-population.agentsOf(tenant), this.#now);
    if (this.#stage[tenant] === WAITING) {
      throw new Error('a session has ended before its request left the queue');
    }
    if (this.#stage[tenant] === SERVED) {
      if (sessions.releases[session] === 1) this.#release(tenant);
      else this.#report(tenant, 'idle');
    }
    this.#stage[tenant] = NONE;
  }

  #report(tenant: number, state: 'active' | 'idle'): void {
    const holdings = this.#holdings;
    for (let place = holdings.first(tenant); place < holdings.end(tenant); place++) {
      const lease = holdings.lease(place);
      if (lease === '') continue;
      this.#execute({ type: 'report', lease, token: holdings.token(place), state });
    }
  }

  #release(tenant: number): void {
    const holdings = this.#holdings;
    for (let place = holdings.first(tenant); place < holdings.end(tenant); place++) {
      const lease = holdings.lease(place);
      if (lease === '') continue;
      this.#execute({ type: 'release', lease, token: holdings.token(place) });
    }
  }

  #execute(command: Exclude<Command, LeaseCommand>): void {
    const outcome = this.#pool.execute(command, EPOCH_MS + this.#now);
    if (outcome.outcome === 'refused') {
      throw new Error(`the pool refuses a ${command.type}: ${outcome.detail}`);
    }
    this.#drain();
  }

  /** Reads what has happened, and forgets it. */
  #drain(): void {
    const events = this.#pool.takeEvents();
    if (events.length === 0) return;
    for (const event of events) this.#hear(event);
    const { ledger, tally } = this;
    tally.used.set(ledger.live, this.#now);
    tally.idle.set(ledger.idle, this.#now);
    tally.waiting.set(ledger.waiting, this.#now);
    // After all of them: an answer causes events of its own.
    for (const event of events) if (event.type === 'ticket_ended') this.#answered(event);
  }

  #hear(event: Event): void {
    const tenant = this.ledger.note(event);
    if (event.type === 'lease_granted') {
      if (!this.#holdings.add(tenant, event.lease, event.token)) {
        this.ledger.accuse('a tenant is granted more than it asked for', event);
      }
      if (this.#now < 0) return;
      this.tally.leases += 1;
      if (event.warm) this.tally.warmLeases += 1;
    } else if (event.type === 'lease_ended') {
      this.#holdings.remove(tenant, event.lease);
      this.tally.endLease(this.#now, event.reason);
    }
  }

  #answered({ ticket, state }: Extract<Event, { type: 'ticket_ended' }>): void {
    const session = this.#sessionOf.get(ticket);
    if (session === undefined) throw new Error(`the ticket ${ticket} is nobody's`);
    this.#sessionOf.delete(ticket);
    const { start, tenant: tenants } = this.#world.sessions;
    const tenant = tenants[session]!;
    if (state === 'granted') {
      this.tally.grant(start[session]!, this.#now, false);
      this.#use(tenant);
      return;
    }
    this.tally.expire(start[session]!, this.#now);
    this.#stage[tenant] = NONE;
    this.#report(tenant, 'idle');
  }

  #finish(): void {
    const { endMs } = this.#world;
    this.#now = endMs;
    const { tally } = this;
    for (const gauge of [tally.sessions, tally.wanted, tally.used, tally.idle, tally.waiting]) {
      gauge.advance(endMs);
    }
    const { leases, queue } = this.#pool.stats();
    this.ledger.compare({ live: leases.total, waiting: queue.length });
  }
}
