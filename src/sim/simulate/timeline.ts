/** The starts and ends of all sessions, merged in the order of time; ends come before starts. */
import type { Sessions } from './sessions.ts';

export class Timeline {
  readonly #sessions: Sessions;
  readonly #endMs: number;
  #starts = 0;
  #ends = 0;
  /** Of the last step that `next` has found. */
  session = 0;
  isStart = false;
  at = 0;

  /** What happens at `endMs` or later is left out. */
  constructor(sessions: Sessions, endMs: number) {
    this.#sessions = sessions;
    this.#endMs = endMs;
  }

  /** Goes one step on; false if there is none. */
  next(): boolean {
    const { start, end, byEnd, count } = this.#sessions;
    const startsAt = this.#starts < count ? start[this.#starts]! : Number.POSITIVE_INFINITY;
    const ending = this.#ends < count ? byEnd[this.#ends]! : -1;
    const endsAt = ending === -1 ? Number.POSITIVE_INFINITY : end[ending]!;
    this.isStart = startsAt < endsAt;
    this.at = this.isStart ? startsAt : endsAt;
    if (this.at >= this.#endMs) return false;
    this.session = this.isStart ? this.#starts++ : ending;
    if (!this.isStart) this.#ends += 1;
    return true;
  }
}
