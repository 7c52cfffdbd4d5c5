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
  /** In ms since 1970, as all moments here. */
  nextTryAt: number;
  /** Of the last one, for a person. */
  because: string;
}

export interface Failed {
  /** Failures in a row, this one included. */
  readonly count: number;
  readonly nextTryAt: number;
  readonly isQuarantined: boolean;
}

export class StartBackoff {
  readonly #forgivenAfterMs: number;
  readonly #failures = new Map<string, Failures>();

  /** `startMs`: how long a start takes that fails at its deadline. It must not look like a success. */
  constructor(startMs: number) {
    this.#forgivenAfterMs = FORGIVEN_AFTER_MS + startMs;
  }

  fail(specialization: string, because: string, now: number): Failed {
    const before = this.#failures.get(specialization);
    const isForgiven = before === undefined || now - before.nextTryAt > this.#forgivenAfterMs;
    // Several that fail at the same moment, for the same reason, are one failure.
    const isSame = before !== undefined && now < before.nextTryAt;
    const count = isForgiven ? 1 : before.count + (isSame ? 0 : 1);
    const isQuarantined = count >= QUARANTINE_AFTER;
    const delay = isQuarantined ? LONGEST_DELAY_MS : FIRST_DELAY_MS * 2 ** (count - 1);
    const nextTryAt = now + delay;
    this.#failures.set(specialization, { count, nextTryAt, because });
    return { count, nextTryAt, isQuarantined };
  }

  /** Why nothing may be started now, or null. */
  obstacle(specialization: string, now: number): string | null {
    const failures = this.#failures.get(specialization);
    if (failures === undefined || now >= failures.nextTryAt) return null;
    const { count, nextTryAt, because } = failures;
    const left = `${Math.ceil((nextTryAt - now) / 1_000)} s left`;
    const starts = count === 1 ? 'a start' : `${count} starts`;
    const word = count >= QUARANTINE_AFTER ? 'quarantined' : 'backing off';
    return `${word} ${left}: ${starts} failed. ${because}`;
  }

  isQuarantined(specialization: string, now: number): boolean {
    const failures = this.#failures.get(specialization);
    return failures !== undefined && failures.count >= QUARANTINE_AFTER && now < failures.nextTryAt;
  }
}
