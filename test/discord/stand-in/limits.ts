import type { Changes } from './changes.ts';

/** What the platform allows. Durations are in milliseconds, before the time scale divides them. */
export interface Limits {
  /** Identifies of one token in a day. Discord resets the token of a bot that goes beyond. */
  identifiesPerDay: number;
  dayMs: number;
  /** Between two identifies of one token in one slot of `maxConcurrency`. */
  identifySpacingMs: number;
  maxConcurrency: number;
  /** REST calls of one token in a window; calls about interactions do not count. */
  restCallsPerWindow: number;
  restWindowMs: number;
  /** Answers 401, 403 and 429 in a window, before Discord shuts out the address. */
  invalidCallsPerWindow: number;
  invalidWindowMs: number;
  guildsPerUnverifiedBot: number;
  /** Packets from one connection in a window. */
  sendsPerWindow: number;
  sendWindowMs: number;
  /** From an interaction to its first answer. */
  firstAnswerMs: number;
  /** How long an interaction's token can be used. */
  interactionTokenMs: number;
  /** How long a session without a connection can be resumed. Discord publishes no number. */
  resumableMs: number;
}

const PLATFORM_LIMITS: Limits = {
  identifiesPerDay: 1000,
  dayMs: 86_400_000,
  identifySpacingMs: 5000,
  maxConcurrency: 1,
  restCallsPerWindow: 50,
  restWindowMs: 1000,
  invalidCallsPerWindow: 10_000,
  invalidWindowMs: 600_000,
  guildsPerUnverifiedBot: 100,
  sendsPerWindow: 120,
  sendWindowMs: 60_000,
  firstAnswerMs: 3000,
  interactionTokenMs: 900_000,
  resumableMs: 120_000,
};

export type ViolationKind =
  | 'identify_too_soon'
  | 'identifies_per_day'
  | 'identified_twice'
  | 'rest_too_fast'
  | 'too_many_invalid_calls'
  | 'guild_limit'
  | 'gateway_too_fast'
  | 'interaction_late'
  | 'interaction_answered_twice';

/** One case in which a client went beyond what the platform allows. */
export interface Violation {
  kind: ViolationKind;
  botId: string;
  detail: string;
}

/** Counts events in windows that begin with the first event after the last window. */
export class Window {
  readonly #limit: number;
  readonly #lengthMs: number;
  #begin = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(limit: number, lengthMs: number) {
    this.#limit = limit;
    this.#lengthMs = lengthMs;
  }

  /** Counts one more; false when the window is full, and then it is not counted. */
  take(now: number): boolean {
    if (now - this.#begin >= this.#lengthMs) {
      this.#begin = now;
      this.#count = 0;
    }
    if (this.#count >= this.#limit) return false;
    this.#count++;
    return true;
  }

  remaining(now: number): number {
    return now - this.#begin >= this.#lengthMs ? this.#limit : this.#limit - this.#count;
  }

  /** Until the present window ends. */
  resetAfterMs(now: number): number {
    return Math.max(0, Math.min(this.#lengthMs, this.#begin + this.#lengthMs - now));
  }
}

/** Holds clients to the limits and keeps a list of what broke them. */
export class LimitBook {
  readonly limits: Limits;
  readonly violations: Violation[] = [];
  readonly #changes: Changes;
  readonly #identifies = new Map<string, Window>();
  readonly #spacing = new Map<string, Window>();
  readonly #rest = new Map<string, Window>();
  readonly #invalid: Window;

  constructor(overrides: Partial<Limits>, timeScale: number, changes: Changes) {
    const limits = { ...PLATFORM_LIMITS, ...overrides };
    for (const key of Object.keys(limits) as (keyof Limits)[]) {
      if (key.endsWith('Ms')) limits[key] /= timeScale;
    }
    this.limits = limits;
    this.#changes = changes;
    this.#invalid = new Window(limits.invalidCallsPerWindow, limits.invalidWindowMs);
  }

  record(kind: ViolationKind, botId: string, detail: string): void {
    this.violations.push({ kind, botId, detail });
    this.#changes.notify();
  }

  /** Judges an identify; anything but `granted` has been recorded. */
  identify(botId: string, shardId: number, now: number): 'granted' | 'too_soon' | 'day_used_up' {
    const { identifySpacingMs, maxConcurrency, identifiesPerDay } = this.limits;
    if (!this.identifies(botId).take(now)) {
      this.record('identifies_per_day', botId, `more than ${identifiesPerDay} in a day`);
      return 'day_used_up';
    }
    const key = `${botId}/${shardId % maxConcurrency}`;
    const spacing = entry(this.#spacing, key, () => new Window(1, identifySpacingMs));
    if (spacing.take(now)) return 'granted';
    const wait = Math.ceil(spacing.resetAfterMs(now));
    this.record('identify_too_soon', botId, `${wait} ms too early`);
    return 'too_soon';
  }

  /** The day's identifies of a bot. */
  identifies(botId: string): Window {
    const { identifiesPerDay, dayMs } = this.limits;
    return entry(this.#identifies, botId, () => new Window(identifiesPerDay, dayMs));
  }

  /** Counts a REST call; a number is the milliseconds for which it is refused. */
  restCall(botId: string, now: number): number | null {
    const { restCallsPerWindow, restWindowMs } = this.limits;
    const window = entry(this.#rest, botId, () => new Window(restCallsPerWindow, restWindowMs));
    if (window.take(now)) return null;
    this.record('rest_too_fast', botId, `more than ${restCallsPerWindow} in ${restWindowMs} ms`);
    return window.resetAfterMs(now);
  }

  /** Counts an answer 401, 403 or 429. */
  invalidCall(botId: string, now: number): void {
    if (this.#invalid.take(now)) return;
    this.record('too_many_invalid_calls', botId, 'Discord would shut out the address');
  }
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
