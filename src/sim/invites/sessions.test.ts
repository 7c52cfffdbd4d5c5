import { describe, expect, test } from 'vitest';
import { Trace } from '../replay/trace.ts';
import { learnActivity, SLICES, sliceOf } from './activity.ts';
import { coverageOf } from './coverage.ts';
import { type Sessions, sessionsBetween, sessionsOf } from './sessions.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MONDAY = Date.UTC(2026, 0, 5);

function sessions(idleMin: number, ...rows: readonly [string, number, number?, string?][]) {
  const trace = new Trace();
  for (const [tenant, minute, durationMin, purpose] of rows) {
    const durationMs = durationMin === undefined ? undefined : durationMin * MINUTE;
    trace.add({ at: MONDAY + minute * MINUTE, tenant, durationMs, purpose });
  }
  return sessionsOf(trace, idleMin * MINUTE);
}

const shown = ({ count, tenant, tenants, start, end }: Sessions) =>
  Array.from({ length: count }, (_, n) => [
    tenants[tenant[n]!],
    (start[n]! - MONDAY) / MINUTE,
    (end[n]! - MONDAY) / MINUTE,
  ]);

describe('sessions', () => {
  test('go on while rows come before the agent has been idle for too long', () => {
    expect(shown(sessions(10, ['a', 0], ['a', 9], ['b', 12], ['a', 18], ['a', 20]))).toEqual([
      ['a', 0, 30],
      ['b', 12, 22],
    ]);
    expect(shown(sessions(10, ['a', 0], ['a', 10]))).toHaveLength(2);
  });

  test('of jobs that overlap are several; a job takes over an idle agent', () => {
    expect(shown(sessions(10, ['a', 0, 30], ['a', 5, 5], ['a', 12, 1], ['a', 39, 1]))).toEqual([
      ['a', 0, 50],
      ['a', 5, 23],
    ]);
  });

  test('of different purposes are different', () => {
    expect(shown(sessions(10, ['a', 0, 0, 'music'], ['a', 1, 0, 'talk']))).toHaveLength(2);
  });

  test('are in order, and can be cut by their starts', () => {
    const all = sessions(10, ['b', 50], ['a', 0], ['a', 30]);
    expect(shown(all).map(([, start]) => start)).toEqual([0, 30, 50]);
    expect(shown(sessionsBetween(all, MONDAY + 30 * MINUTE, MONDAY + 50 * MINUTE))).toEqual([
      ['a', 30, 40],
    ]);
  });
});

describe('activity', () => {
  test('is greatest when the tenant asked, and never nothing', () => {
    const days = [0, 1, 2, 3, 4].map((day): [string, number] => ['a', (day * 24 + 20) * 60]);
    const to = MONDAY + 7 * 24 * HOUR;
    const [a] = learnActivity(sessions(30, ...days), MONDAY, to);
    const slices = [...a!.requests.keys()].sort((x, y) => a!.requests[y]! - a!.requests[x]!);
    expect(slices[0]).toBe(sliceOf(MONDAY + 20 * HOUR));
    expect(Math.min(...a!.requests)).toBeGreaterThan(0);
    expect(a!.atOnce).toEqual([1]);
    // Half an hour for each request.
    for (let slice = 0; slice < SLICES; slice += 1) {
      expect(a!.load[slice]).toBeCloseTo(a!.requests[slice]! / 2, 5);
    }
  });

  test('knows how many sessions a tenant has at once', () => {
    const [a] = learnActivity(
      sessions(30, ['a', 0, 0, 'x'], ['a', 5, 0, 'y'], ['a', 200, 0, 'x']),
      MONDAY,
      MONDAY + 24 * HOUR,
    );
    expect(a!.atOnce[1]).toBeCloseTo(1 / 3, 2);
  });

  test('looks at nothing outside of its window', () => {
    const all = sessions(30, ['a', 0], ['a', 100 * 60], ['b', 100 * 60]);
    const [a, b] = learnActivity(all, MONDAY, MONDAY + 24 * HOUR);
    const [only] = learnActivity(sessions(30, ['a', 0]), MONDAY, MONDAY + 24 * HOUR);
    expect(a).toEqual(only);
    expect(Math.max(...b!.requests)).toBe(0);
  });
});

describe('coverage', () => {
  const all = sessions(30, ['a', 0], ['b', 10], ['a', 40], ['b', 41]);

  test('counts the requests that find a free member', () => {
    expect(coverageOf(all, [[0], [0]], [1])).toMatchObject({ requests: 4, served: 2 });
    expect(coverageOf(all, [[0], [1]], [1, 1])).toMatchObject({ requests: 4, served: 4 });
    expect(coverageOf(all, [[0], [0]], [2])).toMatchObject({ requests: 4, served: 4 });
    expect(coverageOf(all, [[], [0]], [1])).toMatchObject({ requests: 4, served: 2 });
  });

  test('gives a tenant no second slot of the same agent', () => {
    const twice = sessions(30, ['a', 0, 0, 'x'], ['a', 1, 0, 'y']);
    expect(coverageOf(twice, [[0]], [2])).toMatchObject({ requests: 2, served: 1 });
    expect(coverageOf(twice, [[0, 1]], [1, 1])).toMatchObject({ requests: 2, served: 2 });
  });
});
