import { describe, expect, it } from 'vitest';
import { parseDuration, parseTime } from './trace-time.ts';

describe('parseTime', () => {
  it.each([
    ['0', 0],
    ['1519660926', 1_519_660_926_000],
    ['1519660926.25', 1_519_660_926_250],
    ['1.5e9', 1_500_000_000_000],
    ['2025-09-01', Date.UTC(2025, 8, 1)],
    ['2025-09-01T10:30', Date.UTC(2025, 8, 1, 10, 30)],
    ['2025-09-01 10:30:05.5', Date.UTC(2025, 8, 1, 10, 30, 5, 500)],
    ['2025-09-01T10:30:00Z', Date.UTC(2025, 8, 1, 10, 30)],
    ['2025-09-01T10:30:00+02:00', Date.UTC(2025, 8, 1, 8, 30)],
    ['2025-09-01T10:30:00+0230', Date.UTC(2025, 8, 1, 8, 0)],
    ['2025-09-01T10:30:00-05', Date.UTC(2025, 8, 1, 15, 30)],
  ])('reads %s', (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  it.each([
    '',
    'x',
    '-1',
    'NaN',
    'Infinity',
    '0x10',
    '1 2',
    '2025-13-01',
    '2025-02-30T25:00',
    '1e12',
  ])('refuses %j', (text) => {
    expect(parseTime(text)).toBeNull();
  });

  it('multiplies numbers, not dates, by their unit', () => {
    expect(parseTime('3', 60)).toBe(180_000);
    expect(parseTime('1970-01-02', 60)).toBe(86_400_000);
  });
});

describe('parseDuration', () => {
  it('reads seconds', () => {
    expect(parseDuration('0')).toBe(0);
    expect(parseDuration('12.5')).toBe(12_500);
  });
  it.each(['', '-1', 'x', 'NaN', '1e99'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});
