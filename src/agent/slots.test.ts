import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Entry, Slots } from './slots.ts';

const never = new AbortController().signal;

function harness(slots: number, queueLimit: number) {
  let time = 0;
  const changes: string[] = [];
  const limiter = new Slots({
    slots,
    queueLimit,
    now: () => time,
    onChange: (busy, queued) => changes.push(`${busy}+${queued}`),
  });
  const pass = (ms: number) => {
    time += ms;
  };
  return { limiter, changes, pass };
}

function entered(entry: Entry) {
  if (entry.outcome !== 'entered') throw new Error(`it was ${entry.outcome}`);
  return entry;
}

describe('slots', () => {
  test('are taken by those who come first, and the next ones wait in their order', async () => {
    const { limiter, changes, pass } = harness(1, 2);
    const first = entered(await limiter.enter(never));
    expect(first.queuedMs).toBe(0);
    const second = limiter.enter(never);
    pass(5);
    const third = limiter.enter(never);
    expect((await limiter.enter(never)).outcome).toBe('full');
    pass(7);
    first.leave();
    const next = entered(await second);
    expect(next.queuedMs).toBe(12);
    expect([limiter.busy, limiter.queued]).toEqual([1, 1]);
    pass(1);
    next.leave();
    const last = entered(await third);
    expect(last.queuedMs).toBe(8);
    last.leave();
    expect(changes).toEqual(['1+0', '1+1', '1+2', '1+1', '1+0', '0+0']);
  });

  test('are left once, however often somebody says so', async () => {
    const { limiter } = harness(2, 1);
    const first = entered(await limiter.enter(never));
    const second = entered(await limiter.enter(never));
    first.leave();
    first.leave();
    expect(limiter.busy).toBe(1);
    second.leave();
    expect(limiter.busy).toBe(0);
  });

  test('whoever hangs up leaves the queue, and one who has a slot keeps it', async () => {
    const { limiter } = harness(1, 2);
    const controller = new AbortController();
    const first = entered(await limiter.enter(controller.signal));
    const second = limiter.enter(controller.signal);
    const third = limiter.enter(never);
    controller.abort();
    expect((await second).outcome).toBe('gone');
    expect([limiter.busy, limiter.queued]).toEqual([1, 1]);
    expect((await limiter.enter(controller.signal)).outcome).toBe('gone');
    first.leave();
    entered(await third).leave();
    expect(limiter.busy).toBe(0);
  });

  test('a close sends away those who wait and those who come, and is idle with the last', async () => {
    const { limiter } = harness(1, 2);
    const first = entered(await limiter.enter(never));
    const second = limiter.enter(never);
    limiter.close();
    expect((await second).outcome).toBe('closed');
    expect((await limiter.enter(never)).outcome).toBe('closed');
    let isIdle = false;
    const idle = limiter.idle().then(() => {
      isIdle = true;
    });
    await Promise.resolve();
    expect(isIdle).toBe(false);
    first.leave();
    await idle;
    await limiter.idle();
  });

  test('under any order of events: never too many, nobody lost, nobody overtaken', async () => {
    const step = fc.record({ act: fc.constantFrom('enter', 'leave', 'abort'), pick: fc.nat() });
    const limits = fc.record({ slots: fc.integer({ min: 1, max: 3 }), queueLimit: fc.nat(4) });
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 60 }), async (options, steps) => {
        const { limiter } = harness(options.slots, options.queueLimit);
        const running: (() => void)[] = [];
        const order: number[] = [];
        const waiting = new Map<number, AbortController>();
        let sentAway = 0;
        let count = 0;
        for (const { act, pick } of steps) {
          if (act === 'enter') {
            const id = count++;
            const controller = new AbortController();
            waiting.set(id, controller);
            void limiter.enter(controller.signal).then((entry) => {
              waiting.delete(id);
              if (entry.outcome !== 'entered') sentAway += 1;
              else {
                order.push(id);
                running.push(entry.leave);
              }
            });
          } else if (act === 'leave' && running.length > 0) {
            running.splice(pick % running.length, 1)[0]?.();
          } else if (act === 'abort' && waiting.size > 0) {
            [...waiting.values()][pick % waiting.size]?.abort();
          }
          await new Promise(setImmediate);
          expect(limiter.busy).toBe(running.length);
          expect(limiter.queued).toBe(waiting.size);
          expect(limiter.busy).toBeLessThanOrEqual(options.slots);
          expect(limiter.queued).toBeLessThanOrEqual(options.queueLimit);
          expect(order.length + sentAway + waiting.size).toBe(count);
          expect(order).toEqual([...order].sort((a, b) => a - b));
          if (waiting.size > 0) expect(limiter.busy).toBe(options.slots);
        }
      }),
      { numRuns: 150 },
    );
  });
});
