import { describe, expect, it } from 'vitest';
import { CountingPool } from './counting-pool.ts';
import { neededAgents } from './needed.ts';
import type { SimulationOptions, WorldOptions } from './options.ts';
import { Random } from './random.ts';
import { reportPage } from './report-page.ts';
import { poolOptions, Run } from './run.ts';
import { simulate } from './simulate.ts';
import { makeWorld, type World } from './world.ts';

const OPTIONS: SimulationOptions = {
  tenants: 2_000,
  agents: 100,
  active: 0.05,
  agentsPerTenant: 1,
  hours: 24,
  seed: 1,
  idlePolicy: 'fixed',
};

const FIXED = poolOptions('fixed');
const PRESSURE = poolOptions('pressure');

function ran(world: World, agents: number, pool = FIXED): Run {
  const run = new Run(world, agents, pool);
  while (run.step());
  return run;
}

/** Worlds of every kind, small enough to be run a hundred times. */
function smallWorld(seed: number): { readonly world: World; readonly wanted: number } {
  const random = new Random(seed);
  const options: WorldOptions = {
    tenants: 20 + random.below(200),
    active: [0.05, 0.2, 0.4][random.below(3)]!,
    agentsPerTenant: [1, 1.5, 2, 2.7][random.below(4)]!,
    hours: 6,
    seed,
  };
  const wanted = options.tenants * options.active * options.agentsPerTenant;
  return { world: makeWorld(options), wanted };
}

const SEEDS = Array.from({ length: 30 }, (_, nth) => nth + 1);

