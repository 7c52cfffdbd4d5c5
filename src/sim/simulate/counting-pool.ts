/**
 * What the pool would answer to a world, without the pool: all agents of a simulation are alike, so
 * whether a request is granted, and when, follows from counts alone. It takes a tenth of the time,
 * which makes a search for the right number of agents possible. The rules are those of the core
 * (allocate.ts, serve.ts, reclaim.ts, upkeep.ts), and a test holds both to the same figures.
 */
import {
  PRESSURE_IDLE_MS,
  PRESSURE_RECHECK_MS,
  PRESSURE_UTILIZATION,
  RECLAIM_RECHECK_MS,
  SLACK_UTILIZATION,
} from '../../core/limits.ts';
import type { PoolOptions } from '../../core/options.ts';
import { rankOf } from '../../core/tickets.ts';
import { PRIORITIES } from '../../core/words.ts';
import { IdleQueue } from './idle-queue.ts';
import { PURPOSES } from './purposes.ts';
import { WARM_UP_MS } from './sessions.ts';
import { SOON_MS } from './tally.ts';
import { Timeline } from './timeline.ts';
import { isBefore, type Waiting, WaitingLine } from './waiting-line.ts';
import { EPOCH_MS, type World } from './world.ts';

const FREE = 0;
const ACTIVE = 1;
const IDLE = 2;
const NEVER = Number.POSITIVE_INFINITY;
const NORMAL = PRIORITIES.indexOf('normal');

export interface Served {
  readonly requests: number;
  /** Granted within SOON_MS. */
  readonly soon: number;
}

export class CountingPool {
  readonly #world: World;
  readonly #options: PoolOptions;
  readonly #agents: number;
  readonly #idle: IdleQueue;
  readonly #line = new WaitingLine();
  /** By the numbering of `Population.firstAgent`. */
  readonly #states: Uint8Array;
  readonly #isServed: Uint8Array;
  /** By purpose: as configured, and as they are now. */
  readonly #fixed: readonly number[];
  readonly #timeouts: number[];
  readonly #weights: readonly number[];
  #now = 0;
  #free: number;
  #asked = 0;
  #requests = 0;
  #soon = 0;
  #reclaimAt = NEVER;
  /** When timeouts are bent to the utilization again; never, where they are fixed. */
  #bendAt: number;

  constructor(world: World, agents: number, options: PoolOptions) {
    const { staticAgents, size } = world.population;
    this.#world = world;
    this.#options = options;
    this.#agents = agents;
    this.#free = agents;
    this.#idle = new IdleQueue(staticAgents, PURPOSES.length);
    this.#states = new Uint8Array(staticAgents);
    this.#isServed = new Uint8Array(size);
    const purposes = PURPOSES.map(
      ({ name }) => options.purposes[name] ?? options.purposes.default!,
    );
    this.#fixed = purposes.map(({ idleTimeoutMs }) => idleTimeoutMs);
    this.#timeouts = [...this.#fixed];
    this.#weights = purposes.map(({ priorityWeight }) => priorityWeight);
    this.#bendAt = options.idlePolicy === 'pressure' ? -WARM_UP_MS : NEVER;
  }

