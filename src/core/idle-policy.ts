/**
 * How long a quiet lease is kept. `fixed`: its purpose's idle timeout. `pressure`: the timeout
 * shrinks toward five minutes as utilization goes from 80 % to 100 %, and grows to twice its
 * length as utilization falls from 50 % to nothing.
 */
import { ACTIVE, IDLE } from './leases.ts';
import {
  ACTIVE_SILENCE_MS,
  PRESSURE_IDLE_MS,
  PRESSURE_RECHECK_MS,
  PRESSURE_UTILIZATION,
  SLACK_UTILIZATION,
} from './limits.ts';
import type { PoolState } from './state.ts';

/** An idle timeout as a given utilization bends it. */
export function underPressure(idleTimeoutMs: number, utilization: number): number {
  if (utilization >= PRESSURE_UTILIZATION) {
    const shortest = Math.min(idleTimeoutMs, PRESSURE_IDLE_MS);
    const share = Math.min(1, (utilization - PRESSURE_UTILIZATION) / (1 - PRESSURE_UTILIZATION));
    return idleTimeoutMs - (idleTimeoutMs - shortest) * share;
  }
  if (utilization >= SLACK_UTILIZATION) return idleTimeoutMs;
  return idleTimeoutMs * (2 - utilization / SLACK_UTILIZATION);
}

/** When a live lease ends if nothing more is heard of it and the pool stays as it is now. */
export function leaseDeadline(state: PoolState, row: number): number {
  const { leases, options, agents } = state;
  let patience = leases.idleTimeout(row);
  if (leases.state(row) === ACTIVE) patience = ACTIVE_SILENCE_MS;
  else if (options.idlePolicy === 'pressure' && leases.state(row) === IDLE) {
    const utilization = agents.slotsTotal === 0 ? 0 : agents.usedTotal / agents.slotsTotal;
    patience = underPressure(patience, utilization);
  }
  return Math.min(leases.activityAt(row) + patience, leases.endsAt(row));
}

/** When to look at the lease again: at its deadline, or before, where the deadline can move in. */
export function nextLook(state: PoolState, row: number, now: number): number {
  const deadline = leaseDeadline(state, row);
  if (state.options.idlePolicy !== 'pressure' || state.leases.state(row) !== IDLE) return deadline;
  const shortest = Math.min(state.leases.idleTimeout(row), PRESSURE_IDLE_MS);
  // At full multiples, so that a pool looks at the same moments after a restart.
  const nextRound = (Math.floor(now / PRESSURE_RECHECK_MS) + 1) * PRESSURE_RECHECK_MS;
  return Math.min(deadline, Math.max(state.leases.activityAt(row) + shortest, nextRound));
}
