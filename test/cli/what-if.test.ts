import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJournal } from '../../src/adapters/journals/open.ts';
import { agent, World } from '../what-if/world.ts';
import { cli, removeWorkspaces, servePool, workspace, write } from './support.ts';

let data: string;

/** Four agents, of which all are in use at times, for tenants with names that pages must escape. */
beforeAll(async () => {
  data = join(workspace(), 'data');
  const world = await World.open(openJournal(`file:${data}`));
  const agents = ['a', 'b', 'c', 'd'].map((id) => agent(id, { costPerHour: 0.5 }));
  await world.run({ type: 'register', agents });
  for (let nth = 0; nth < 30; nth += 1) {
    await world.until(nth * 97);
    await world.ask(
      { tenant: `<b>t${nth % 7}</b>`, purpose: nth % 2 === 0 ? 'utility' : 'music' },
      {
        reports: [
          [1, 'active'],
          [120, 'idle'],
        ],
        ...(nth % 3 === 0 && { releaseSec: 200 }),
      },
    );
  }
  await world.until(8_000);
  await world.close();
});
afterAll(removeWorkspaces);

const whatIf = (...more: string[]) => cli(['what-if', '--journal', data, ...more]);

describe.concurrent('remuda what-if', () => {
  it('agrees with what happened, and shows more waiting with fewer agents', async () => {
    const { code, json, stderr } = await whatIf('--agents', '-2', '--json');
    expect(code, stderr).toBe(0);
    const { recorded, baseline, what_if: changed, agreement, differences, agents } = json;
    expect(baseline).toEqual(recorded);
    expect(agreement).toEqual({
      ...{ requests: recorded.requests, same: 1, same_outcome: 1, same_agents: 1 },
      ...{ same_warmth: 1, same_time: 1, largest_difference_ms: 0 },
    });
    expect(agents).toEqual({ recorded: 4, added: 0, removed: 2 });
    expect(changed.queued).toBeGreaterThan(recorded.queued);
    expect(changed.waits_ms.p99).toBeGreaterThan(recorded.waits_ms.p99);
    expect(changed.cost).toBeCloseTo(recorded.cost / 2, 2);
    expect(differences.total).toBeGreaterThan(0);
    expect(differences.first).toHaveLength(Math.min(20, differences.total));
    expect(differences.first[0]).toMatchObject({
      at: expect.stringMatching(/^2026-03-01T20:/),
      tenant: expect.stringMatching(/^<b>t\d<\/b>$/),
      changes: expect.any(Array),
      before: { outcome: 'granted' },
    });
  });

  it('takes settings of the pool, one by one or as a file', async () => {
    const set = await whatIf('--set', 'pool.purposes={music: {idle_timeout_sec: 60}}', '--json');
    expect(set.code, set.stderr).toBe(0);
    expect(set.json.changed_options).toEqual({
      'purposes.music.idleTimeoutMs': [1_800_000, 60_000],
    });
    expect(set.json.what_if.idle_minutes).toBeLessThan(set.json.baseline.idle_minutes);
    const file = write('other.yaml', 'pool:\n  purposes:\n    music: {idle_timeout_sec: 60}\n');
    const config = await whatIf('--config', file, '--json');
    expect(config.code, config.stderr).toBe(0);
    expect(config.json.what_if).toEqual(set.json.what_if);
  });

  it('knows the idle timeouts of the time, whatever is configured now', async () => {
    const now = write('now.yaml', 'pool:\n  purposes:\n    music: {idle_timeout_sec: 77}\n');
    const args = ['--recorded-config', now, '--set', 'pool.idle_policy=pressure', '--json'];
    const { code, json, stderr } = await whatIf(...args);
    expect(code, stderr).toBe(0);
    expect(json.agreement.same).toBe(1);
    expect(json.changed_options).toEqual({ idlePolicy: ['fixed', 'pressure'] });
  });

  it('prints the three side by side, with what would have gone differently', async () => {
    const { code, stdout, stderr } = await whatIf('--agents', '2', '--differences', '3');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('agents: 4, of which 2 are left out');
    expect(stdout).toMatch(/^ +HAPPENED +BASELINE +WHAT IF$/m);
    expect(stdout).toMatch(/^agent-hours +\S+ +\S+ +\S+$/m);
    expect(stdout).toMatch(/The baseline agrees with what happened in 100\.0 % of \d+ requests/);
    expect(stdout).toMatch(/^TIME +TENANT +PURPOSE +BASELINE +WHAT IF\n(.*\n){3}$/m);
  });

  it('writes a page that needs nothing from outside and trusts no name', async () => {
    const page = join(workspace(), 'report.html');
    const { code, stderr } = await whatIf('--agents', '-2', '--report', page);
    expect(code, stderr).toBe(0);
    const html = readFileSync(page, 'utf8');
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).toContain('&lt;b&gt;t');
    expect(html).not.toContain('<b>t');
    expect(html).toContain('<svg');
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|url\(|@import|<script|<link|src=|NaN/,
    );
  });

  it('reads a part, beside a running server too', async () => {
    const part = ['--from', '2026-03-01T20:20:00Z', '--to', '2026-03-01T20:50:00Z'];
    const { code, json, stderr } = await whatIf('--agents', '+1', ...part, '--json');
    expect(code, stderr).toBe(0);
    expect(json).toMatchObject({
      from: '2026-03-01T20:20:00.000Z',
      to: '2026-03-01T20:50:00.000Z',
    });
    expect(json.agreement.same).toBe(1);
    expect(json.baseline).toEqual(json.recorded);
    expect(json.agents).toEqual({ recorded: 4, added: 1, removed: 0 });
  });

  it('agrees with a server of today', async () => {
    const pool = await servePool();
    const env = { REMUDA_URL: pool.url };
    const file = write('agents.csv', 'agent_id\na1\na2\n');
    expect((await cli(['agents', 'import', file], { env })).code).toBe(0);
    const lease = (tenant: string) => cli(['lease', tenant, '--json'], { env });
    const first = await lease('one');
    await lease('two');
    await cli(['release', first.json.lease_id, String(first.json.token)], { env });
    await lease('three');
    const { code, json, stderr } = await cli([
      ...['what-if', '--journal', pool.data, '--agents', '+1', '--json'],
    ]);
    await pool.stop();
    expect(code, stderr).toBe(0);
    expect(json.agreement).toMatchObject({ requests: 3, same: 1 });
  });
});

