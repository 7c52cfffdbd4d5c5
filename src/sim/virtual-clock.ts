/**
 * Time that only moves when it is told to, for a host that lives through years in minutes. Nothing
 * here waits: whoever drives the clock takes one wake-up after another, each at its own time, so
 * that nothing that was due in between happens late.
 */
import type { Clock } from '../host/ports.ts';

interface Wake {
  readonly at: number;
  /** Wake-ups of one instant come in the order in which they were asked for. */
  readonly sequence: number;
  readonly wake: () => void;
  isCancelled: boolean;
}

/** Below so many entries it does not matter how many of them were taken back. */
const SMALL_HEAP = 1_024;

export class VirtualClock implements Clock {
  #now: number;
  #sequence = 0;
  /** A binary heap, the earliest first. */
  #heap: Wake[] = [];
  #cancelled = 0;

  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** A time in the past means now: the wake-up comes with the next step. */
  wakeAt(at: number, wake: () => void): () => void {
    const entry: Wake = {
      at: Math.max(at, this.#now),
      sequence: this.#sequence,
      wake,
      isCancelled: false,
    };
    this.#sequence += 1;
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return () => this.#cancel(entry);
  }

  /** When the next wake-up is due; Infinity when there is none. */
  get nextWakeAt(): number {
    this.#dropCancelled();
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Moves to the next wake-up that is due at `until` or before and calls it. False, without having
   * moved, when there is none.
   */
  step(until: number): boolean {
    this.#dropCancelled();
    const next = this.#heap[0];
    if (next === undefined || next.at > until) return false;
    this.#removeFirst();
    this.#now = next.at;
    // It can no longer be taken back; a later attempt must not be counted.
    next.isCancelled = true;
    next.wake();
    return true;
  }

  /** Moves on. Every wake-up that is due by then must have been taken with `step`. */
  moveTo(at: number): void {
    if (at < this.#now) throw new Error(`the clock cannot go back from ${this.#now} to ${at}`);
    if (this.nextWakeAt <= at) throw new Error(`a wake-up is due before ${at}`);
    this.#now = at;
  }

  #cancel(entry: Wake): void {
    if (entry.isCancelled) return;
    entry.isCancelled = true;
    this.#cancelled += 1;
    if (this.#heap.length < SMALL_HEAP || this.#cancelled * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter(({ isCancelled }) => !isCancelled).sort(compare);
    this.#cancelled = 0;
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.isCancelled) {
      this.#removeFirst();
      this.#cancelled -= 1;
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(start: number): void {
    const heap = this.#heap;
    const entry = heap[start]!;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (compare(heap[parent]!, entry) <= 0) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #sink(): void {
    const heap = this.#heap;
    const entry = heap[0]!;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && compare(heap[child + 1]!, heap[child]!) < 0) child += 1;
      if (compare(entry, heap[child]!) <= 0) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = entry;
  }
}

function compare(a: Wake, b: Wake): number {
  return a.at - b.at || a.sequence - b.sequence;
}
