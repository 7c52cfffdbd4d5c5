import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJournal } from '../../src/adapters/journals/open.ts';
import { agent, World } from '../what-if/world.ts';
import { cli, removeWorkspaces, workspace, write } from './support.ts';

afterAll(removeWorkspaces);

const T = 1_772_395_200;

/** Ten users at once each quarter of an hour, for a minute each; idle agents go after five. */
function trace(): string {
  const rows = ['t,user,seconds'];
  for (let quarter = 0; quarter < 8; quarter += 1) {
    for (let user = 0; user < 10; user += 1) rows.push(`${T + quarter * 900},u${user},60`);
  }
  return `${rows.join('\n')}\n`;
}

const columns = ['--tenant-column', 'user', '--duration-column', 'seconds'];
const fromTrace = (...more: string[]) => [
  ...[
    'plan',
    '--trace',
    write('trace.csv', trace()),
    ...columns,
    '--purpose',
    'utility',
    '--to',
    String(T + 8 * 900),
    ...more,
  ],
];

describe.concurrent('remuda plan', () => {
  it('finds the fewest agents for a trace: one for each of those who come together', async () => {
    const { code, json, stderr } = await cli(fromTrace('--cost', 'premium=1.2,lite=0.5', '--json'));
    expect(code, stderr).toBe(0);
    expect(json).toMatchObject({
      ...{ requests: 80, agents: 10, level: 0.999, within_sec: 1 },
      cost_per_hour: { premium: 12, lite: 5 },
      use: { load: expect.closeTo(40 / 60, 2), mean_sec: 60 },
      lease: { mean_sec: 360 },
    });
    const rows: { agents: number; within_share: number }[] = json.sweep;
    expect(rows.find(({ agents }) => agents === 9)?.within_share).toBe(0.9);
    expect(rows.find(({ agents }) => agents === 10)?.within_share).toBe(1);
    expect(rows.map(({ agents }) => agents)).toEqual(
      rows.map(({ agents }) => agents).sort((a, b) => a - b),
    );
  });

  it('needs fewer when a longer wait will do', async () => {
    const { code, json, stderr } = await cli(
      fromTrace('--json', '--within', '900', '--level', '1', '--pool.queue.timeout_sec=2000'),
    );
    expect(code, stderr).toBe(0);
    expect(json.agents).toBeLessThan(10);
    expect(json.use.erlang_b.agents).toBeNull();
  });

  it('prints a table and draws a plot that needs nothing from outside', async () => {
    const plot = join(workspace(), 'plan.svg');
    const { code, stdout, stderr } = await cli(
      fromTrace('--cost-per-agent', '0.25', '--plot', plot),
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^simulated +10 agents: 2\.50 an hour$/m);
    expect(stdout).toMatch(/^AGENTS +WITHIN 1 S +P50 +P95 +P99 .* COST\/H +ERLANG B +ERLANG C$/m);
    expect(stdout).toMatch(/^→ 10 +100\.000 %/m);
    const svg = readFileSync(plot, 'utf8');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|<script|NaN/);
  });

  it('plans from a rate, alike each time', async () => {
    const args = [
      ...['plan', '--rate', '30', '--hold', '10', '--peak-factor', '2', '--requests', '2000'],
      '--json',
    ];
    const [first, second] = await Promise.all([cli(args), cli(args)]);
    expect(first.code, first.stderr).toBe(0);
    expect(first.json.agents).toBe(second.json.agents);
    // 60 an hour of 10 minutes are 10 erlangs.
    expect(first.json.use.load).toBeGreaterThan(9);
    expect(first.json.use.load).toBeLessThan(11);
    expect(first.json.agents).toBeGreaterThan(15);
    expect(first.json.agents).toBeLessThan(40);
  });

  it('says why no number of agents is enough', async () => {
    const rows = Array.from({ length: 60 }, () => `${T},one,60`);
    const file = write('one.csv', `t,user,seconds\n${rows.join('\n')}\n`);
    const args = ['plan', '--trace', file, ...columns];
    const { code, stdout, stderr } = await cli(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('11 TENANT_AT_LIMIT');
    expect(stderr).toContain('pool.max_agents_per_tenant');
    const failed = await cli([...args, '--json']);
    expect(failed.json).toMatchObject({ code: 'IMPOSSIBLE_LEVEL', best_share: 0.816667 });
  });
});

