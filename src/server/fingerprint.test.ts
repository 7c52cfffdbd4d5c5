import { expect, test } from 'vitest';
import { fingerprint } from './fingerprint.ts';

test('the order of keys does not count, everything else does', () => {
  const print = fingerprint({ tenant: 'a', metadata: { x: 1, y: [1, 2] } });
  expect(print).toMatch(/^[\w-]{43}$/);
  expect(fingerprint({ metadata: { y: [1, 2], x: 1 }, tenant: 'a' })).toBe(print);
  for (const other of [
    { tenant: 'b', metadata: { x: 1, y: [1, 2] } },
    { tenant: 'a', metadata: { x: 1, y: [2, 1] } },
    { tenant: 'a', metadata: { x: '1', y: [1, 2] } },
    { tenant: 'a' },
  ]) {
    expect(fingerprint(other)).not.toBe(print);
  }
});
