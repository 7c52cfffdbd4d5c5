import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { cli, finished, removeWorkspaces, spawnCli, workspace, write } from './support.ts';

afterAll(removeWorkspaces);

const TRACE = `t,who,bot,sec
1767225600,a,0,10
1767225700,a,0,10
1767225750,robot,1,10
1767226100,a,0,10
`;

const args = (file: string, ...more: string[]) => [
  'replay',
  file,
  '--tenant-column',
  'who',
  ...more,
];

describe.concurrent('remuda replay', () => {
  it('prints one document with the figures', async () => {
    const file = write('trace.csv.gz', gzipSync(TRACE));
    const { code, json, stderr } = await cli(
      args(file, '--purpose', 'utility', '--exclude', 'bot=1', '--agents', '1', '--json'),
    );
    expect(code, stderr).toBe(0);
    expect(json).toMatchObject({
      file,
      rows: 4,
      skipped: 1,
      skipped_reasons: { excluded: 1 },
      requests: 3,
      granted: 2,
      reused: 1,
      warm: 1,
      rejected: 0,
      waiting: 0,
      agents: 1,
      idle_minutes: 6.67,
      leases_ended: { idle_timeout: 1 },
      leases_live: 1,
      from: '2026-01-01T00:00:00.000Z',
      to: '2026-01-01T00:08:20.000Z',
    });
    expect(json.utilization.over_time.length).toBeLessThanOrEqual(120);
    expect(Object.keys(json)).toEqual(
      expect.arrayContaining(['queued', 'expired', 'refused', 'waits_ms', 'warm_ratio', 'events']),
    );
    expect(stderr).toContain('times from the column "t"');
  });

  it('gives the same document again', async () => {
    const rows = Array.from({ length: 2_000 }, (_, n) => `${n * 7},t${(n * n) % 37}`).join('\n');
    const file = write('trace.csv', `t,who\n${rows}\n`);
    const stable = async () => {
      const { json } = await cli(args(file, '--agents', '9', '--json'));
      const { wall_sec: _wall, peak_rss_mb: _peak, ...figures } = json;
      return figures;
    };
    expect(await stable()).toEqual(await stable());
  });

  it('prints a report for people, with a picture', async () => {
    const { code, stdout } = await cli(args(write('trace.csv', TRACE), '--agents', '1'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^requests +4$/m);
    expect(stdout).toMatch(/^100 % │[▁-█ ]+$/m);
    expect(stdout).toMatch(/^ {2}0 % │█+/m);
  });

  it('takes jobs, windows, limits and options of the pool', async () => {
    const file = write('trace.csv', TRACE);
    const jobs = await cli(args(file, '--duration-column', 'sec', '--json', '--limit', '2'));
    expect(jobs.json).toMatchObject({ rows: 2, requests: 2, granted: 1, reused: 1 });
    const part = await cli(
      args(file, '--from', '2026-01-01T00:01:00', '--to', '1767225760', '--json'),
    );
    expect(part.json).toMatchObject({
      requests: 2,
      skipped_reasons: { outside_window: 2 },
      from: '2026-01-01T00:01:00.000Z',
      to: '2026-01-01T00:02:40.000Z',
    });
    const short = await cli(
      args(file, '--json', '--pool.purposes={default: {idle_timeout_sec: 50}}', '--no-reclaim'),
    );
    expect(short.json).toMatchObject({ granted: 4, leases_ended: { idle_timeout: 3 } });
    const wrong = await cli(args(file, '--queue-timeout', '5', '--pool.queue.timeout_sec', '6'));
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('say the same thing');
  });

  it('names a column that is not there, with a guess', async () => {
    const file = write('trace.csv', TRACE);
    const { code, stdout, stderr } = await cli(['replay', file, '--tenant-column', 'whoo']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('has no column "whoo"; did you mean "who"?');
  });

  it('fails on a file without a usable row', async () => {
    const file = write('trace.csv', 't,who\nx,a\n1,\n');
    const { code, stderr, json } = await cli(args(file, '--json'));
    expect(code).toBe(1);
    expect(stderr).toContain('no row that can be used; skipped: 1 bad time, 1 bad tenant.');
    expect(json.code).toBe('FAILED');
  });

  it('keeps its journal where it is told to, and refuses one that is used', async () => {
    const cwd = workspace();
    const file = write('trace.csv', TRACE, cwd);
    const first = await cli(args(file, '--journal', 'file:kept', '--json'), { cwd });
    expect(first.code).toBe(0);
    const report = await cli(['journal', 'verify', 'kept', '--json'], { cwd });
    expect(report.json).toMatchObject({ ok: true, events: first.json.events });
    const again = await cli(args(file, '--journal', 'file:kept'), { cwd });
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('already holds');
    const memory = await cli(args(file, '--journal', 'memory:', '--json'), { cwd });
    expect(memory.json.events).toBe(first.json.events);
    const unknown = await cli(args(file, '--journal', 'postgres://u:secret@h/x'), { cwd });
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).not.toContain('secret');
  });

  it('cleans up when it is interrupted', async () => {
    const tmp = mkdtempSync(join(workspace(), 'tmp-'));
    const file = write('trace.csv', TRACE);
    const child = spawnCli(args(file, '--speed', '1', '--json'), { env: { TMPDIR: tmp } });
    const end = finished(child);
    while (readdirSync(tmp).length === 0) await new Promise((next) => setTimeout(next, 50));
    await new Promise((next) => setTimeout(next, 300));
    child.kill('SIGINT');
    const { code, stderr, json } = await end;
    expect(code).toBe(1);
    expect(stderr).toContain('remuda: Interrupted.\n');
    expect(json).toEqual({ code: 'INTERRUPTED', detail: 'Interrupted.' });
    expect(readdirSync(tmp)).toEqual([]);
  });
});
