import { describe, expect, test } from 'vitest';
import { didYouMean, distance, suggest } from './suggest.ts';

describe('distance', () => {
  test.each([
    ['', '', 0],
    ['slots', 'slots', 0],
    ['slotz', 'slots', 1],
    ['solts', 'slots', 1],
    ['slot', 'slots', 1],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
  ])('%s → %s: %i', (a, b, edits) => {
    expect(distance(a, b)).toBe(edits);
    expect(distance(b, a)).toBe(edits);
  });
});

describe('suggest', () => {
  const known = ['tenant', 'tools', 'max_cost_per_hour', 'min_tier'];
  test.each([
    ['tennant', 'tenant'],
    ['maxCostPerHour', 'max_cost_per_hour'],
    ['MIN-TIER', 'min_tier'],
    ['tool', 'tools'],
  ])('%s stands for %s', (word, meant) => expect(suggest(word, known)).toBe(meant));

  test.each(['agents', 'x', '', 'a'.repeat(10_000)])('%.10s stands for nothing', (word) => {
    expect(suggest(word, known)).toBeUndefined();
    expect(didYouMean(word, known)).toBe('');
  });
});
