/** The leases of a trace of jobs: who works on which, and which are idle for their tenant. */
import type { LeaseView } from '../../core/outcome.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { keyOf, type TraceRow } from './trace.ts';

export type Held = Pick<LeaseView, 'leaseId' | 'token'>;

/**
 * The pool takes a lease that has been active without a word for a day for a lost client. A job
 * that runs longer says that it lives, as a real one would.
 */
const RENEW_MS = 12 * 3_600_000;

export class JobLeases {
  readonly #clock: VirtualClock;
  readonly #report: (lease: Held, state: 'active' | 'idle') => void;
  /** By `keyOf` of their jobs; the one used last at the end. */
  readonly #idle = new Map<string, Held[]>();
  readonly #rested: string[] = [];
  /** Where each idle lease is listed. */
  readonly #keys = new Map<string, string>();

  constructor(clock: VirtualClock, report: (lease: Held, state: 'active' | 'idle') => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** The keys of leases that have become idle since the last call. */
  takeRested(): readonly string[] {
    return this.#rested.splice(0);
  }

  hasIdle(key: string): boolean {
    return this.#idle.has(key);
  }

  /** An idle lease that fits the job, the one used last; null when there is none. */
  take(row: TraceRow): Held | null {
    const key = keyOf(row);
    const held = this.#idle.get(key);
    const lease = held?.pop();
    if (lease === undefined) return null;
    if (held?.length === 0) this.#idle.delete(key);
    this.#keys.delete(lease.leaseId);
    return lease;
  }

  begin(row: TraceRow, lease: Held): void {
    this.#report(lease, 'active');
    this.#workUntil(this.#clock.now() + (row.durationMs ?? 0), row, lease);
  }

  /** The pool has ended the lease. */
  forget(leaseId: string): void {
    const key = this.#keys.get(leaseId);
    if (key === undefined) return;
    this.#keys.delete(leaseId);
    const left = (this.#idle.get(key) ?? []).filter((lease) => lease.leaseId !== leaseId);
    if (left.length > 0) this.#idle.set(key, left);
    else this.#idle.delete(key);
  }

  #workUntil(end: number, row: TraceRow, lease: Held): void {
    const now = this.#clock.now();
    if (now >= end) {
      this.#rest(row, lease);
      return;
    }
    this.#clock.wakeAt(Math.min(end, now + RENEW_MS), () => {
      if (this.#clock.now() < end) this.#report(lease, 'active');
      this.#workUntil(end, row, lease);
    });
  }

  #rest(row: TraceRow, lease: Held): void {
    this.#report(lease, 'idle');
    const key = keyOf(row);
    const held = this.#idle.get(key);
    if (held) held.push(lease);
    else this.#idle.set(key, [lease]);
    this.#keys.set(lease.leaseId, key);
    this.#rested.push(key);
  }
}
