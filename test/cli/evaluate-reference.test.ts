/**
 * Figures that others have measured on recorded workloads come out here too: the measures are the
 * same. The workloads are not part of the project.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseAgents, measureAffinity } from '../../src/sim/evaluate/affinity.ts';
import { LeastRecentlyUsed } from '../../src/sim/evaluate/choosers.ts';
import { FixedKeep } from '../../src/sim/evaluate/keep-policy.ts';
import { decideKeepalive, measureKeepalive } from '../../src/sim/evaluate/keepalive.ts';
import { ActiveMinutes } from '../../src/sim/evaluate/minutes.ts';
import {
  decideScaling,
  measureScaling,
  type ScalingStrategy,
} from '../../src/sim/evaluate/scaling.ts';
import { readTrace } from '../../src/sim/replay/read-trace.ts';
import { runHere } from './in-process.ts';
import { peakDemand } from './peak-demand.ts';
import { removeWorkspaces, write } from './support.ts';

afterAll(removeWorkspaces);

const DATA = new URL('../../../shared/data', import.meta.url).pathname;
const MESSAGES = `${DATA}/lean_zulip_events_2018-02_2025-11.csv.gz`;
const JOBS = `${DATA}/lcg2005_jobs_day0-7.csv.gz`;
const APPS = `${DATA}/azure2019_100apps_day_minutes.csv.gz`;
const isHere = existsSync(MESSAGES) && existsSync(JOBS) && existsSync(APPS);
const title = isHere ? 'reference figures' : `reference figures: skipped, ${DATA} is not here`;

const DAY = 1_440;
const minute = (date: string) => Date.parse(`${date}T00:00:00Z`) / 60_000;
const WINDOW = { from: minute('2025-09-01'), to: minute('2025-12-01') };
/** Shares agree to a tenth of a point. */
const POINT = 0.001;

function expectNear(value: number, reference: number, tolerance: number): void {
  expect(Math.abs(value - reference), `${value}, not ${reference}`).toBeLessThanOrEqual(tolerance);
}

describe.runIf(isHere)(title, () => {
  let active: ActiveMinutes;
  beforeAll(async () => {
    const exclude = [{ column: 'is_bot', value: '1' }];
    const { trace } = await readTrace(MESSAGES, { tenantColumn: 'sender', exclude });
    active = new ActiveMinutes(trace);
  });

  it.each([
    [5, 0.612, 123_125, [9.7, 21.95, 40.3]],
    [10, 0.543, 222_935, [11.9, 22.8, 39.1]],
    [30, 0.439, 555_114, [20.5, 29.3, 42.5]],
    [60, 0.38, 974_548, [32.1, 39.7, 51.1]],
  ])('messages, agents kept for %i minutes', (keep, cold, idle, costs) => {
    const decided = decideKeepalive(active, new FixedKeep(keep));
    for (const [nth, cost] of [10, 30, 60].entries()) {
      const figures = measureKeepalive(active, decided, WINDOW, cost);
      expect(figures).toMatchObject({ active_minutes: 34_384, idle_minutes: idle });
      expectNear(figures.cold / figures.active_minutes, cold, POINT / 2);
      expectNear(figures.cost_per_active_minute, costs[nth], 0.05);
      expectNear(figures.oracle_cost_per_active_minute, [6.48, 16.14, 28.34][nth], 0.005);
    }
  });

  it('applications, agents kept for 10 minutes', async () => {
    const { trace } = await readTrace(APPS, { tenantColumn: 'app' });
    const apps = new ActiveMinutes(trace);
    const decided = decideKeepalive(apps, new FixedKeep(10));
    const figures = measureKeepalive(apps, decided, { from: 0, to: DAY }, 30);
    expectNear(figures.cold / figures.active_minutes, 0.025, POINT / 2);
    expect(figures.idle_minutes).toBe(36_424);
  });

  it.each([
    [25, 0.724, 0.829],
    [50, 0.798, 0.893],
    [100, 0.886, 0.941],
  ])('messages, %i agents, the least recently used one', async (agents, ratio, best) => {
    const chosen = await chooseAgents(active, new LeastRecentlyUsed(agents), 0);
    const figures = measureAffinity(active, chosen, 0, WINDOW, agents);
    expectNear(figures.hit_ratio, ratio, POINT / 2);
    expectNear(figures.oracle_hit_ratio, best, POINT / 2);
  });

  describe('jobs, days 2 to 7, agents that take 5 minutes to start', () => {
    let demand: Float64Array;
    const days = { from: 2 * DAY, to: 8 * DAY };
    beforeAll(async () => {
      demand = await peakDemand(JOBS, 8 * DAY);
    });
    const measured = (strategy: ScalingStrategy) =>
      measureScaling(demand, decideScaling(demand, 5, strategy), 5, days);

    it('one agent more or less at 75 and 25 %', async () => {
      const lines = [...demand].map((agents, at) => `${at * 60},${agents}`);
      const file = write('demand.csv', `t_sec,demand\n${lines.join('\n')}\n`);
      const { stdout } = await runHere([
        ...['evaluate', 'scaling', '--demand', file, '--strategy', 'threshold'],
        ...['--from', String(days.from * 60), '--json'],
      ]);
      expectNear(JSON.parse(stdout).short_ratio, 0.187, POINT);
    });

    it('as many as the load would fill to 75 %, with a tolerance of a tenth', () => {
      const wanted: number[] = [];
      // The rule of the Kubernetes HorizontalPodAutoscaler; down only to the most of five minutes.
      const figures = measured(({ demand: needed, running, starting }) => {
        const agents = running + starting;
        const ratio = needed / (0.75 * agents);
        wanted.push(Math.abs(ratio - 1) <= 0.1 ? agents : Math.ceil(needed / 0.75));
        const most = Math.max(...wanted.slice(-5));
        return wanted.at(-1)! < agents ? Math.min(agents, most) : wanted.at(-1)!;
      });
      expectNear(figures.short_ratio, 0, POINT / 20);
      expectNear(figures.surplus_ratio, 0.34, POINT * 5);
      expectNear(figures.reversals_per_day, 6, 0.5);
    });

    it('the most of a quarter of an hour and a margin of two roots', () => {
      const figures = measured(({ minute: now }) => {
        const most = Math.max(...demand.subarray(Math.max(0, now - 14), now + 1));
        return Math.ceil(most + 2 * Math.sqrt(most));
      });
      expectNear(figures.short_ratio, 0.0002, POINT / 20);
      expectNear(figures.surplus_ratio, 0.069, POINT);
      expectNear(figures.reversals_per_day, 46, 1);
    });
  });
});
