import { describe, expect, it } from 'vitest';
import { fleetOf, shareOut } from './fleet.ts';
import { Trace } from './trace.ts';
import { Usage } from './usage.ts';
import { Waits } from './waits.ts';

describe('Trace', () => {
  it('gives its rows in the order of time, equal times in the order of the file', () => {
    const trace = new Trace();
    for (const [at, tenant] of [
      [30, 'x'],
      [10, 'a'],
      [20, 'b'],
      [10, 'c'],
    ] as const) {
      trace.add({ at, tenant });
    }
    const rows = Array.from({ length: 4 }, (_, nth) => trace.row(nth));
    expect(rows.map(({ at, tenant }) => [at, tenant])).toEqual([
      [10, 'a'],
      [10, 'c'],
      [20, 'b'],
      [30, 'x'],
    ]);
    expect(trace.outOfOrder).toBe(3);
    expect(trace.tenants).toBe(4);
  });

  it('grows and keeps every column', () => {
    const trace = new Trace();
    const row = (n: number) => ({
      at: n,
      tenant: `t${n % 7}`,
      durationMs: n * 2,
      purpose: `p${n % 3}`,
      specialization: `s${n % 5}`,
    });
    for (let n = 0; n < 5_000; n++) trace.add(row(n));
    for (const n of [0, 1, 1_023, 1_024, 4_999]) expect(trace.row(n)).toEqual(row(n));
    expect(trace.rowsBySpecialization().get('s1')).toBe(1_000);
  });
});

describe('Usage', () => {
  it('weighs by time', () => {
    const usage = new Usage(1_000, 11_000);
    usage.advance(3_000);
    usage.change(2, 0);
    usage.advance(8_000);
    usage.change(-1, 1);
    usage.advance(11_000);
    // 2 s of nothing, 5 s of two, 3 s of one.
    expect(usage.mean(2)).toBeCloseTo((5 * 2 + 3) / 10 / 2);
    expect(usage.peak).toBe(2);
    expect(usage.idleMs).toBe(3_000);
    const bins = usage.overTime(2);
    expect(bins.length).toBeLessThanOrEqual(120);
    const mean = bins.reduce((sum, bin) => sum + bin.utilization, 0) / bins.length;
    expect(mean).toBeCloseTo(usage.mean(2), 2);
    expect(bins[0]).toEqual({ t: 1, at: '1970-01-01T00:00:01.000Z', utilization: 0 });
    expect(bins.at(-1)?.utilization).toBe(0.5);
  });

  it('has one bin for a moment without length', () => {
    const usage = new Usage(5_000, 5_000);
    usage.change(1, 0);
    usage.advance(5_000);
    expect(usage.mean(4)).toBe(0.25);
    expect(usage.overTime(4)).toEqual([
      { t: 5, at: '1970-01-01T00:00:05.000Z', utilization: 0.25 },
    ]);
  });

  it('never has more than 120 bins', () => {
    for (const span of [1, 119, 120, 121, 239, 1_000_003]) {
      const usage = new Usage(0, span);
      usage.change(1, 0);
      usage.advance(span);
      const bins = usage.overTime(1);
      expect(bins.length).toBeLessThanOrEqual(120);
      expect(bins.every((bin) => bin.utilization === 1)).toBe(true);
    }
  });
});

describe('Waits', () => {
  it('counts those who did not wait', () => {
    const waits = new Waits();
    expect(waits.figures()).toEqual({ p50: 0, p99: 0, max: 0, mean: 0 });
    for (let n = 0; n < 97; n++) waits.add(0);
    for (const ms of [3_000, 1_000, 2_000]) waits.add(ms);
    expect(waits.figures()).toEqual({ p50: 0, p99: 2_000, max: 3_000, mean: 60 });
  });
});

describe('shareOut', () => {
  it('makes all agents alike without specializations', () => {
    expect([...shareOut(3, new Map())]).toEqual([['general', 3]]);
  });

  it('gives each specialization its share, and at least one', () => {
    const shares = shareOut(
      10,
      new Map([
        ['big', 90],
        ['small', 9],
        ['tiny', 1],
      ]),
    );
    expect([...shares]).toEqual([
      ['big', 7],
      ['small', 2],
      ['tiny', 1],
    ]);
    const agents = [...fleetOf(shares)];
    expect(agents.map(({ agentId }) => agentId)).toEqual(
      Array.from({ length: 10 }, (_, n) => `agent_${n + 1}`),
    );
    expect(agents.filter(({ specialization }) => specialization === 'small')).toHaveLength(2);
  });

  it('needs an agent for each', () => {
    const rows = new Map([
      ['a', 1],
      ['b', 1],
    ]);
    expect([...shareOut(1, rows).values()]).toEqual([1, 1]);
  });
});
