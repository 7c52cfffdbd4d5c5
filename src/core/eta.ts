/** A guess at how long a request will wait, from how often agents have become free lately. */

const HALF_LIFE_MS = 5 * 60_000;
const LONGEST_MS = 3_600_000;
/** Within one step all ends weigh the same: a power for each would cost more than the rest. */
const STEP_MS = 1_000;

export class FreeingRate {
  /** Leases that ended, each weighing half as much after five minutes. */
  #weight = 0;
  #at = 0;

  note(now: number): void {
    this.#decay(now);
    this.#weight++;
  }

  /**
   * Milliseconds until `position` agents have become free, when a `share` (0 … 1) of all freed
   * agents will do. Without any experience: as long as the request is willing to wait.
   */
  eta(position: number, share: number, patienceMs: number, now: number): number {
    this.#decay(now);
    // The weight of a steady stream of r ends per ms settles at r × half-life ÷ ln 2.
    const perMs = ((this.#weight * Math.LN2) / HALF_LIFE_MS) * share;
    if (perMs < 1 / LONGEST_MS) return patienceMs;
    return Math.min(LONGEST_MS, Math.ceil(position / perMs));
  }

  #decay(now: number): void {
    if (now < this.#at + STEP_MS) return;
    this.#weight *= 2 ** (-(now - this.#at) / HALF_LIFE_MS);
    this.#at = now;
  }
}
