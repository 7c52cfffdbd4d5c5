/**
 * How many agents each tenant should have, before it is known which. An agent of average business
 * is free with some probability at each slice; a request is lost when the tenant has no more free
 * members than it has sessions already. The next invite goes where it saves the most requests: the
 * marginal allocation of Fox (Discrete optimization via marginal analysis, 1966).
 */
import { hoursAWeek, SLICES, type TenantActivity } from './activity.ts';

export interface Needs {
  readonly activities: readonly TenantActivity[];
  /** Agents that each tenant has. */
  readonly have: readonly number[];
  /** How many more each may get. */
  readonly room: readonly number[];
  /** Slots of all agents. */
  readonly slots: number;
  /** For all tenants together. */
  readonly invites: number;
}

/** New invites for each tenant; those that never ask get none. */
export function inviteCounts({ activities, have, room, slots, invites }: Needs): number[] {
  const free = freeBySlice(activities, slots);
  const markets = activities.map((activity, tenant) => marketOf(activity, free, have[tenant]!));
  const counts = activities.map(() => 0);
  const heap = new Heap((tenant) => markets[tenant]!.next);
  for (let tenant = 0; tenant < activities.length; tenant += 1) {
    if (room[tenant]! > 0 && markets[tenant]!.next > 0) heap.push(tenant);
  }
  for (let left = invites; left > 0; left -= 1) {
    const tenant = heap.pop();
    if (tenant === undefined) break;
    counts[tenant]! += 1;
    markets[tenant]!.take();
    if (counts[tenant]! < room[tenant]! && markets[tenant]!.next > 0) heap.push(tenant);
  }
  return counts;
}

/** The probability that an agent of average business is free. */
function freeBySlice(activities: readonly TenantActivity[], slots: number): Float64Array {
  const load = new Float64Array(SLICES);
  for (const activity of activities) {
    for (let slice = 0; slice < SLICES; slice += 1) load[slice]! += activity.load[slice]!;
  }
  return load.map((erlangs) => 1 / (1 + erlangs / slots));
}

interface Market {
  /** Requests a week that one agent more would serve. */
  readonly next: number;
  take(): void;
}

function marketOf(
  { requests, atOnce }: TenantActivity,
  freeBySlice: Float64Array,
  have: number,
): Market {
  let asked = 0;
  let found = 0;
  for (let slice = 0; slice < SLICES; slice += 1) {
    const week = requests[slice]! * hoursAWeek(slice);
    asked += week;
    found += week * freeBySlice[slice]!;
  }
  const free = asked === 0 ? 0 : found / asked;
  /** By how many of its agents are free, as far as it ever has sessions at once. */
  const states = new Float64Array(atOnce.length);
  states[0] = 1;
  const take = (): void => {
    for (let n = states.length - 1; n >= 0; n -= 1) {
      states[n] = states[n]! * (1 - free) + (n > 0 ? states[n - 1]! * free : 0);
    }
  };
  for (let n = 0; n < have; n += 1) take();
  return {
    get next() {
      return asked * free * atOnce.reduce((sum, share, n) => sum + share * states[n]!, 0);
    },
    take,
  };
}

/** The tenant with the greatest value first, of equals the first one. */
class Heap {
  readonly #value: (tenant: number) => number;
  readonly #items: number[] = [];
  readonly #values: number[] = [];

  constructor(value: (tenant: number) => number) {
    this.#value = value;
  }

  push(tenant: number): void {
    let at = this.#items.length;
    this.#items.push(tenant);
    this.#values.push(this.#value(tenant));
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): number | undefined {
    const first = this.#items[0];
    if (first === undefined) return undefined;
    this.#swap(0, this.#items.length - 1);
    this.#items.pop();
    this.#values.pop();
    for (let at = 0; ; ) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#items.length && this.#isBefore(child, best)) best = child;
      }
      if (best === at) return first;
      this.#swap(at, best);
      at = best;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#values[a]! - this.#values[b]!;
    return difference === 0 ? this.#items[a]! < this.#items[b]! : difference > 0;
  }

  #swap(a: number, b: number): void {
    for (const list of [this.#items, this.#values]) {
      const kept = list[a]!;
      list[a] = list[b]!;
      list[b] = kept;
    }
  }
}
