/** What it costs to keep agents for tenants, and how many cold starts that saves. */
import type { KeepPolicy } from './keep-policy.ts';
import type { ActiveMinutes, MinuteWindow } from './minutes.ts';

export interface KeepaliveFigures {
  readonly active_minutes: number;
  /** Active minutes for which no agent was kept. */
  readonly cold: number;
  /** Minutes in which an agent was kept and not used. */
  readonly idle_minutes: number;
  /** In idle minutes: (C × cold + idle) ÷ active. */
  readonly cost_per_active_minute: number;
  readonly oracle_cost_per_active_minute: number;
  /** What the policy costs beyond the optimum. */
  readonly regret: number;
}

/** What was decided after each active minute, by its index. */
export interface KeepDecisions {
  readonly prewarmAfter: Int32Array;
  readonly keep: Int32Array;
}

const NONE = -1;

/** Asks the policy, minute by minute. */
export function decideKeepalive(active: ActiveMinutes, policy: KeepPolicy): KeepDecisions {
  const prewarmAfter = new Int32Array(active.length);
  const keep = new Int32Array(active.length);
  let first = 0;
  while (first < active.length) {
    const minute = active.minute[first]!;
    let end = first + 1;
    while (end < active.length && active.minute[end] === minute) end += 1;
    const decisions = policy.decide(minute, active.tenant.subarray(first, end));
    for (const [nth, decision] of decisions.entries()) {
      prewarmAfter[first + nth] = decision.prewarmAfter;
      keep[first + nth] = decision.keep;
    }
    first = end;
  }
  return { prewarmAfter, keep };
}

/**
 * The figures of a window. Idle minutes count where they lie inside of it; `cost` is how many of
 * them one cold start is worth. The optimum knows the future and does not prewarm: it keeps the
 * agent through a gap that is worth less than a cold start, and not at all through others.
 */
export function measureKeepalive(
  active: ActiveMinutes,
  { prewarmAfter, keep }: KeepDecisions,
  window: MinuteWindow,
  cost: number,
): KeepaliveFigures {
  const last = new Int32Array(active.tenants.length).fill(NONE);
  const end = active.firstFrom(window.to);
  let activeMinutes = 0;
  let cold = 0;
  let idle = 0;
  let optimum = 0;
  /** Minutes in the window in which the agent is held after an active one, up to the next. */
  const heldBefore = (index: number, next: number): number => {
    const first = active.minute[index]! + prewarmAfter[index]! + 1;
    const beyond = Math.min(first + keep[index]!, next, window.to);
    return Math.max(0, beyond - Math.max(first, window.from));
  };
  for (let index = 0; index < end; index += 1) {
    const minute = active.minute[index]!;
    const tenant = active.tenant[index]!;
    const before = last[tenant]!;
    last[tenant] = index;
    if (minute < window.from) continue;
    activeMinutes += 1;
    const gap = before === NONE ? null : minute - active.minute[before]! - 1;
    optimum += gap === null ? cost : Math.min(gap, cost);
    if (gap === null) cold += 1;
    else {
      const prewarm = prewarmAfter[before]!;
      const isWarm = gap === 0 || (prewarm < gap && gap <= prewarm + keep[before]!);
      if (!isWarm) cold += 1;
      idle += heldBefore(before, minute);
    }
  }
  for (const index of last) {
    if (index === NONE || active.minute[index]! < window.from) continue;
    idle += heldBefore(index, Number.POSITIVE_INFINITY);
  }
  const costPerMinute = (cost * cold + idle) / activeMinutes;
  const oracle = optimum / activeMinutes;
  return {
    active_minutes: activeMinutes,
    cold,
    idle_minutes: idle,
    cost_per_active_minute: costPerMinute,
    oracle_cost_per_active_minute: oracle,
    regret: costPerMinute - oracle,
  };
}

/**
 * The indexes that the figures follow from: each active minute in the window, and of each tenant
 * that has one, its last before the window.
 */
export function* keepaliveRows(active: ActiveMinutes, window: MinuteWindow): Generator<number> {
  const start = active.firstFrom(window.from);
  const end = active.firstFrom(window.to);
  const last = new Int32Array(active.tenants.length).fill(NONE);
  for (let index = 0; index < start; index += 1) last[active.tenant[index]!] = index;
  const isActive = new Uint8Array(active.tenants.length);
  for (let index = start; index < end; index += 1) isActive[active.tenant[index]!] = 1;
  for (let index = 0; index < start; index += 1) {
    const tenant = active.tenant[index]!;
    if (isActive[tenant] === 1 && last[tenant] === index) yield index;
  }
  for (let index = start; index < end; index += 1) yield index;
}
