import { describe, expect, test } from 'vitest';
import { Load } from './load.ts';

function harness(slots = 2, queueLimit = 32) {
  let time = 1_000;
  const load = new Load({ slots, queueLimit, now: () => time });
  const pass = (ms: number) => {
    time += ms;
  };
  return { load, pass };
}

describe('the load', () => {
  test('is 0 for an agent that does nothing', () => {
    const { load, pass } = harness();
    expect(load.value()).toBe(0);
    pass(3_600_000);
    expect(load.value()).toBe(0);
  });

  test('is 1 when all slots are busy all the time, and 0 again some time after', () => {
    const { load, pass } = harness();
    load.observe(2, 0);
    pass(180_000);
    expect(load.value()).toBe(1);
    load.observe(0, 0);
    pass(180_000);
    expect(load.value()).toBe(0);
  });

  test('is the share of the busy slots', () => {
    const { load, pass } = harness(4);
    load.observe(3, 0);
    pass(180_000);
    expect(load.value()).toBe(0.75);
  });

  test('is about a half when all are busy half of the time', () => {
    const { load, pass } = harness();
    for (let round = 0; round < 400; round += 1) {
      load.observe(2, 0);
      pass(250);
      load.observe(0, 0);
      pass(250);
    }
    expect(load.value()).toBeGreaterThan(0.49);
    expect(load.value()).toBeLessThan(0.51);
  });

  test('counts those who wait, and never exceeds 1', () => {
    const { load, pass } = harness(1, 16);
    for (let round = 0; round < 400; round += 1) {
      load.observe(1, 8);
      pass(250);
      load.observe(0, 0);
      pass(250);
    }
    // Half of the time one whole slot and half of the queue.
    expect(load.value()).toBeCloseTo(0.75, 1);
    load.observe(1, 16);
    pass(180_000);
    expect(load.value()).toBe(1);
  });

  test('a single short task is not noise', () => {
    const { load, pass } = harness(1);
    load.observe(1, 0);
    pass(200);
    load.observe(0, 0);
    expect(load.value()).toBeLessThan(0.02);
    expect(load.value()).toBeGreaterThan(0);
  });

  test('does not depend on how often somebody looks', () => {
    const seldom = harness();
    const often = harness();
    for (const busy of [1, 2, 0, 2, 1]) {
      seldom.load.observe(busy, 0);
      often.load.observe(busy, 0);
      for (let ms = 0; ms < 3_000; ms += 1) {
        often.pass(1);
        often.load.value();
      }
      seldom.pass(3_000);
    }
    expect(often.load.value()).toBe(seldom.load.value());
  });
});