describe('a simulation', () => {
  it('adds up', async () => {
    for (const agents of [1, 40, 100, 160, 400]) {
      for (const agentsPerTenant of [1, 1.5]) {
        const { figures } = await simulate({ ...OPTIONS, agents, agentsPerTenant, hours: 12 });
        const { requests, granted, rejected, waiting, expired, refused, queued } = figures;
        expect(requests).toBe(granted + rejected + waiting);
        expect(requests).toBeGreaterThan(800);
        const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
        expect(rejected).toBe(expired + refusals);
        expect(queued).toBeGreaterThanOrEqual(expired + waiting);
        expect(figures.reused).toBeLessThanOrEqual(granted);
        expect(figures.utilization_peak).toBeLessThanOrEqual(1);
        expect(figures.utilization_mean).toBeLessThanOrEqual(figures.utilization_peak);
        expect(figures.idle_mean).toBeLessThan(figures.utilization_mean);
        expect(figures.wait_ms.p50).toBeLessThanOrEqual(figures.wait_ms.p95);
        expect(figures.wait_ms.p99).toBeLessThanOrEqual(60_000);
        expect(figures.active_mean / figures.active).toBeCloseTo(1, 0);
        expect(figures.static_agents_needed).toBe(2_000 * agentsPerTenant);
        const { static_agents_needed: all, pooled_agents_needed_999: pooled } = figures;
        expect(figures.efficiency_vs_static).toBeCloseTo(all / pooled, 5);
        expect(figures.invariant_violations, figures.violations.join('\n')).toBe(0);
      }
    }
  });

  it('gives the same figures for the same seed', async () => {
    for (const idlePolicy of ['fixed', 'pressure'] as const) {
      const [once, again, other] = await Promise.all(
        [1, 1, 2].map((seed) => simulate({ ...OPTIONS, seed, idlePolicy })),
      );
      expect(again).toEqual(once);
      expect(other?.figures).not.toEqual(once?.figures);
    }
  });

  it('serves everybody at once where there are as many agents as are wanted', async () => {
    const { figures } = await simulate({ ...OPTIONS, agents: 2_000 });
    expect(figures).toMatchObject({ granted: figures.requests, queued: 0, rejected: 0 });
    expect(figures.wait_ms).toEqual({ p50: 0, p95: 0, p99: 0 });
    expect(figures.warm_hit_ratio).toBeGreaterThan(0);
  });

  it('refuses those who want more agents than there are', async () => {
    const { figures } = await simulate({ ...OPTIONS, agents: 1, agentsPerTenant: 2 });
    expect(figures.granted).toBe(0);
    expect(figures.refused).toEqual({ NO_SUCH_CAPABILITY: figures.requests });
    expect(figures.pooled_agents_needed_999).toBeGreaterThan(2);
  });

  it('stops when it is told to', async () => {
    const interruption = new AbortController();
    const stages = new Set<string>();
    const end = simulate(OPTIONS, {
      signal: interruption.signal,
      onProgress: ({ stage }) => {
        stages.add(stage);
        if (stage === 'sizing') interruption.abort(new Error('enough'));
      },
    });
    await expect(end).rejects.toThrow('enough');
    expect([...stages]).toEqual(['making', 'running', 'sizing']);
  });

  it('has the used, idle and waiting of each moment in its series', async () => {
    const { figures, series } = await simulate({ ...OPTIONS, agents: 90 });
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(series.used.length).toBe(288);
    expect(mean(series.used) / 90).toBeCloseTo(figures.utilization_mean, 3);
    expect(mean(series.idle) / 90).toBeCloseTo(figures.idle_mean, 3);
    expect(mean(series.wanted)).toBeCloseTo(figures.wanted_mean, 0);
    expect(Math.max(...series.used)).toBeLessThanOrEqual(90);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    expect(sum(series.requests)).toBe(figures.requests);
    expect(sum(series.rejected)).toBe(figures.rejected);
    expect(Math.max(...series.longestWaitMs)).toBeGreaterThanOrEqual(figures.wait_ms.p99);
  });

  it('makes a page that loads nothing', async () => {
    const { figures, series } = await simulate({ ...OPTIONS, agents: 90 });
    const page = reportPage(figures, series);
    expect(page).not.toMatch(/https?:|<script|<link|<img|@import|url\(|src=/);
    expect(page.match(/<svg /g)?.length).toBe(5);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
    for (const title of ['Demand', 'Utilization', 'Waits', 'Queue']) expect(page).toContain(title);
  });
});

describe('counting what a pool grants', () => {
  it('gives the figures of the core', () => {
    let late = 0;
    for (const seed of SEEDS) {
      const { world, wanted } = smallWorld(seed);
      for (const factor of [0.3, 0.8, 1.1, 1.5]) {
        const agents = Math.ceil(wanted * factor);
        const { tally } = ran(world, agents);
        const { requests, grantedSoon: soon } = tally;
        expect(new CountingPool(world, agents, FIXED).run()).toEqual({ requests, soon });
        if (soon < requests) late += 1;
      }
    }
    expect(late).toBeGreaterThan(50);
  });

  it('comes close where timeouts bend to the pressure', () => {
    for (const seed of SEEDS) {
      const { world, wanted } = smallWorld(seed);
      const agents = Math.ceil(wanted * 1.1);
      const { tally } = ran(world, agents, PRESSURE);
      const { requests, soon } = new CountingPool(world, agents, PRESSURE).run();
      expect(Math.abs(soon - tally.grantedSoon)).toBeLessThanOrEqual(0.03 * requests);
    }
  });

  it('stops early where too many are late', () => {
    const { world, wanted } = smallWorld(3);
    const pool = new CountingPool(world, Math.ceil(wanted / 2), FIXED);
    const early = pool.run(5);
    const all = new CountingPool(world, Math.ceil(wanted / 2), FIXED).run();
    expect(early.requests).toBeLessThan(all.requests);
    expect(early.requests - early.soon).toBeGreaterThan(5);
  });
});

describe('the smallest pool that serves a world', () => {
  /** Every size, through the core, from one agent on. */
  function bruteForce(world: World, pool = FIXED): number {
    for (let agents = 1; ; agents++) {
      const { requests, grantedSoon } = ran(world, agents, pool).tally;
      if (grantedSoon >= 0.999 * requests) return agents;
    }
  }

  function found(world: World, pool = FIXED): number {
    const search = neededAgents(world, pool);
    let next = search.next();
    while (next.done !== true) next = search.next();
    return next.value;
  }

  it.each(SEEDS.slice(0, 12))('is the one that trying all finds (seed %d)', (seed) => {
    const { world } = smallWorld(seed);
    expect(found(world)).toBe(bruteForce(world));
  });

  it.each(SEEDS.slice(0, 4))('is it also where timeouts bend (seed %d)', (seed) => {
    const { world } = smallWorld(seed);
    expect(found(world, PRESSURE)).toBe(bruteForce(world, PRESSURE));
  });

  it('is one that suffices, with one fewer that does not, in a larger world', () => {
    const world = makeWorld({
      tenants: 15_000,
      active: 0.1,
      agentsPerTenant: 1.5,
      hours: 12,
      seed: 4,
    });
    const agents = found(world);
    const served = (of: number) => ran(world, of).tally;
    expect(served(agents).grantedSoon).toBeGreaterThanOrEqual(0.999 * served(agents).requests);
    expect(served(agents - 1).grantedSoon).toBeLessThan(0.999 * served(agents - 1).requests);
  });

  it('needs nobody where nobody comes', () => {
    const world = makeWorld({ tenants: 1, active: 1e-6, agentsPerTenant: 1, hours: 1, seed: 1 });
    expect(found(world)).toBe(0);
  });
});
