/**
 * All sessions of a world, in typed arrays, in order of their start. They are the same whatever the
 * pool does: a session that gets no agents is lost, and the next one comes when it would have come.
 */
import type { Population } from './population.ts';
import { type SessionLengths, SHORTEST_SESSION_MS } from './purposes.ts';
import type { Random } from './random.ts';
import { BUSIEST, busyness, TIME_ZONES } from './rhythm.ts';
import { orderOf } from './sort-times.ts';

const HOUR_MS = 3_600_000;

/** The pool runs this long before anything counts: as long as an idle lease can live at most, so
 *  that the first counted request finds the pool as a later one would. */
export const WARM_UP_MS = 2 * HOUR_MS;
/** Before that nobody has a session; after this long, as many have one as ever. */
const LEAD_MS = 6 * HOUR_MS;
/** Sessions after which the agents are given back at once; after the others they idle. */
const RELEASED_SHARE = 0.3;

export interface Sessions {
  readonly count: number;
  /** Ms since the world's beginning, whole; from −WARM_UP_MS on. */
  readonly start: Float64Array;
  /** After `start`; may lie beyond the world's end. */
  readonly end: Float64Array;
  readonly tenant: Int32Array;
  /** 1: the agents are given back at the end, 0: they fall idle. */
  readonly releases: Uint8Array;
  /** Sessions in the order of their ends. */
  readonly byEnd: Int32Array;
}

/** `factor`: see `calibrate`. */
export function makeSessions(
  population: Population,
  lengths: readonly SessionLengths[],
  factor: number,
  hours: number,
  random: Random,
): Sessions {
  const drafts = new Drafts();
  const horizon = hours * HOUR_MS;
  for (let tenant = 0; tenant < population.size; tenant++) {
    const length = lengths[population.purpose[tenant]!]!;
    const offered = factor * population.popularity[tenant]!;
    const meanGapMs = length.meanMs / (offered * BUSIEST);
    const zoneMs = TIME_ZONES[population.zone[tenant]!]!.hours * HOUR_MS;
    let at = -WARM_UP_MS - LEAD_MS;
    while (true) {
      // The points of a Poisson process at the busiest rate, thinned to the rate of their time
      // (Lewis and Shedler 1979).
      at += random.exponential() * meanGapMs;
      if (at >= horizon) break;
      if (random.uniform() * BUSIEST >= busyness(at + zoneMs)) continue;
      const start = Math.ceil(at);
      const end = start + length.draw(random);
      const releases = random.uniform() < RELEASED_SHARE;
      at = end;
      const begin = Math.max(start, -WARM_UP_MS);
      if (end - begin >= SHORTEST_SESSION_MS && begin < horizon) {
        drafts.add(begin, end, tenant, releases);
      }
    }
  }
  return drafts.sorted();
}

const FIRST_CAPACITY = 1 << 16;

class Drafts {
  #count = 0;
  #start = new Float64Array(FIRST_CAPACITY);
  #end = new Float64Array(FIRST_CAPACITY);
  #tenant = new Int32Array(FIRST_CAPACITY);
  #releases = new Uint8Array(FIRST_CAPACITY);

  add(start: number, end: number, tenant: number, releases: boolean): void {
    if (this.#count === this.#start.length) this.#grow();
    const index = this.#count++;
    this.#start[index] = start;
    this.#end[index] = end;
    this.#tenant[index] = tenant;
    this.#releases[index] = releases ? 1 : 0;
  }

  sorted(): Sessions {
    const count = this.#count;
    const order = orderOf(this.#start, count);
    const start = permuted(this.#start, order, new Float64Array(count));
    this.#start = new Float64Array();
    const end = permuted(this.#end, order, new Float64Array(count));
    this.#end = new Float64Array();
    const tenant = permuted(this.#tenant, order, new Int32Array(count));
    this.#tenant = new Int32Array();
    const releases = permuted(this.#releases, order, new Uint8Array(count));
    return { count, start, end, tenant, releases, byEnd: orderOf(end, count) };
  }

  #grow(): void {
    const capacity = Math.ceil(this.#start.length * 1.5);
    this.#start = grown(this.#start, new Float64Array(capacity));
    this.#end = grown(this.#end, new Float64Array(capacity));
    this.#tenant = grown(this.#tenant, new Int32Array(capacity));
    this.#releases = grown(this.#releases, new Uint8Array(capacity));
  }
}

type Numbers = Float64Array | Int32Array | Uint8Array;

function permuted<A extends Numbers>(from: A, order: Int32Array, into: A): A {
  for (let at = 0; at < order.length; at++) into[at] = from[order[at]!]!;
  return into;
}

function grown<A extends Numbers>(from: A, into: A): A {
  into.set(from);
  return into;
}
