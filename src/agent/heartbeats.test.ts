import { expect, test } from 'vitest';
import { heartbeatWaitMs } from './heartbeats.ts';

test('heartbeats come at the interval, give or take a tenth', () => {
  expect(heartbeatWaitMs(5_000, 0, 0.5)).toBe(5_000);
  expect(heartbeatWaitMs(5_000, 0, 0)).toBe(4_500);
  expect(heartbeatWaitMs(5_000, 0, 1)).toBe(5_500);
});

test('after failures sooner, each wait twice the last one, up to the interval', () => {
  const waits = [1, 2, 3, 4, 5, 6, 2_000].map((failures) => heartbeatWaitMs(5_000, failures, 0.5));
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
  expect(heartbeatWaitMs(200, 1, 0.5)).toBe(200);
});
