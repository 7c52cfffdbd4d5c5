/** What is to be done when, the earliest first; what falls into one millisecond, by number. */

export interface Due {
  readonly at: number;
  readonly number: number;
  readonly act: () => void;
}

/** Numbers of what no event stands for: after all events of the same millisecond. */
const AFTER_EVENTS = 2 ** 52;

export class Agenda {
  /** A binary heap. */
  readonly #heap: Due[] = [];
  #added = 0;

  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  add(at: number, number: number | null, act: () => void): void {
    this.#added += 1;
    const heap = this.#heap;
    const due = { at, number: number ?? AFTER_EVENTS + this.#added, act };
    let index = heap.length;
    heap.push(due);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(due, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = due;
  }

  take(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}
