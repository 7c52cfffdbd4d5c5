import type { PoolState } from '../../src/core/state.ts';
export function checkInvariants(_state: PoolState, _now: number): void {}
