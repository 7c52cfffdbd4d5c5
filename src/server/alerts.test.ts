import { describe, expect, test } from 'vitest';
import type { PoolStats } from '../core/queries.ts';
import { Alert } from '../protocol/pool-schemas.ts';
import { checkOf } from '../protocol/validate.ts';
import { Alerts } from './alerts.ts';

const START = Date.parse('2026-03-01T12:00:00Z');

function pool(agents: number, used: number, waiting: number): PoolStats {
  return {
    agents: { total: agents },
    queue: { length: waiting },
    slots: agents,
    usedSlots: used,
    utilization: agents === 0 ? 0 : used / agents,
  } as unknown as PoolStats;
}

/** Evaluates every five seconds for `seconds`; the clock goes on from one call to the next. */
function watch() {
  const alerts = new Alerts({ utilizationHigh: 0.9, utilizationLow: 0.3 });
  let now = START;
  return {
    alerts,
    for(seconds: number, stats: PoolStats) {
      for (let passed = 0; passed <= seconds; passed += 5) {
        alerts.evaluate(stats, now);
        now += 5_000;
      }
      return alerts.list(100, 0).items;
    },
  };
}

describe('utilization_high', () => {
  test('opens once it has held for a while, and says how many agents are missing', () => {
    const pools = watch();
    expect(pools.for(0, pool(100, 95, 10))).toEqual([]);
    const [alert] = pools.for(15, pool(100, 95, 10));
    expect(alert).toMatchObject({
      name: 'utilization_high',
      state: 'open',
      severity: 'warning',
      queue_length: 10,
      // 105 slots are wanted, at 90 % of 117.
      missing_agents: 17,
      closed_at: null,
    });
    expect(alert?.message).toMatch(/95 %.*10 requests wait.*17 more agents/);
    expect(checkOf(Alert).explain(alert)).toBeNull();
  });

  test('needs someone who waits', () => {
    expect(watch().for(60, pool(100, 100, 0))).toEqual([]);
  });

  test('does not open for a moment', () => {
    const pools = watch();
    for (let round = 0; round < 10; round += 1) {
      pools.for(5, pool(100, 95, 1));
      pools.for(5, pool(100, 50, 0));
    }
    expect(pools.alerts.list(10, 0).items).toEqual([]);
  });

  test('stays one alert while the figure hovers, and closes when it is clearly over', () => {
    const pools = watch();
    pools.for(15, pool(100, 95, 1));
    pools.for(60, pool(100, 88, 1));
    expect(pools.for(60, pool(100, 92, 1))).toHaveLength(1);
    expect(pools.alerts.openCount).toBe(1);
    const [closed] = pools.for(60, pool(100, 50, 0));
    expect(closed).toMatchObject({ state: 'closed', opened_at: '2026-03-01T12:00:10.000Z' });
    expect(closed?.closed_at).not.toBeNull();
    expect(pools.alerts.openCount).toBe(0);
  });
});

describe('utilization_low', () => {
  test('opens after half a minute and says how many could go', () => {
    const pools = watch();
    expect(pools.for(20, pool(100, 10, 0))).toEqual([]);
    expect(pools.for(60, pool(100, 12, 0))[0]).toMatchObject({
      name: 'utilization_low',
      severity: 'info',
      missing_agents: 0,
      message: expect.stringContaining('60 agents could be retired'),
    });
  });

  test('an empty pool is not an idle one', () => {
    expect(watch().for(300, pool(0, 0, 0))).toEqual([]);
  });
});

describe('the list', () => {
  test('has open alerts first, the newest of each first, in pages, and ends somewhere', () => {
    const pools = watch();
    for (let round = 0; round < 1_100; round += 1) {
      pools.for(15, pool(100, 95, 1));
      pools.for(35, pool(100, 50, 0));
    }
    pools.for(15, pool(100, 95, 1));
    const { items, next } = pools.alerts.list(2, 0);
    expect(items.map(({ state }) => state)).toEqual(['open', 'closed']);
    expect(next).toBe(2);
    expect(pools.alerts.list(1_000, 0).items.length).toBeLessThanOrEqual(1_000);
    expect(pools.alerts.list(10, 1_000_000)).toEqual({ items: [], next: null });
  });
});
