import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agentsForLoss,
  agentsForWait,
  erlangB,
  erlangC,
  erlangCLate,
  halfinWhitt,
  squareRootStaffing,
} from './erlang.ts';

/** Erlang's own sums, term by term. */
function naive(load: number, agents: number): { readonly b: number; readonly c: number } {
  let term = 1;
  let below = 0;
  for (let n = 0; n < agents; n += 1) {
    below += term;
    term = (term * load) / (n + 1);
  }
  const queued = term * (agents / (agents - load));
  return { b: term / (below + term), c: queued / (below + queued) };
}

const load = fc.double({ min: 0.01, max: 30, noNaN: true });
const agents = fc.integer({ min: 1, max: 40 });

describe('Erlang B', () => {
  it.each([
    [10, 10, 0.2146],
    [10, 15, 0.0365],
    [1, 1, 0.5],
    [2, 2, 0.4],
    [5, 10, 0.0184],
    [100, 100, 0.0757],
  ])('is what tables say: %d erlangs and %d agents: %d', (a, n, share) => {
    expect(erlangB(a, n)).toBeCloseTo(share, 4);
  });

  it('is the ratio of sums', () => {
    fc.assert(
      fc.property(load, agents, (a, n) => {
        const { b } = naive(a, n);
        expect(Math.abs(erlangB(a, n) - b)).toBeLessThanOrEqual(1e-12 + 1e-10 * b);
      }),
    );
  });

  it('stays within 0 and 1 where factorials would not', () => {
    expect(erlangB(50_000, 50_000)).toBeCloseTo(Math.sqrt(2 / Math.PI / 50_000), 4);
    expect(erlangB(1, 100_000)).toBe(0);
    expect(erlangB(1e6, 10)).toBeCloseTo(1, 4);
    expect(erlangB(0, 0)).toBe(1);
    expect(erlangB(0, 3)).toBe(0);
  });

  it('falls with every agent', () => {
    fc.assert(
      fc.property(load, agents, (a, n) => {
        expect(erlangB(a, n + 1)).toBeLessThan(erlangB(a, n));
      }),
    );
  });
});

describe('Erlang C', () => {
  it.each([
    [10, 15, 0.102],
    [10, 11, 0.6821],
    [5, 8, 0.1673],
    [1, 2, 1 / 3],
  ])('is what tables say: %d erlangs and %d agents: %d', (a, n, share) => {
    expect(erlangC(a, n)).toBeCloseTo(share, 3);
  });

  it('is the ratio of sums, and everybody waits without a steady state', () => {
    fc.assert(
      fc.property(load, agents, (a, n) => {
        if (n <= a) {
          expect(erlangC(a, n)).toBe(1);
          return;
        }
        const { c } = naive(a, n);
        expect(Math.abs(erlangC(a, n) - c)).toBeLessThanOrEqual(1e-12 + 1e-9 * c);
      }),
    );
  });

  it('decays with the time that one may wait', () => {
    expect(erlangCLate(10, 15, 60_000, 0)).toBe(erlangC(10, 15));
    expect(erlangCLate(10, 15, 60_000, 12_000)).toBeCloseTo(erlangC(10, 15) / Math.E, 10);
  });
});

describe('numbers of agents', () => {
  it('are the fewest that are enough', () => {
    fc.assert(
      fc.property(load, fc.constantFrom(0.2, 0.01, 0.001), (a, share) => {
        const loss = agentsForLoss(a, share)!;
        expect(erlangB(a, loss)).toBeLessThanOrEqual(share);
        if (loss > 0) expect(erlangB(a, loss - 1)).toBeGreaterThan(share);
        const wait = agentsForWait(a, share, 60_000, 1_000)!;
        expect(erlangCLate(a, wait, 60_000, 1_000)).toBeLessThanOrEqual(share);
        expect(erlangCLate(a, wait - 1, 60_000, 1_000)).toBeGreaterThan(share);
      }),
    );
    expect(agentsForLoss(0, 0.001)).toBe(0);
  });

  it('of the square root are near those of Erlang C in large pools', () => {
    for (const a of [50, 500, 5_000]) {
      const exact = agentsForWait(a, 0.01, 60_000, 0)!;
      const { agents: near, beta } = squareRootStaffing(a, 0.01)!;
      expect(Math.abs(near - exact)).toBeLessThanOrEqual(2);
      expect(halfinWhitt(beta)).toBeCloseTo(0.01, 8);
    }
    // Halfin and Whitt: with β = 1 some 22 % wait.
    expect(halfinWhitt(1)).toBeCloseTo(0.2234, 3);
    expect(squareRootStaffing(100, 0)).toBeNull();
  });
});
