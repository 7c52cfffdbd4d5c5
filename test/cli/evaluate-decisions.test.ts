import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { keepaliveRows, measureKeepalive } from '../../src/sim/evaluate/keepalive.ts';
import { ActiveMinutes } from '../../src/sim/evaluate/minutes.ts';
import { measureScaling } from '../../src/sim/evaluate/scaling.ts';
import { Trace } from '../../src/sim/replay/trace.ts';
import {
  affinityByHand,
  keepaliveByHand,
  type Row,
  rowsOf,
  scalingByHand,
} from './evaluate-by-hand.ts';
import { runHere } from './in-process.ts';
import { removeWorkspaces, workspace, write } from './support.ts';

afterAll(removeWorkspaces);

const numRuns = 60;
const { PROPERTY_RUNS: times = '1' } = process.env;
const RUNS = { numRuns: numRuns * Number(times) };

/** Messages of few tenants in few minutes, in any order. */
const messages = fc.array(
  fc.record({ sec: fc.integer({ min: 0, max: 60 * 90 }), tenant: fc.integer({ min: 1, max: 7 }) }),
  { minLength: 1, maxLength: 60 },
);
const minutes = fc.integer({ min: 0, max: 91 });
const windows = fc.option(
  fc.tuple(minutes, minutes, minutes).map((three) => {
    const [learn = 0, from = 0, to = 0] = three.toSorted((a, b) => a - b);
    return { learn, from, to: Math.max(to, from + 1) };
  }),
);
/** Some day on which the traces begin. */
const START = 29_000_000;

function traceOf(rows: readonly { readonly sec: number; readonly tenant: number }[]): string {
  const lines = rows.map(({ sec, tenant }) => `${START * 60 + sec},guild_${tenant}`);
  return write('trace.csv', `t,guild\n${lines.join('\n')}\n`);
}

interface Case {
  readonly rows: readonly { readonly sec: number; readonly tenant: number }[];
  readonly window: { readonly learn: number; readonly from: number; readonly to: number } | null;
}

/** What was printed, what was decided, and the window in minutes. */
async function evaluate(what: string, { rows, window }: Case, options: readonly string[]) {
  const decisions = join(workspace(), 'decisions.csv');
  const time = (minute: number) => String((START + minute) * 60);
  const part =
    window === null
      ? []
      : ['--learn-from', time(window.learn), '--from', time(window.from), '--to', time(window.to)];
  const input = ['--trace', traceOf(rows), '--tenant-column', 'guild', ...part];
  const args = ['evaluate', what, ...input, ...options, '--decisions', decisions, '--json'];
  const { code, stdout, stderr } = await runHere(args);
  const active = rows.map(({ sec }) => Math.floor(sec / 60));
  const from = window?.from ?? Math.min(...active);
  const to = window?.to ?? Math.max(...active) + 1;
  if (!active.some((minute) => minute >= from && minute < to)) {
    expect(code).toBe(1);
    return null;
  }
  expect(stderr).not.toContain('remuda:');
  return {
    printed: JSON.parse(stdout),
    decided: rowsOf(readFileSync(decisions, 'utf8')),
    window: { from: START + from, to: START + to },
    /** All there are before the end of the window, as `minute,tenant`. */
    active: new Set(
      rows
        .filter(({ sec }) => Math.floor(sec / 60) < to)
        .map(({ sec, tenant }) => `${START + Math.floor(sec / 60)},guild_${tenant}`),
    ),
  };
}

describe('the figures follow from the decisions alone', () => {
  it('for keepalive', async () => {
    const policies = fc.oneof(
      fc.integer({ min: 0, max: 40 }).map((keep) => [`fixed:${keep}`]),
      fc.constant(['pressure']),
      fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 8 })).map((both) => {
        return [`pressure:${both[0]}`, '--agents', `${both[1]}`];
      }),
    );
    const cases = fc.record({ rows: messages, window: windows });
    const costs = fc.integer({ min: 0, max: 60 });
    let told = 0;
    await fc.assert(
      fc.asyncProperty(cases, policies, costs, async (one, policy, cost) => {
        const options = ['--policy', ...policy, '--cost', String(cost)];
        const done = await evaluate('keepalive', one, options);
        if (done === null) return;
        expect(done.printed).toMatchObject(keepaliveByHand(done.decided, done.window, cost));
        expect(keysOf(done.decided)).toEqual(neededForKeepalive(done.active, done.window.from));
        told += 1;
      }),
      RUNS,
    );
    expect(told).toBeGreaterThan(numRuns / 2);
  });

  it('for affinity', async () => {
    const cases = fc.record({ rows: messages, window: windows });
    const fleets = fc.integer({ min: 1, max: 8 });
    const selections = fc.constantFrom('score', 'lru');
    let told = 0;
    await fc.assert(
      fc.asyncProperty(cases, fleets, selections, async (one, agents, selection) => {
        const options = ['--agents', String(agents), '--selection', selection];
        const done = await evaluate('affinity', one, options);
        if (done === null) return;
        expect(done.printed).toMatchObject(affinityByHand(done.decided, done.window, agents));
        expectPossible(done.decided, agents);
        const learn = START + (one.window?.learn ?? 0);
        const expected = [...done.active].filter((key) => Number(key.split(',')[0]) >= learn);
        expect(keysOf(done.decided)).toEqual(expected.toSorted());
        told += 1;
      }),
      RUNS,
    );
    expect(told).toBeGreaterThan(numRuns / 2);
  });

  it('for scaling', async () => {
    const demands = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 60 });
    const boots = fc.constantFrom(0, 60, 90, 300);
    await fc.assert(
      fc.asyncProperty(demands, boots, async (demand, bootSec) => {
        fc.pre(demand.some((agents) => agents > 0));
        // A demand that lasts gives the rule time to act.
        const lasting = demand.flatMap((agents) => Array.from({ length: 9 }, () => agents));
        const lines = lasting.map((agents, minute) => `${minute * 60},${agents}`);
        const text = `t_sec,demand\n${lines.join('\n')}\n`;
        const decisions = join(workspace(), 'desired.csv');
        const args = ['--demand', write('demand.csv', text), '--boot-sec', String(bootSec)];
        const { stdout } = await runHere([
          ...['evaluate', 'scaling', ...args, '--decisions', decisions, '--json'],
        ]);
        const decided = rowsOf(readFileSync(decisions, 'utf8'));
        expect(decided.map((row) => row.t_sec)).toEqual(rowsOf(text).map((row) => row.t_sec));
        expect(JSON.parse(stdout)).toMatchObject(scalingByHand(rowsOf(text), decided, bootSec));
      }),
      RUNS,
    );
  });
});