describe.concurrent('remuda what-if refuses, with exit code 2,', () => {
  it.each<[string, string[], RegExp]>([
    ['nothing that is different', [], /--config FILE, --set KEY=VALUE or --agents N/],
    ['what is the same', ['--set', 'pool.idle_policy=fixed'], /Nothing would be different/],
    ['as many agents as there were', ['--agents', '4'], /Nothing would be different/],
    ['a setting without a value', ['--set', 'pool.idle_policy'], /must be KEY=VALUE/],
    ['a setting of the server', ['--set', 'server.port=1'], /keys of the pool/],
    [
      'an unknown setting',
      ['--set', 'pool.idle_polic=fixed'],
      /mean "?--?pool\.idle_policy|pool\.idle_policy/,
    ],
    ['a wrong value', ['--set', 'pool.idle_policy=never'], /idle_policy/],
    ['no agents', ['--agents', '0'], /such as 200, \+10 or -10/],
    ['fewer agents than none', ['--agents', '-4'], /would leave nobody/],
    ['a window that is none', ['--agents', '+1', '--from', '2', '--to', '1'], /earlier than --to/],
    ['a journal elsewhere', ['--agents', '+1', '--journal', 'nats://x'], /file:DIRECTORY/],
  ])('%s', async (_name, args, words) => {
    const { code, stdout, stderr } = await whatIf(...args);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('and with exit code 1 a time without requests, in a document too', async () => {
    const none = await whatIf('--agents', '+1', '--from', '2030-01-01', '--json');
    expect(none.code).toBe(1);
    expect(none.json).toMatchObject({ code: 'NO_EVENTS' });
    const quiet = await whatIf('--agents', '+1', '--from', '2026-03-01T21:00:00Z');
    expect(quiet.code).toBe(1);
    expect(quiet.stderr).toContain('No request falls into that time');
  });
});
