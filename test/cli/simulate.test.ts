import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cli, finished, removeWorkspaces, spawnCli, workspace } from './support.ts';

afterAll(removeWorkspaces);

const SMALL = ['simulate', '--tenants', '500', '--agents', '30', '--hours', '6'];

const KEYS = [
  'tenants',
  'agents',
  'requests',
  'granted',
  'queued',
  'rejected',
  'utilization_mean',
  'utilization_peak',
  'warm_hit_ratio',
  'wait_ms',
  'static_agents_needed',
  'pooled_agents_needed_999',
  'efficiency_vs_static',
  'invariant_violations',
  'events',
  'wall_sec',
  'peak_rss_mb',
];

describe.concurrent('remuda simulate', () => {
  it('prints one document with the figures, and the same one again', async () => {
    const run = async () => {
      const { code, stdout, stderr, json } = await cli([...SMALL, '--json']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout.trimEnd().startsWith('{') && stdout.endsWith('}\n')).toBe(true);
      return json;
    };
    const [once, again] = await Promise.all([run(), run()]);
    expect(Object.keys(once)).toEqual(expect.arrayContaining(KEYS));
    expect(Object.keys(once.wait_ms)).toEqual(['p50', 'p95', 'p99']);
    expect(once).toMatchObject({ tenants: 500, agents: 30, static_agents_needed: 500 });
    expect(once.requests).toBe(once.granted + once.rejected + once.waiting);
    expect(once.invariant_violations).toBe(0);
    const { wall_sec: wall, peak_rss_mb: rss, ...figures } = again;
    expect(wall).toBeGreaterThan(0);
    expect(rss).toBeGreaterThan(20);
    expect(once).toMatchObject(figures);
  });

  it('makes another world of another seed, share, size and policy', async () => {
    const changes = [
      ['--seed', '2'],
      ['--active', '0.1'],
      ['--agents-per-tenant', '1.5'],
      ['--idle-policy', 'pressure'],
    ];
    const all = await Promise.all(
      [[], ...changes].map(async (change) => {
        const { json } = await cli([...SMALL, ...change, '--json']);
        return JSON.stringify([json.requests, json.static_agents_needed, json.events]);
      }),
    );
    expect(new Set(all).size).toBe(all.length);
  });

  it('takes what is given in place of what a scenario says', async () => {
    const args = ['simulate', '--scenario', 'medium', '--tenants', '300', '--hours', '1', '--json'];
    const { json } = await cli(args);
    expect(json).toMatchObject({
      scenario: 'medium',
      tenants: 300,
      agents: 150_000,
      active: 0.1,
      agents_per_tenant: 1.5,
      static_agents_needed: 450,
    });
  });

  it('prints a report for people', async () => {
    const { code, stdout } = await cli(SMALL);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^requests +\d+$/m);
    expect(stdout).toMatch(/^needed +\d+ agents grant 99\.9 % within a second$/m);
    expect(stdout).toContain('No invariant was violated.');
  });

  it('writes a page beside the result', async () => {
    const cwd = workspace();
    const { code, json } = await cli([...SMALL, '--json', '--report', 'page.html'], { cwd });
    expect(code).toBe(0);
    const page = readFileSync(join(cwd, 'page.html'), 'utf8');
    expect(page).toContain('<!doctype html>');
    expect(page).toContain(json.requests.toLocaleString('en-US'));
  });

  it('fails before the work when the page cannot be written', async () => {
    const args = ['simulate', '--scenario', 'peak', '--report', 'nowhere/page.html', '--json'];
    const { code, stderr, json } = await cli(args);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'remuda: nowhere/page.html cannot be written: its directory does not exist.\n',
    );
    expect(json.code).toBe('FAILED');
    const cwd = workspace();
    mkdirSync(join(cwd, 'page.html'));
    const taken = await cli([...SMALL, '--report', 'page.html'], { cwd });
    expect(taken).toMatchObject({ code: 1, stdout: '' });
    expect(taken.stderr).toContain('page.html cannot be written: it is a directory.');
  });

  it.each([
    [['--tenants', '10'], 'Give --agents, or a --scenario (low, medium, peak).'],
    [[], 'Give --tenants and --agents, or a --scenario'],
    [['--tenants', '-5', '--agents', '5'], "'-5' is invalid"],
    [['--tenants', '10', '--agents', '0'], 'whole number, from 1 to 4000000'],
    [['--tenants', '1.5', '--agents', '5'], 'whole number, from 1 to 8000000'],
    [['--tenants', '10', '--agents', '5', '--active', '0'], 'above 0 and at most 0.9'],
    [['--tenants', '10', '--agents', '5', '--active', '1'], 'above 0 and at most 0.9'],
    [['--tenants', '10', '--agents', '5', '--active', '-0.1'], 'must not be negative'],
    [['--tenants', '10', '--agents', '5', '--hours', '0'], 'from 0.1 to 8760'],
    [['--tenants', '10', '--agents', '5', '--hours', 'day'], 'must be a number'],
    [['--tenants', '10', '--agents', '5', '--agents-per-tenant', '0.5'], 'from 1 to 49'],
    [['--tenants', '10', '--agents', '5', '--seed', '-1'], 'whole number, 0 or more'],
    [['--tenants', '10', '--agents', '5', '--idle-policy', 'x'], 'fixed, pressure'],
    [['--scenario', 'noon'], 'low, medium, peak'],
    [['--tenants', '8000000', '--agents', '5', '--hours', '8760'], 'fewer --tenants or --hours'],
    [
      ['--tenants', '8000000', '--agents', '5', '--agents-per-tenant', '49'],
      '--tenants × --agents-per-tenant must be at most 16,000,000.',
    ],
    [['--tenants', '10', '--agents', '5', '--agent-per-tenant', '1'], '--agents-per-tenant'],
  ])('refuses %j', async (options, words) => {
    const { code, stdout, stderr } = await cli(['simulate', ...options]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });

  it('ends when it is interrupted, without a page', async () => {
    const cwd = workspace();
    const args = ['simulate', '--scenario', 'low', '--report', 'page.html', '--json'];
    const child = spawnCli(args, { cwd });
    const end = finished(child);
    await new Promise((next) => setTimeout(next, 1_500));
    child.kill('SIGINT');
    const { code, stderr, json } = await end;
    expect(code).toBe(1);
    expect(stderr).toContain('remuda: Interrupted.\n');
    expect(json.code).toBe('INTERRUPTED');
    expect(existsSync(join(cwd, 'page.html'))).toBe(false);
  }, 60_000);
});
