/**
 * For how long an agent is kept for a tenant that has just been active. A policy sees one minute
 * after the other and decides for all tenants that are active in it; what comes later it cannot
 * know.
 */
import { underPressure } from '../../core/idle-policy.ts';
import { msOf } from './minutes.ts';

/**
 * The idle minutes after an active one are numbered 1, 2, …; the agent is held in the minutes
 * `prewarmAfter` + 1 … `prewarmAfter` + `keep`.
 */
export interface KeepDecision {
  readonly prewarmAfter: number;
  readonly keep: number;
}

export interface KeepPolicy {
  /** Minutes come in ascending order; the answer is for each tenant, in their order. */
  decide(minute: number, tenants: Int32Array): KeepDecision[];
}

/** The same number of minutes for everybody, always. */
export class FixedKeep implements KeepPolicy {
  readonly #decision: KeepDecision;

  constructor(keep: number) {
    this.#decision = { prewarmAfter: 0, keep };
  }

  decide(_minute: number, tenants: Int32Array): KeepDecision[] {
    return Array.from(tenants, () => this.#decision);
  }
}

/** Parts of a millisecond that sums of fractions leave must not cost a whole minute. */
const ROUNDING = 1e-6;

/**
 * The pool's idle policy `pressure`: an idle timeout that utilization bends. Utilization is the
 * agents held in this minute (in use, or kept for a tenant) ÷ the agents there are; where it is not
 * said how many these are, ÷ the most that have been held in any minute so far.
 */
export class PressureKeep implements KeepPolicy {
  readonly #idleTimeoutMs: number;
  readonly #agents: number | null;
  #peak = 0;
  #minute = Number.NEGATIVE_INFINITY;
  /** Tenants for whom an agent is held in `#minute`. */
  #held = 0;
  /** The last minute in which an agent is held, by tenant, and how many end with each minute. */
  readonly #until = new Map<number, number>();
  readonly #endings = new Map<number, number>();

  constructor(idleTimeoutMinutes: number, agents: number | null) {
    this.#idleTimeoutMs = msOf(idleTimeoutMinutes);
    this.#agents = agents;
  }

  decide(minute: number, tenants: Int32Array): KeepDecision[] {
    this.#moveTo(minute);
    for (const tenant of tenants) this.#hold(tenant, minute);
    this.#peak = Math.max(this.#peak, this.#held);
    const utilization = this.#held / (this.#agents ?? this.#peak);
    const keptMs = underPressure(this.#idleTimeoutMs, utilization);
    const keep = Math.floor(keptMs / msOf(1) + ROUNDING);
    for (const tenant of tenants) this.#hold(tenant, minute + keep);
    return Array.from(tenants, () => ({ prewarmAfter: 0, keep }));
  }

  #moveTo(minute: number): void {
    // Once nothing is held any more, nothing more can end.
    for (let at = this.#minute; at < minute && this.#held > 0; at += 1) {
      this.#held -= this.#endings.get(at) ?? 0;
      this.#endings.delete(at);
    }
    this.#minute = minute;
  }

  #hold(tenant: number, until: number): void {
    const before = this.#until.get(tenant) ?? Number.NEGATIVE_INFINITY;
    if (before >= this.#minute) this.#endings.set(before, this.#endings.get(before)! - 1);
    else this.#held += 1;
    this.#until.set(tenant, until);
    this.#endings.set(until, (this.#endings.get(until) ?? 0) + 1);
  }
}
