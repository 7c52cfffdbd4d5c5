/**
 * How long a specialization waits after agents of it could not be started: longer each time, and
 * much longer once it fails again and again. What has gone well for a while is forgiven.
 */

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 300_000;
/** Failures in a row after which nothing is tried for the longest delay. */
const QUARANTINE_AFTER = 5;
/** An agent that ended within this has not really run: its end counts as a failed start. */
export const SHORT_LIFE_MS = 60_000;
const FORGIVEN_AFTER_MS = 600_000;

interface Failures {
  count: number;
  lastAt: number;
  nextTryAt: number;
}

export class StartBackoff {
  readonly #failures = new Map<string, Failures>();

  /** Returns when the next start may be tried, in ms since 1970. */
  fail(specialization: string, now: number): number {
    const before = this.#failures.get(specialization);
    const isForgiven = before === undefined || now - before.lastAt > FORGIVEN_AFTER_MS;
    // Several that fail at the same moment, for the same reason, are one failure.
    const isSame = before !== undefined && now < before.nextTryAt;
    const count = isForgiven ? 1 : before.count + (isSame ? 0 : 1);
    const delay =
      count >= QUARANTINE_AFTER
        ? LONGEST_DELAY_MS
        : Math.min(FIRST_DELAY_MS * 2 ** (count - 1), LONGEST_DELAY_MS);
    const failures = { count, lastAt: now, nextTryAt: now + delay };
    this.#failures.set(specialization, failures);
    return failures.nextTryAt;
  }

  /** Why nothing may be started now, or null. */
  obstacle(specialization: string, now: number): string | null {
    const failures = this.#failures.get(specialization);
    if (failures === undefined || now >= failures.nextTryAt) return null;
    const left = Math.ceil((failures.nextTryAt - now) / 1_000);
    return `${failures.count >= QUARANTINE_AFTER ? 'quarantined' : 'backing off'} ${left} s left`;
  }
}
