import { describe, expect, it } from 'vitest';
import { VirtualClock } from './virtual-clock.ts';

describe('VirtualClock', () => {
  it('takes wake-ups in the order of their times, each at its own time', () => {
    const clock = new VirtualClock(100);
    const seen: [string, number][] = [];
    clock.wakeAt(300, () => seen.push(['b', clock.now()]));
    clock.wakeAt(200, () => seen.push(['a', clock.now()]));
    clock.wakeAt(500, () => seen.push(['c', clock.now()]));
    while (clock.step(400));
    clock.moveTo(400);
    expect(seen).toEqual([
      ['a', 200],
      ['b', 300],
    ]);
    expect(clock.now()).toBe(400);
    expect(clock.nextWakeAt).toBe(500);
  });

  it('keeps the order of asking within one instant', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    for (let n = 0; n < 50; n++) clock.wakeAt(7, () => seen.push(n));
    while (clock.step(7));
    expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  it('takes a wake-up that was asked for in the past at once, and does not go back', () => {
    const clock = new VirtualClock(1_000);
    let at = 0;
    clock.wakeAt(10, () => {
      at = clock.now();
    });
    expect(clock.step(1_000)).toBe(true);
    expect(at).toBe(1_000);
    expect(() => clock.moveTo(999)).toThrow('cannot go back');
  });

  it('does not move past a wake-up that is due', () => {
    const clock = new VirtualClock();
    clock.wakeAt(10, () => {});
    expect(() => clock.moveTo(10)).toThrow('a wake-up is due');
    clock.moveTo(9);
  });

  it('includes wake-ups that a wake-up asks for', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const again = () => {
      seen.push(clock.now());
      clock.wakeAt(clock.now() + 10, again);
    };
    clock.wakeAt(10, again);
    while (clock.step(45));
    expect(seen).toEqual([10, 20, 30, 40]);
  });

  it('forgets what was taken back, however much', () => {
    const clock = new VirtualClock();
    const cancels = Array.from({ length: 5_000 }, (_, n) => clock.wakeAt(n + 1, () => fail(n)));
    const seen: number[] = [];
    clock.wakeAt(2_500, () => seen.push(clock.now()));
    for (const cancel of cancels) {
      cancel();
      cancel();
    }
    expect(clock.nextWakeAt).toBe(2_500);
    while (clock.step(10_000));
    expect(seen).toEqual([2_500]);
    expect(clock.nextWakeAt).toBe(Number.POSITIVE_INFINITY);
  });

  it('ignores a cancellation after the wake-up', () => {
    const clock = new VirtualClock();
    const cancel = clock.wakeAt(1, () => {});
    clock.step(1);
    cancel();
    clock.wakeAt(2, () => {});
    expect(clock.nextWakeAt).toBe(2);
  });

  it('agrees with a sorted list on random times', () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const seen: number[] = [];
    let seed = 12_345;
    for (let n = 0; n < 3_000; n++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      const at = seed % 1_000;
      const cancel = clock.wakeAt(at, () => seen.push(at));
      if (seed % 3 === 0) cancel();
      else times.push(at);
    }
    while (clock.step(1_000));
    expect(seen).toEqual(times.sort((a, b) => a - b));
  });
});

function fail(n: number): never {
  throw new Error(`wake-up ${n} was taken back`);
}
