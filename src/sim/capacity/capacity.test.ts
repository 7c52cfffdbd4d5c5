import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIONS } from '../../core/options.ts';
import { Trace } from '../replay/trace.ts';
import type { RecordedRequest, Recording, Use } from '../what-if/recording.ts';
import { agentsForWait } from './erlang.ts';
import { poissonTrace } from './poisson.ts';
import { probe } from './probe.ts';
import { recordedTrace } from './recorded-trace.ts';
import { findCapacity, ImpossibleLevelError } from './search.ts';

const START = Date.UTC(2026, 0, 5);

/** Agents that are free almost as soon as their work is done, and tenants who wait. */
const TEXTBOOK = {
  ...DEFAULT_OPTIONS,
  queue: { ...DEFAULT_OPTIONS.queue, timeoutMs: 86_400_000 },
  // Nothing is ever idle for long enough; looking for it every second would only take time.
  reclaim: { ...DEFAULT_OPTIONS.reclaim, enabled: false },
  purposes: { default: { idleTimeoutMs: 1, priorityWeight: 10 } },
};

describe('demand by chance', () => {
  it('comes at its rate, for its time, and alike each time', () => {
    const make = () =>
      poissonTrace({ ratePerHour: 120, holdMs: 300_000, requests: 20_000, from: START });
    const trace = make();
    const hours = (trace.row(19_999).at - START) / 3_600_000;
    expect(20_000 / hours).toBeCloseTo(120, -1);
    let sum = 0;
    for (let nth = 0; nth < trace.length; nth += 1) sum += trace.row(nth).durationMs!;
    expect(sum / 20_000 / 300_000).toBeCloseTo(1, 1);
    expect(make().row(777)).toEqual(trace.row(777));
  });
});

describe('the search', () => {
  it('finds what Erlang C says where its assumptions hold', async () => {
    const trace = poissonTrace({ ratePerHour: 60, holdMs: 600_000, requests: 8_000, from: START });
    const { answer } = await findCapacity({
      ...{ demand: { trace, from: START }, pool: TEXTBOOK, level: 0.95, withinMs: 1_000 },
    });
    const expected = agentsForWait(10, 0.05, 600_000, 1_000)!;
    expect(Math.abs(answer.agents - expected)).toBeLessThanOrEqual(1);
    expect(answer.used.mean).toBeCloseTo(10, 0);
  }, 60_000);

  it('ends where one agent less misses the level', async () => {
    const trace = poissonTrace({ ratePerHour: 60, holdMs: 300_000, requests: 500, from: START });
    const options = { demand: { trace }, pool: TEXTBOOK, level: 0.97, withinMs: 0 };
    const { answer, sweep } = await findCapacity(options);
    expect(answer.share).toBeGreaterThanOrEqual(0.97);
    expect((await probe(answer.agents - 1, options)).share).toBeLessThan(0.97);
    expect(sweep.map(({ agents }) => agents)).toContain(answer.agents - 1);
    // Of each request is known whether it was in time: 485 of 500 are enough, 484 are not.
    expect(answer.share * 500).toBeCloseTo(Math.round(answer.share * 500), 9);
  });

  it('says when no number is enough', async () => {
    const trace = new Trace();
    for (let nth = 0; nth < 60; nth += 1) {
      trace.add({ at: START, tenant: 'one', durationMs: 1_000 });
    }
    const options = { demand: { trace }, pool: TEXTBOOK, level: 0.99, withinMs: 0 };
    const failure = await findCapacity(options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ImpossibleLevelError);
    const { best } = failure as ImpossibleLevelError;
    expect(best).toMatchObject({ share: 49 / 60, refused: { TENANT_AT_LIMIT: 11 } });
  });
});

describe('a recording as a trace', () => {
  const step = (sec: number, kind: 'active' | 'idle' | 'touch' | 'end') => ({
    ...{ at: START + sec * 1_000, number: 1, kind },
  });
  const request = (
    sec: number,
    use: Use,
    more: Partial<RecordedRequest> = {},
  ): RecordedRequest => ({
    ...{ number: 1, at: START + sec * 1_000, tenant: 't', purpose: 'music', priority: 'normal' },
    ...{ demand: { specialization: 'bot' }, near: [], reuse: true, count: 1, uses: [use] },
    happened: { outcome: 'granted', queued: false, waitMs: 0, agents: ['a'], warm: false },
    ...more,
  });

  it('has a job for each stretch of use, when it was asked for', () => {
    const use: Use = {
      ...{ lease: 'l', grantedAt: START + 30_000, accepts: [] },
      steps: [step(31, 'active'), step(90, 'idle'), step(200, 'active'), step(260, 'end')],
    };
    const gaveUp = request(50, use, {
      happened: { outcome: 'expired', queued: true, waitMs: 1, agents: [], warm: false },
    });
    const recording = { requests: [request(10, use), gaveUp], held: [], to: START + 999_000 };
    const { trace, guessed } = recordedTrace(recording as unknown as Recording);
    const rows = Array.from({ length: trace.length }, (_, nth) => trace.row(nth));
    expect(rows.map(({ at, durationMs }) => [(at - START) / 1_000, durationMs! / 1_000])).toEqual([
      [10, 60],
      [50, 60],
      [200, 60],
    ]);
    expect(rows[0]).toMatchObject({ tenant: 't', purpose: 'music', specialization: 'bot' });
    expect(guessed).toBe(1);
  });
});