describe('the figures follow from any decisions', () => {
  const timelines = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.constantFrom('a', 'b', 'c')), {
    minLength: 1,
    maxLength: 40,
  });
  function minutesOf(rows: readonly (readonly [number, string])[]): ActiveMinutes {
    const trace = new Trace();
    for (const [minute, tenant] of rows) trace.add({ at: minute * 60_000, tenant });
    return new ActiveMinutes(trace);
  }
  const inFile = (active: ActiveMinutes, index: number) => ({
    tenant: active.tenants[active.tenant[index]],
    minute: String(active.minute[index]),
  });

  it('for keepalive, with agents that come back before they are needed', () => {
    const kept = fc.array(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 })), {
      minLength: 40,
      maxLength: 40,
    });
    fc.assert(
      fc.property(timelines, kept, fc.nat({ max: 20 }), (rows, pairs, from) => {
        const active = minutesOf(rows);
        const window = { from, to: 41 };
        fc.pre(active.firstFrom(from) < active.length);
        const decisions = {
          prewarmAfter: Int32Array.from(pairs, ([prewarm]) => prewarm),
          keep: Int32Array.from(pairs, ([, keep]) => keep),
        };
        const decided = [...keepaliveRows(active, window)].map((index) => ({
          ...inFile(active, index),
          prewarm_after_min: String(pairs[index][0]),
          keep_min: String(pairs[index][1]),
        }));
        const figures = measureKeepalive(active, decisions, window, 7);
        expect(figures).toEqual(keepaliveByHand(decided, window, 7));
      }),
      { numRuns: 200 },
    );
  });

  it('for scaling, with many agents at once', () => {
    const agents = fc.array(fc.nat({ max: 30 }), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(agents, agents, fc.constantFrom(0, 1, 5), (demand, desired, boot) => {
        fc.pre(demand.some((needed) => needed > 0));
        const figures = measureScaling(Float64Array.from(demand), Int32Array.from(desired), boot);
        const needed = demand.map((value) => ({ demand: String(value) }));
        const decided = desired.map((value, at) => ({ t_sec: `${at * 60}`, desired: `${value}` }));
        expect(figures).toEqual(scalingByHand(needed, decided, boot * 60));
      }),
      { numRuns: 200 },
    );
  });
});

const keysOf = (rows: readonly Row[]) =>
  rows.map(({ minute, tenant }) => `${minute},${tenant}`).toSorted();

/** What is active in the window, and of each tenant in there, what it was last before. */
function neededForKeepalive(active: ReadonlySet<string>, from: number): string[] {
  const minuteOf = (key: string) => Number(key.split(',')[0]);
  const inside = [...active].filter((key) => minuteOf(key) >= from);
  const before = [...new Set(inside.map((key) => key.split(',')[1]))].map((tenant) => {
    const earlier = [...active].filter((key) => minuteOf(key) < from && key.endsWith(`,${tenant}`));
    return earlier.toSorted().at(-1);
  });
  return [...inside, ...before].filter((key) => key !== undefined).toSorted();
}

/** Nobody serves two in a minute, nobody is refused who could be served, nobody known is passed by. */
function expectPossible(rows: readonly Row[], agents: number): void {
  const lastTenant = new Map<string, string>();
  let minute = '';
  let busy = new Set<string>();
  for (const row of rows) {
    if (row.minute !== minute) busy = new Set();
    minute = row.minute;
    if (row.agent === '') {
      expect(busy.size).toBe(agents);
      continue;
    }
    expect(busy).not.toContain(row.agent);
    const own = [...lastTenant].find(([, tenant]) => tenant === row.tenant)?.[0];
    if (own !== undefined && !busy.has(own)) expect(row.agent).toBe(own);
    busy.add(row.agent);
    for (const [agent, tenant] of lastTenant) if (tenant === row.tenant) lastTenant.delete(agent);
    lastTenant.set(row.agent, row.tenant);
  }
  expect(lastTenant.size).toBeLessThanOrEqual(agents);
}
