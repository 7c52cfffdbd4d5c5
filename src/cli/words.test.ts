import { describe, expect, it } from 'vitest';
import { chart } from './chart.ts';
import { configLines } from './config-lines.ts';
import { formatCount, formatSeconds, plural } from './duration.ts';
import { formatTable } from './table.ts';

describe('formatTable', () => {
  const header = ['AGENT', 'TOOLS'];
  const rows = [
    ['bot_1', 'music voice transcription'],
    ['a_bot_with_a_name', '-'],
  ];

  it('lines up its columns', () => {
    expect(formatTable(header, rows, Number.POSITIVE_INFINITY)).toEqual([
      'AGENT              TOOLS',
      'bot_1              music voice transcription',
      'a_bot_with_a_name  -',
    ]);
  });

  it('fits the terminal by cutting the widest columns', () => {
    const lines = formatTable(header, rows, 30);
    expect(lines.every((line) => line.length <= 30)).toBe(true);
    expect(lines[1]).toBe('bot_1           music voice t…');
  });

  it('lets nothing steer the terminal', () => {
    expect(formatTable(['A'], [['x\u001b[2Jy\n']], 80)[1]).toBe('x\uFFFD[2Jy\uFFFD');
  });
});

describe('chart', () => {
  it('fills rows from the bottom', () => {
    expect(chart([0, 0.5, 1, 0.01], 2, 10)).toEqual(['100 % │  █ ', '  0 % │ ██▁']);
    expect(chart([0.75], 2, 10)).toEqual(['100 % │▄', '  0 % │█']);
  });

  it('shows the mean where there is no room for all', () => {
    const values = Array.from({ length: 120 }, (_, n) => (n < 60 ? 0 : 1));
    const [row] = chart(values, 1, 50);
    expect(row).toBe(`100 % │${' '.repeat(25)}${'█'.repeat(25)}`);
  });
});

describe('configLines', () => {
  it('puts the source behind each value', () => {
    const values = { server: { port: 1, host: 'a' }, purposes: { 'odd name': { sec: 5 } } };
    const sources = { 'server.port': '--port', 'server.host': 'default', purposes: 'c.yaml:1:1' };
    expect(configLines(values, sources)).toEqual([
      'server:',
      '  port: 1    # --port',
      '  host: "a"  # default',
      'purposes:    # c.yaml:1:1',
      '  "odd name": { sec: 5 }',
    ]);
  });
});

describe('words', () => {
  it('are short and exact enough', () => {
    expect([0, 1.26, 60, 119, 120, 7_200, 200_000].map(formatSeconds)).toEqual([
      '0 s',
      '1.3 s',
      '60 s',
      '119 s',
      '2 min',
      '2 h',
      '2 days',
    ]);
    expect([formatCount(1_234_567), plural(1, 'row'), plural(2, 'row')]).toEqual([
      '1,234,567',
      '1 row',
      '2 rows',
    ]);
  });
});
