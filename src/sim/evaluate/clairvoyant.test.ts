import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Trace } from '../replay/trace.ts';
import { clairvoyantHits } from './clairvoyant.ts';
import { ActiveMinutes } from './minutes.ts';

function minutesOf(rows: readonly (readonly [minute: number, tenant: string])[]): ActiveMinutes {
  const trace = new Trace();
  for (const [minute, tenant] of rows) trace.add({ at: minute * 60_000, tenant });
  return new ActiveMinutes(trace);
}

const all = (active: ActiveMinutes) => ({ first: 0, start: 0, end: active.length });

/** The most hits of all ways to choose agents; whoever comes gets one while any is free. */
function mostHits(active: ActiveMinutes, agents: number): number {
  const search = (index: number, bound: readonly number[], busy: readonly number[]): number => {
    if (index === active.length) return 0;
    const isSameMinute = index > 0 && active.minute[index] === active.minute[index - 1];
    const taken = isSameMinute ? busy : [];
    const tenant = active.tenant[index];
    let most = Number.NEGATIVE_INFINITY;
    for (let agent = 0; agent < agents; agent += 1) {
      if (taken.includes(agent)) continue;
      const hit = bound[agent] === tenant ? 1 : 0;
      const after = search(index + 1, bound.with(agent, tenant), [...taken, agent]);
      most = Math.max(most, hit + after);
    }
    return most < 0 ? search(index + 1, bound, taken) : most;
  };
  return search(
    0,
    Array.from({ length: agents }, () => -1),
    [],
  );
}

describe('clairvoyantHits', () => {
  it('gives up the tenant that comes again the latest', () => {
    const order = ['a', 'b', 'c', 'a', 'b', 'a'].map((tenant, minute) => [minute, tenant] as const);
    const active = minutesOf(order);
    // c takes the agent of b, which comes after a; then b takes that of c.
    expect(clairvoyantHits(active, all(active), 2)).toBe(2);
    expect(clairvoyantHits(active, all(active), 3)).toBe(3);
    expect(clairvoyantHits(active, { first: 0, start: 4, end: 6 }, 2)).toBe(1);
    expect(clairvoyantHits(active, { first: 0, start: 0, end: 3 }, 2)).toBe(0);
  });

  it('takes no agent that is busy in the minute', () => {
    const active = minutesOf([
      [0, 'a'],
      [1, 'a'],
      [1, 'b'],
      [2, 'a'],
    ]);
    expect(clairvoyantHits(active, all(active), 1)).toBe(2);
  });

  it('has as many hits as any way to choose', () => {
    const rows = fc.array(fc.tuple(fc.nat({ max: 5 }), fc.constantFrom('a', 'b', 'c', 'd')), {
      minLength: 1,
      maxLength: 9,
    });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 3 }), (timeline, agents) => {
        const active = minutesOf(timeline);
        expect(clairvoyantHits(active, all(active), agents)).toBe(mostHits(active, agents));
      }),
      { numRuns: 300 },
    );
  });
});
