import { describe, expect, it } from 'vitest';
import { lineChart } from './svg.ts';

const chart = (points: readonly (readonly [number, number])[], name = 'line'): string =>
  lineChart({ title: 'T', x: { label: 'x' }, y: { label: 'y' }, series: [{ name, points }] });

describe('a chart', () => {
  it('puts low values below high ones, and the first on the left', () => {
    const path = /<path d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)" stroke="#/.exec(
      chart([
        [1, 0],
        [5, 10],
      ]),
    );
    const [x1, y1, x2, y2] = path!.slice(1).map(Number);
    expect([x1, y1, x2, y2]).toEqual([64, 336, 776, 44]);
  });

  it('draws what is flat, a single point, or nothing', () => {
    for (const points of [
      [
        [1, 0],
        [2, 0],
      ],
      [[3, 7]],
      [],
    ] as const) {
      expect(chart(points)).not.toMatch(/NaN|Infinity/);
    }
  });

  it('takes no name for markup', () => {
    expect(chart([[1, 1]], '<b>&"')).toContain('&lt;b&gt;&amp;&quot;');
  });
});
