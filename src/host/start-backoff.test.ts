import { expect, test } from 'vitest';
import { StartBackoff } from './start-backoff.ts';

/** Fails `times` times, each as soon as it may be tried again; returns the delays in seconds. */
function failAgain(backoff: StartBackoff, times: number, from: number, startMs = 0): number[] {
  const delays: number[] = [];
  let now = from;
  for (let nth = 0; nth < times; nth++) {
    now += startMs;
    const { nextTryAt } = backoff.fail('a', 'Exited', now);
    delays.push((nextTryAt - now) / 1_000);
    now = nextTryAt;
  }
  return delays;
}

test('waits twice as long each time, and five minutes after five failures', () => {
  expect(failAgain(new StartBackoff(0), 7, 1_000)).toEqual([1, 2, 4, 8, 300, 300, 300]);
});

test('says what is left, how often it failed and why; others are not held up', () => {
  const backoff = new StartBackoff(0);
  backoff.fail('a', 'No such program', 1_000);
  expect(backoff.obstacle('a', 1_001)).toBe(
    'backing off 1 s left: a start failed. No such program',
  );
  expect(backoff.obstacle('a', 2_000)).toBeNull();
  expect(backoff.obstacle('b', 1_001)).toBeNull();
  failAgain(backoff, 4, 2_000);
  expect(backoff.obstacle('a', 16_500)).toMatch(
    /^quarantined 300 s left: 5 starts failed\. Exited$/,
  );
  expect(backoff.isQuarantined('a', 16_500)).toBe(true);
  expect(backoff.isQuarantined('a', 400_000)).toBe(false);
});

test('counts what fails at the same moment once', () => {
  const backoff = new StartBackoff(0);
  for (let nth = 0; nth < 5; nth++) backoff.fail('a', 'Exited', 1_000);
  expect(backoff.fail('a', 'Exited', 1_500).count).toBe(1);
});

test('forgives ten minutes without a failure, but no start that takes its time to fail', () => {
  const backoff = new StartBackoff(0);
  failAgain(backoff, 3, 0);
  expect(backoff.fail('a', 'Exited', 7_000 + 600_001).count).toBe(1);
  const slow = 900_000;
  expect(failAgain(new StartBackoff(slow), 6, 0, slow)).toEqual([1, 2, 4, 8, 300, 300]);
});