  /** Stops early, with fewer granted than there are, once more than `mostLate` are not granted soon. */
  run(mostLate: number = Number.POSITIVE_INFINITY): Served {
    const timeline = new Timeline(this.#world.sessions, this.#world.endMs);
    while (timeline.next() && this.#late <= mostLate) {
      this.#advance(timeline.at);
      if (timeline.isStart) this.#begin(timeline.session);
      else this.#end(timeline.session);
    }
    this.#advance(this.#world.endMs - 1);
    return { requests: this.#requests, soon: this.#soon };
  }

  /** Requests that have not been granted soon, those included that may still be. */
  get #late(): number {
    return this.#requests - this.#soon - this.#line.length;
  }

  #advance(to: number): void {
    for (let due = this.#due(); due <= to; due = this.#due()) {
      this.#now = due;
      if (due >= this.#bendAt) this.#bend();
      if (this.#endDueLeases()) this.#serve(false);
      if (this.#endDueRequests()) this.#serve(false);
      this.#serveByReclaim();
    }
    this.#now = to;
  }

  #due(): number {
    let due = Math.min(this.#reclaimAt, this.#bendAt);
    const { oldest } = this.#line;
    if (oldest !== undefined) due = Math.min(due, oldest.askedAt + this.#options.queue.timeoutMs);
    for (let list = 0; list < this.#timeouts.length; list++) {
      due = Math.min(due, this.#timeoutOf(list));
    }
    return due;
  }

  /** When the list's first lease times out. */
  #timeoutOf(list: number): number {
    return this.#idle.headSince(list) + this.#timeouts[list]!;
  }

  /** As in src/core/idle-policy.ts, but for all leases at once and only at full multiples. */
  #bend(): void {
    const used = this.#utilization();
    const pressure = Math.max(0, (used - PRESSURE_UTILIZATION) / (1 - PRESSURE_UTILIZATION));
    const slack = Math.max(0, 1 - used / SLACK_UTILIZATION);
    for (const [list, fixed] of this.#fixed.entries()) {
      const shortest = Math.min(fixed, PRESSURE_IDLE_MS);
      this.#timeouts[list] = fixed * (1 + slack) - (fixed - shortest) * pressure;
    }
    this.#bendAt += PRESSURE_RECHECK_MS;
  }

  #begin(session: number): void {
    const { population, sessions } = this.#world;
    const tenant = sessions.tenant[session]!;
    const first = population.firstAgent[tenant]!;
    const end = population.firstAgent[tenant + 1]!;
    let held = 0;
    for (let place = first; place < end; place++) {
      if (this.#states[place] !== IDLE) continue;
      this.#idle.remove(place, population.purpose[tenant]!);
      this.#states[place] = ACTIVE;
      held += 1;
    }
    if (this.#now >= 0) this.#requests += 1;
    if (held === end - first) this.#granted(this.#now, tenant);
    else this.#ask(tenant, end - first - held, held);
    this.#serveByReclaim();
  }

  #ask(tenant: number, count: number, held: number): void {
    const askedAt = this.#now;
    const { agingMs, maxLength } = this.#options.queue;
    const weight = this.#weights[this.#world.population.purpose[tenant]!]!;
    const rank = rankOf(NORMAL, weight, EPOCH_MS + askedAt, agingMs);
    const number = ++this.#asked;
    const request: Waiting = { tenant, count, askedAt, rank, held, number, isWaiting: true };
    const line = this.#line;
    const group = line.firstGroup;
    const isWithheld = group !== undefined && isBefore(group, request);
    const found = isWithheld ? 0 : Math.min(this.#free, count);
    let victims = isWithheld || found === count ? 0 : this.#reclaimable(count - found);
    if (victims > 0 && line.first !== undefined && isBefore(line.first, request)) {
      victims = 0;
      this.#reclaimAt = askedAt;
    }
    if (found + victims === count) this.#grant(request, found);
    else if (count > this.#agents || line.length >= maxLength) this.#rest(tenant);
    else line.add(request);
  }

  #grant({ tenant, askedAt, count }: Waiting, found: number): void {
    for (let nth = found; nth < count; nth++) this.#reclaimOne();
    this.#free -= count;
    const { firstAgent } = this.#world.population;
    this.#states.fill(ACTIVE, firstAgent[tenant], firstAgent[tenant + 1]);
    this.#granted(askedAt, tenant);
  }

  #granted(askedAt: number, tenant: number): void {
    this.#isServed[tenant] = 1;
    if (askedAt >= 0 && this.#now - askedAt <= SOON_MS) this.#soon += 1;
  }

  #end(session: number): void {
    const { population, sessions } = this.#world;
    const tenant = sessions.tenant[session]!;
    if (this.#isServed[tenant] === 0) return;
    this.#isServed[tenant] = 0;
    if (sessions.releases[session] === 0) {
      this.#rest(tenant);
      return;
    }
    const end = population.firstAgent[tenant + 1]!;
    for (let place = population.firstAgent[tenant]!; place < end; place++) {
      this.#states[place] = FREE;
      this.#free += 1;
      this.#serve(false);
      this.#serveByReclaim();
    }
  }

  /** What the tenant holds falls idle. */
  #rest(tenant: number): void {
    const { firstAgent, purpose } = this.#world.population;
    for (let place = firstAgent[tenant]!; place < firstAgent[tenant + 1]!; place++) {
      if (this.#states[place] !== ACTIVE) continue;
      this.#states[place] = IDLE;
      this.#idle.add(place, purpose[tenant]!, this.#now);
    }
  }

  #endDueLeases(): boolean {
    let hasEnded = false;
    for (let list = 0; list < this.#timeouts.length; list++) {
      while (this.#timeoutOf(list) <= this.#now) {
        this.#endIdle(list);
        hasEnded = true;
      }
    }
    return hasEnded;
  }

  #endDueRequests(): boolean {
    let hasEnded = false;
    const before = this.#now - this.#options.queue.timeoutMs;
    for (let oldest = this.#line.oldest; oldest !== undefined; oldest = this.#line.oldest) {
      if (oldest.askedAt > before) break;
      this.#line.remove(oldest);
      this.#rest(oldest.tenant);
      hasEnded = true;
    }
    return hasEnded;
  }

  #endIdle(list: number): void {
    const place = this.#idle.head(list);
    this.#idle.remove(place, list);
    this.#states[place] = FREE;
    this.#free += 1;
  }

  #serve(isReclaiming: boolean): void {
    for (let next = this.#line.first; next !== undefined; next = this.#line.first) {
      const found = Math.min(this.#free, next.count);
      const missing = next.count - found;
      if (missing > 0 && (!isReclaiming || this.#reclaimable(missing) < missing)) return;
      this.#line.remove(next);
      this.#grant(next, found);
    }
  }

  #serveByReclaim(): void {
    if (this.#line.length === 0) {
      this.#reclaimAt = NEVER;
      return;
    }
    if (this.#reclaimAt === NEVER) this.#reclaimAt = this.#now + RECLAIM_RECHECK_MS;
    if (this.#now < this.#reclaimAt) return;
    this.#serve(true);
    this.#reclaimAt = this.#line.length > 0 ? this.#now + RECLAIM_RECHECK_MS : NEVER;
  }

  #utilization(): number {
    return (this.#agents - this.#free) / this.#agents;
  }

  /** A lease that has been idle since then may be taken back for others. */
  #reclaimableSince(): number {
    const { idleAfterMs, idleAfterUnderPressureMs } = this.#options.reclaim;
    const isPressed = this.#utilization() >= PRESSURE_UTILIZATION;
    return this.#now - (isPressed ? idleAfterUnderPressureMs : idleAfterMs);
  }

  #reclaimable(most: number): number {
    return this.#idle.countOlder(this.#reclaimableSince(), most);
  }

  #reclaimOne(): void {
    this.#endIdle(this.#idle.oldest(this.#now));
  }
}
