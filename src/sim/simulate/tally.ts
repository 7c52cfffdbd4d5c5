/** What happened to the requests of a world, and what the pool was doing meanwhile. */
import { binWidth, Gauge } from './gauge.ts';
import { WaitCounts } from './waits.ts';

const BINS = 288;
/** Who gets its agents within this has not waited to speak of. */
export const SOON_MS = 1_000;

/** Means of equal parts of the time, `binMs` long each; the last one may be shorter. */
export interface Series {
  readonly binMs: number;
  /** Agents wanted by all sessions there are, served or not. */
  readonly wanted: readonly number[];
  /** Agents with a lease, idle ones included, and the idle ones. */
  readonly used: readonly number[];
  readonly idle: readonly number[];
  readonly waiting: readonly number[];
  /** The longest wait of the requests that came in each part, ms. */
  readonly longestWaitMs: readonly number[];
  readonly requests: readonly number[];
  readonly rejected: readonly number[];
}

/** Times are ms since the world's beginning; what was asked for before that does not count. */
export class Tally {
  readonly wanted: Gauge;
  readonly sessions: Gauge;
  readonly used: Gauge;
  readonly idle: Gauge;
  readonly waiting: Gauge;
  readonly waits: WaitCounts = new WaitCounts();
  readonly refused: { [code: string]: number } = {};
  readonly leasesEnded: { [reason: string]: number } = {};
  requests = 0;
  /** Those after a wait and those by leases that the tenant still had (`reused`) included. */
  granted = 0;
  /** Of the granted: within a second. */
  grantedSoon = 0;
  reused = 0;
  queued = 0;
  expired = 0;
  /** New leases, and those with an agent that had served the tenant last. */
  leases = 0;
  warmLeases = 0;
  readonly #binMs: number;
  readonly #longest: Float64Array;
  readonly #requests: Float64Array;
  readonly #rejected: Float64Array;

  constructor(endMs: number) {
    const gauge = (): Gauge => new Gauge(endMs, BINS);
    this.wanted = gauge();
    this.sessions = gauge();
    this.used = gauge();
    this.idle = gauge();
    this.waiting = gauge();
    this.#binMs = binWidth(endMs, BINS);
    const bins = Math.ceil(endMs / this.#binMs);
    this.#longest = new Float64Array(bins);
    this.#requests = new Float64Array(bins);
    this.#rejected = new Float64Array(bins);
  }

  ask(at: number): void {
    if (at < 0) return;
    this.requests += 1;
    this.#requests[this.#bin(at)]! += 1;
  }

  grant(askedAt: number, now: number, isReuse: boolean): void {
    if (askedAt < 0) return;
    if (isReuse) this.reused += 1;
    this.granted += 1;
    if (now - askedAt <= SOON_MS) this.grantedSoon += 1;
    this.#waited(askedAt, now);
  }

  queue(at: number): void {
    if (at >= 0) this.queued += 1;
  }

  expire(askedAt: number, now: number): void {
    if (askedAt < 0) return;
    this.expired += 1;
    this.#rejected[this.#bin(askedAt)]! += 1;
    this.#waited(askedAt, now);
  }

  refuse(at: number, code: string): void {
    if (at < 0) return;
    this.refused[code] = (this.refused[code] ?? 0) + 1;
    this.#rejected[this.#bin(at)]! += 1;
  }

  endLease(now: number, reason: string): void {
    if (now >= 0) this.leasesEnded[reason] = (this.leasesEnded[reason] ?? 0) + 1;
  }

  /** After the end: every gauge stays as it is until then. */
  series(): Series {
    return {
      binMs: this.#binMs,
      wanted: this.wanted.means(),
      used: this.used.means(),
      idle: this.idle.means(),
      waiting: this.waiting.means(),
      longestWaitMs: [...this.#longest],
      requests: [...this.#requests],
      rejected: [...this.#rejected],
    };
  }

  #waited(askedAt: number, now: number): void {
    this.waits.add(now - askedAt);
    const bin = this.#bin(askedAt);
    this.#longest[bin] = Math.max(this.#longest[bin]!, now - askedAt);
  }

  #bin(at: number): number {
    return Math.floor(at / this.#binMs);
  }
}
