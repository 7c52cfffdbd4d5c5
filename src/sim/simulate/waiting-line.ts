/** Requests that wait, in the order in which the pool serves them, and in that of their patience. */

export interface Waiting {
  readonly tenant: number;
  readonly count: number;
  readonly askedAt: number;
  /** See `rankOf` in src/core/tickets.ts; then who holds less, then who came first. */
  readonly rank: number;
  readonly held: number;
  readonly number: number;
  isWaiting: boolean;
}

export function isBefore(a: Waiting, b: Waiting): boolean {
  if (a.rank !== b.rank) return a.rank > b.rank;
  return a.held !== b.held ? a.held < b.held : a.number < b.number;
}

/** Requests that have left make room once they are so many, and more than the others. */
const MOST_GONE = 1_024;

export class WaitingLine {
  readonly #ranked: Waiting[] = [];
  /** By arrival, those that have left included; all before `#oldest` have left. */
  #arrived: Waiting[] = [];
  #oldest = 0;

  get length(): number {
    return this.#ranked.length;
  }

  /** Whom the pool serves next. */
  get first(): Waiting | undefined {
    return this.#ranked[0];
  }

  /** The first of those who want more than one agent: it collects them, whoever stands behind. */
  get firstGroup(): Waiting | undefined {
    for (const waiting of this.#ranked) if (waiting.count > 1) return waiting;
    return undefined;
  }

  /** Who has waited longest. */
  get oldest(): Waiting | undefined {
    let oldest = this.#arrived[this.#oldest];
    while (oldest !== undefined && !oldest.isWaiting) oldest = this.#arrived[++this.#oldest];
    return oldest;
  }

  add(waiting: Waiting): void {
    this.#ranked.splice(this.#placeOf(waiting), 0, waiting);
    if (this.#oldest > MOST_GONE && this.#oldest * 2 > this.#arrived.length) {
      this.#arrived = this.#arrived.slice(this.#oldest);
      this.#oldest = 0;
    }
    this.#arrived.push(waiting);
  }

  remove(waiting: Waiting): void {
    waiting.isWaiting = false;
    this.#ranked.splice(this.#placeOf(waiting), 1);
  }

  /** How many come before it. */
  #placeOf(waiting: Waiting): number {
    let low = 0;
    let high = this.#ranked.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(this.#ranked[middle]!, waiting)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
