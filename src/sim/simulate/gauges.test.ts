import { describe, expect, it } from 'vitest';
import { Gauge } from './gauge.ts';
import { Random } from './random.ts';
import { WaitCounts } from './waits.ts';

describe('a gauge', () => {
  it('gives what adding up every millisecond gives', () => {
    const random = new Random(5);
    for (const to of [1, 7, 100, 1_000]) {
      const gauge = new Gauge(to, 10);
      const values = new Float64Array(to);
      let value = 0;
      let at = -20;
      let peak = 0;
      while (at < to) {
        value = random.below(9);
        gauge.set(value, at);
        if (at >= 0) peak = Math.max(peak, value);
        const next = at + random.below(30);
        for (let ms = Math.max(0, at); ms < Math.min(next, to); ms++) {
          values[ms] = value;
          peak = Math.max(peak, value);
        }
        at = next;
      }
      gauge.advance(to);
      expect(gauge.peak).toBe(peak);
      expect(gauge.mean()).toBeCloseTo(values.reduce((sum, each) => sum + each, 0) / to, 9);
      const width = Math.ceil(to / 10);
      gauge.means().forEach((mean, bin) => {
        const part = values.slice(bin * width, (bin + 1) * width);
        expect(mean).toBeCloseTo(part.reduce((sum, each) => sum + each, 0) / part.length, 9);
      });
    }
  });

  it('does not count what was over before the beginning', () => {
    const gauge = new Gauge(10, 1);
    gauge.set(99, -5);
    gauge.add(-98, -1);
    gauge.advance(10);
    expect([gauge.peak, gauge.mean()]).toEqual([1, 1]);
  });
});

describe('waits', () => {
  it('gives percentiles by nearest rank', () => {
    const waits = new WaitCounts();
    expect(waits.figures()).toEqual({ p50: 0, p95: 0, p99: 0 });
    const random = new Random(6);
    const all = Array.from({ length: 1_000 }, () => Math.max(0, random.below(9_000) - 5_000));
    for (const wait of all) waits.add(wait);
    all.sort((a, b) => a - b);
    expect(waits.figures()).toEqual({ p50: all[499], p95: all[949], p99: all[989] });
  });
});
