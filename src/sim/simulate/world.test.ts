import { describe, expect, it } from 'vitest';
import type { WorldOptions } from './options.ts';
import { LONGEST_SESSION_MS, PURPOSES, SessionLengths, SHORTEST_SESSION_MS } from './purposes.ts';
import { Random } from './random.ts';
import { TIME_ZONES } from './rhythm.ts';
import { WARM_UP_MS } from './sessions.ts';
import { orderOf } from './sort-times.ts';
import { HOUR_MS, makeWorld, sessionsOf, type World } from './world.ts';

const world = (more: Partial<WorldOptions> = {}): World =>
  makeWorld({ tenants: 20_000, active: 0.05, agentsPerTenant: 1, hours: 24, seed: 1, ...more });

/** The mean share of tenants with a session, from the sessions alone. */
function activeIn({ sessions, population, endMs }: World): number {
  let sum = 0;
  for (let nth = 0; nth < sessions.count; nth++) {
    sum += Math.max(0, Math.min(sessions.end[nth]!, endMs) - Math.max(sessions.start[nth]!, 0));
  }
  return sum / endMs / population.size;
}

describe('a world', () => {
  it.each([
    { active: 0.05, hours: 24 },
    { active: 0.2, hours: 24 },
    { active: 0.5, hours: 24 },
    { active: 0.02, hours: 168 },
    { active: 0.1, hours: 6.5 },
  ])('has as many active tenants as it should: $active for $hours h', ({ active, hours }) => {
    const shares = [1, 2, 3].map((seed) => activeIn(world({ active, hours, seed })));
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    expect(mean / active).toBeGreaterThan(0.98);
    expect(mean / active).toBeLessThan(1.02);
  });

  it('begins as it goes on: nobody has to arrive first', () => {
    const { sessions, population } = world();
    let atStart = 0;
    for (let nth = 0; nth < sessions.count; nth++) {
      if (sessions.start[nth]! <= -WARM_UP_MS) atStart += 1;
    }
    // 22 h on a Sunday in UTC is busy in the Americas.
    expect(atStart / population.size).toBeGreaterThan(0.04);
  });

  it('is the same for the same seed, and another for another', () => {
    const [a, b, other] = [world(), world(), world({ seed: 2 })];
    expect(a).toEqual(b);
    expect(a.sessions.end.slice(0, 99)).not.toEqual(other.sessions.end.slice(0, 99));
    const far = world({ seed: 2 ** 40 + 1 });
    expect(far.sessions.end.slice(0, 99)).not.toEqual(a.sessions.end.slice(0, 99));
  });

  it.each([1, 1.1, 1.5, 2, 3.3])('gives a session %d agents on average, exactly', (each) => {
    const { population } = world({ tenants: 10, agentsPerTenant: each });
    const wanted = Array.from({ length: 10 }, (_, tenant) => population.agentsOf(tenant));
    expect(wanted.reduce((sum, agents) => sum + agents, 0)).toBe(Math.round(10 * each));
    expect(population.staticAgents).toBe(Math.round(10 * each));
    for (const agents of wanted) expect([Math.floor(each), Math.ceil(each)]).toContain(agents);
  });

  it('never has a tenant in two sessions, and keeps their lengths and order', () => {
    const { sessions, population } = world({ active: 0.3 });
    const until = new Float64Array(population.size).fill(Number.NEGATIVE_INFINITY);
    let last = Number.NEGATIVE_INFINITY;
    for (let nth = 0; nth < sessions.count; nth++) {
      const [start, end, tenant] = [
        sessions.start[nth]!,
        sessions.end[nth]!,
        sessions.tenant[nth]!,
      ];
      expect(start).toBeGreaterThanOrEqual(last);
      expect(start).toBeGreaterThan(until[tenant]!);
      expect(end - start).toBeGreaterThanOrEqual(SHORTEST_SESSION_MS);
      expect(end - start).toBeLessThanOrEqual(LONGEST_SESSION_MS);
      last = start;
      until[tenant] = end;
    }
    const ends = Float64Array.from(sessions.byEnd, (nth) => sessions.end[nth]!);
    expect(ends).toEqual(sessions.end.toSorted());
  });

  it('is busiest in the evening of each time zone, and popularity has a long tail', () => {
    const { sessions, population } = world({ hours: 24 });
    const starts = new Float64Array(24);
    const ofTenant = new Float64Array(population.size);
    for (let nth = 0; nth < sessions.count; nth++) {
      if (sessions.start[nth]! < 0) continue;
      const tenant = sessions.tenant[nth]!;
      const { hours } = TIME_ZONES[population.zone[tenant]!]!;
      const local = sessions.start[nth]! / HOUR_MS + hours + 24;
      starts[Math.floor(local) % 24]! += 1;
      ofTenant[tenant]! += 1;
    }
    expect(starts[20]!).toBeGreaterThan(4 * starts[4]!);
    const total = ofTenant.reduce((sum, count) => sum + count, 0);
    const most = ofTenant
      .sort()
      .reverse()
      .slice(0, population.size / 10);
    expect(most.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0.5 * total);
  });

  it('knows about how many sessions it will have', () => {
    const options = { tenants: 20_000, active: 0.05, agentsPerTenant: 1, hours: 24, seed: 1 };
    const ratio = makeWorld(options).sessions.count / sessionsOf(options);
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.15);
  });
});

describe('lengths of sessions', () => {
  it('have the median that they should, and a mean above it', () => {
    const random = new Random(1);
    for (const purpose of PURPOSES) {
      const lengths = new SessionLengths(purpose);
      const drawn = Float64Array.from({ length: 20_001 }, () => lengths.draw(random)).sort();
      expect(drawn[10_000]! / purpose.medianMs).toBeCloseTo(1, 1);
      const mean = drawn.reduce((sum, length) => sum + length, 0) / drawn.length;
      expect(mean / lengths.meanMs).toBeCloseTo(1, 1);
      expect(lengths.meanMs).toBeGreaterThan(1.2 * purpose.medianMs);
      // What is still on, added up over time, is the mean length.
      const survival = lengths.survival(60_000).reduce((sum, share) => sum + share * 60_000, 0);
      expect(survival / lengths.meanMs).toBeCloseTo(1, 6);
    }
  });
});

describe('chance', () => {
  it('has the moments that it should', () => {
    const random = new Random(7);
    const mean = (draw: () => number): number =>
      Array.from({ length: 100_000 }, draw).reduce((sum, value) => sum + value, 0) / 100_000;
    expect(mean(() => random.uniform())).toBeCloseTo(0.5, 1);
    expect(mean(() => random.exponential())).toBeCloseTo(1, 1);
    expect(mean(() => random.normal())).toBeCloseTo(0, 1);
    expect(mean(() => random.normal() ** 2)).toBeCloseTo(1, 1);
    expect(mean(() => random.pick([1, 0, 3]))).toBeCloseTo(1.5, 1);
  });
});

describe('the order of times', () => {
  it('is that of sorting, equal times by index', () => {
    const random = new Random(3);
    for (const count of [0, 1, 2, 100, 5_000]) {
      for (const span of [1, 50, 1e9]) {
        const times = Float64Array.from({ length: count }, () => random.below(span) - span / 2);
        const sorted = Array.from({ length: count }, (_, nth) => nth);
        sorted.sort((a, b) => times[a]! - times[b]! || a - b);
        expect([...orderOf(times, count)]).toEqual(sorted);
      }
    }
  });
});
