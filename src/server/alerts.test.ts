import { describe, expect, test } from 'vitest';
import type { SpecializationDemand } from '../core/queries.ts';
import type { FleetBrief } from '../host/fleet-api.ts';
import { Alert } from '../protocol/pool-schemas.ts';
import { checkOf } from '../protocol/validate.ts';
import { Alerts } from './alerts.ts';

const START = Date.parse('2026-03-01T12:00:00Z');

function pool(agents: number, used: number, waiting: number, name = 'bots'): SpecializationDemand {
  return { name, agents, slots: agents, usedSlots: used, requests: waiting, wanted: waiting };
}

function fleetOf(kind: Partial<FleetBrief['kinds'][number]> = {}, enabled = true): FleetBrief {
  return { enabled, kinds: [{ name: 'bots', max: 100, managed: 0, blocked: null, ...kind }] };
}

/** Evaluates every five seconds for `seconds`; the clock goes on from one call to the next. */
function watch(fleet: FleetBrief | null = null) {
  const alerts = new Alerts({ utilizationHigh: 0.9, utilizationLow: 0.3 });
  let now = START;
  return {
    alerts,
    for(seconds: number, ...demands: readonly SpecializationDemand[]) {
      for (let passed = 0; passed <= seconds; passed += 5) {
        alerts.evaluate(demands, fleet, now);
        now += 5_000;
      }
      return alerts.list(100, 0).items;
    },
    messageOf(...demands: readonly SpecializationDemand[]) {
      return this.for(60, ...demands)[0]?.message ?? '';
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
      specialization: 'bots',
      wanted_agents: 10,
      // 105 slots are wanted, at 90 % of 117.
      missing_agents: 17,
      since: '2026-03-01T12:00:00.000Z',
      opened_at: '2026-03-01T12:00:10.000Z',
      closed_at: null,
    });
    expect(alert?.message).toMatch(/bots.* 95 %.*10 requests wait for 10 agents.*17 more agents/);
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

  test('is for each specialization by itself', () => {
    const demands = [pool(10, 10, 3, 'a'), pool(100, 50, 0, 'b'), pool(0, 0, 2, 'c')];
    const open = watch().for(30, ...demands);
    expect(open.map(({ specialization }) => specialization).sort()).toEqual(['a', 'c']);
    expect(open.find(({ specialization }) => specialization === 'c')).toMatchObject({
      utilization: 1,
      missing_agents: 3,
    });
  });

  test('closes when the last agent of its specialization has gone', () => {
    const pools = watch();
    pools.for(15, pool(10, 10, 3));
    expect(pools.alerts.openCount).toBe(1);
    expect(pools.for(60)[0]).toMatchObject({ state: 'closed', specialization: 'bots' });
    expect(pools.alerts.openCount).toBe(0);
  });

  test('tells of its opening and its closing once', () => {
    const alerts = new Alerts({ utilizationHigh: 0.9, utilizationLow: 0.3 });
    const told: string[] = [];
    for (let second = 0; second < 120; second += 2) {
      const demand = pool(10, 10, second < 60 ? 3 : 0);
      const changed = alerts.evaluate([demand], null, START + second * 1_000);
      told.push(...changed.map(({ name, state }) => `${second} ${name} ${state}`));
    }
    expect(told).toEqual(['6 utilization_high open', '90 utilization_high closed']);
  });

  test('says what would help', () => {
    const busy = pool(10, 10, 3);
    expect(watch().messageOf(busy)).toContain('register more');
    expect(watch(fleetOf()).messageOf(busy)).toContain('can be started from here');
    expect(watch(fleetOf({}, false)).messageOf(busy)).toContain('remuda autoscaler enable');
    expect(watch(fleetOf({ max: 10, managed: 10 })).messageOf(busy)).toContain('raise');
  });
});

describe('start_blocked', () => {
  test('opens where none can be started, also without any agent, and closes after', () => {
    const pools = watch(fleetOf({ blocked: 'ports exhausted' }));
    expect(pools.for(15)).toMatchObject([
      {
        name: 'start_blocked',
        specialization: 'bots',
        severity: 'warning',
        message: expect.stringContaining('ports exhausted'),
      },
    ]);
    expect(checkOf(Alert).explain(pools.alerts.list(1, 0).items[0])).toBeNull();
    const alerts = pools.alerts;
    alerts.evaluate([], fleetOf(), START + 3_600_000);
    alerts.evaluate([], fleetOf(), START + 3_800_000);
    expect(alerts.list(1, 0).items[0]).toMatchObject({
      state: 'closed',
      message: expect.stringContaining('ports exhausted'),
    });
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
      message: expect.stringContaining('60 registered agents could be retired'),
    });
  });

  test('is not about agents that the autoscaler has started', () => {
    expect(watch(fleetOf({ managed: 10 })).for(300, pool(10, 0, 0))).toEqual([]);
    const mixed = watch(fleetOf({ managed: 8 })).for(300, pool(10, 0, 0));
    expect(mixed[0]?.message).toContain('2 registered agents');
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
