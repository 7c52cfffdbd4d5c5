/**
 * The best choice of agents that there is, for whoever knows the future (L. A. Belady, "A study of
 * replacement algorithms for a virtual-storage computer", 1966): whoever comes without an agent
 * takes the one whose last tenant comes again the latest. Agents that are busy in this minute cannot
 * be taken.
 */
import type { ActiveMinutes } from './minutes.ts';

export interface RequestRange {
  /** The first request that binds an agent. */
  readonly first: number;
  /** Hits count from here … */
  readonly start: number;
  /** … to here, exclusive; nothing behind it is foreseen. */
  readonly end: number;
}

export function clairvoyantHits(
  active: ActiveMinutes,
  { first, start, end }: RequestRange,
  agents: number,
): number {
  const next = nextRequests(active, first, end);
  /** The request that each bound tenant's agent served last; no key, no agent. */
  const bound = new Map<number, number>();
  const takeable = new LatestFirst(next);
  /** Requests of this minute: their agents are busy. */
  let busy: number[] = [];
  let minute = Number.NEGATIVE_INFINITY;
  let hits = 0;
  for (let index = first; index < end; index += 1) {
    if (active.minute[index] !== minute) {
      for (const request of busy) takeable.push(request);
      busy = [];
      minute = active.minute[index]!;
    }
    const tenant = active.tenant[index]!;
    if (bound.has(tenant)) {
      if (index >= start) hits += 1;
    } else if (bound.size >= agents) {
      const victim = takeFrom(takeable, active, bound);
      if (victim === null) continue;
      bound.delete(victim);
    }
    bound.set(tenant, index);
    busy.push(index);
  }
  return hits;
}

/** For each request, the index of its tenant's next one; `end` when there is none. */
function nextRequests(active: ActiveMinutes, first: number, end: number): Int32Array {
  const next = new Int32Array(end);
  const upcoming = new Int32Array(active.tenants.length).fill(end);
  for (let index = end - 1; index >= first; index -= 1) {
    const tenant = active.tenant[index]!;
    next[index] = upcoming[tenant]!;
    upcoming[tenant] = index;
  }
  return next;
}

/** The tenant that can best do without its agent. */
function takeFrom(
  takeable: LatestFirst,
  active: ActiveMinutes,
  bound: ReadonlyMap<number, number>,
): number | null {
  for (;;) {
    const request = takeable.pop();
    if (request === undefined) return null;
    const tenant = active.tenant[request]!;
    // Otherwise the tenant has come again since, or its agent has been taken.
    if (bound.get(tenant) === request) return tenant;
  }
}

/** A binary heap of requests: first the one whose tenant comes again the latest. */
class LatestFirst {
  readonly #next: Int32Array;
  readonly #heap: number[] = [];

  constructor(next: Int32Array) {
    this.#next = next;
  }

  push(request: number): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(request);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isLater(request, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = request;
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isLater(heap[child + 1]!, heap[child]!)) child += 1;
      if (!this.#isLater(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
    return top;
  }

  #isLater(a: number, b: number): boolean {
    return this.#next[a]! > this.#next[b]!;
  }
}