describe('remuda plan, from a journal,', () => {
  let data: string;
  beforeAll(async () => {
    data = join(workspace(), 'data');
    const world = await World.open(openJournal(`file:${data}`));
    await world.run({ type: 'register', agents: ['a', 'b', 'c', 'd'].map((id) => agent(id)) });
    for (let nth = 0; nth < 20; nth += 1) {
      await world.until(nth * 600);
      for (const tenant of ['one', 'two', 'three']) {
        await world.ask(
          { tenant, purpose: 'utility' },
          { reports: [[1, 'active']], releaseSec: 120 },
        );
      }
    }
    await world.until(14_000);
    await world.close();
  });

  it('counts what was really used', async () => {
    const { code, json, stderr } = await cli(['plan', '--journal', data, '--json']);
    expect(code, stderr).toBe(0);
    expect(json).toMatchObject({ requests: 60, agents: 3, use: { mean_sec: 120 } });
    expect(json.use.load).toBeCloseTo((18 * 120) / 3_600, 1);
  });

  it('says when there is nothing in that time', async () => {
    const late = await cli(['plan', '--journal', data, '--from', '2030-01-01']);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain('has no event in that time');
    const nowhere = await cli(['plan', '--journal', join(data, 'none')]);
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toContain('There is no journal in');
  });
});

describe.concurrent('remuda plan refuses, with exit code 2,', () => {
  it.each<[string, string[], RegExp]>([
    ['no demand', [], /--trace FILE, --journal DIRECTORY, or --rate N/],
    ['two demands', ['--rate', '1', '--hold', '1', '--journal', 'x'], /in one way/],
    ['a rate without a hold', ['--rate', '60'], /--rate needs --hold/],
    ['a rate of nothing', ['--rate', '0', '--hold', '1'], /--rate must be more than 0/],
    ['a level of percent', ['--rate', '6', '--hold', '1', '--level', '99.9'], /0\.999 is 99\.9 %/],
    ['a level of nothing', ['--rate', '6', '--hold', '1', '--level', '0'], /more than 0/],
    ['a number that is none', ['--rate', 'many', '--hold', '1'], /It must be a number/],
    ['a negative time', ['--rate', '6', '--hold', '1', '--within', '-1'], /not be negative/],
    ['an unknown tier', ['--rate', '6', '--hold', '1', '--cost', 'premum=1'], /mean "premium"/],
    ['a tier without a price', ['--rate', '6', '--hold', '1', '--cost', 'lite'], /lite=0\.5/],
    [
      'two prices',
      ['--rate', '6', '--hold', '1', '--cost', 'lite=1', '--cost-per-agent', '1'],
      /give one/,
    ],
    ['a trace without tenants', ['--trace', 'x.csv'], /--tenant-column/],
    [
      'columns without a trace',
      ['--rate', '6', '--hold', '1', '--limit', '5'],
      /--limit goes with/,
    ],
    [
      'a wrong option of the pool',
      ['--rate', '6', '--hold', '1', '--pool.idle_policy=x'],
      /idle_pol/,
    ],
    ['a word that is no command', ['invits'], /did you mean "invites"/],
    ['an option that is none', ['--rat', '6'], /did you mean "--rate"/],
  ])('%s', async (_name, args, words) => {
    const { code, stdout, stderr } = await cli(['plan', ...args]);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('and still helps with both of its forms', async () => {
    const own = await cli(['plan', '--help']);
    expect(own.code).toBe(0);
    expect(own.stdout).toMatch(/^ {2}capacity .*\n(.*\n)* {2}invites /m);
    expect(own.stdout).toContain('$ remuda plan --rate');
    const capacity = await cli(['plan', 'capacity', '--help']);
    expect(capacity.stdout).toMatch(/--rate <n>/);
    const invites = await cli(['plan', 'invites', '--help']);
    expect(invites.stdout).toMatch(/^Usage: remuda plan invites/);
    expect(invites.stdout).not.toContain('--rate');
  });
});
