import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cli, finished, removeWorkspaces, spawnCli, workspace, write } from './support.ts';

afterAll(removeWorkspaces);

async function recorded(cwd: string): Promise<string> {
  const rows = Array.from({ length: 3_000 }, (_, n) => `${n},t${n % 30}`).join('\n');
  const trace = write('trace.csv', `t,who\n${rows}\n`, cwd);
  const { code, stderr } = await cli(
    ['replay', trace, '--tenant-column', 'who', '--journal', 'file:kept', '--json'],
    { cwd },
  );
  expect(code, stderr).toBe(0);
  return join(cwd, 'kept');
}

describe.concurrent('remuda journal', () => {
  it('takes the journal of the configuration', async () => {
    const cwd = workspace();
    await recorded(cwd);
    write('config.yaml', 'journal: { url: "file:./kept" }\n', cwd);
    const { code, json } = await cli(['journal', 'verify', '--json'], { cwd });
    expect(code).toBe(0);
    expect(json.events).toBeGreaterThan(6_000);
    expect(json.journal).toBe(`file:${join(cwd, 'kept')}`);
  });

  it('finds what has been changed, and fails', async () => {
    const cwd = workspace();
    const directory = await recorded(cwd);
    const database = join(directory, 'journal.db');
    const bytes = readFileSync(database);
    bytes.fill(0x20, bytes.indexOf('lease_granted'), bytes.indexOf('lease_granted') + 4);
    writeFileSync(database, bytes);
    const report = await cli(['journal', 'verify', directory]);
    expect(report.code).toBe(1);
    expect(report.stdout).toMatch(/1 fault:\n {2}journal\.db: .*checksum/);
    const exported = await cli(['journal', 'export', directory]);
    expect(exported.code).toBe(1);
    expect(exported.stderr).not.toMatch(/^\s+at /m);
  });

  it('fails where there is none', async () => {
    const cwd = workspace();
    mkdirSync(join(cwd, 'empty'));
    for (const place of [[], ['empty'], ['nowhere']]) {
      for (const command of ['verify', 'export']) {
        const { code, stdout, stderr } = await cli(['journal', command, ...place], { cwd });
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toContain('There is no journal in');
      }
    }
  });

  it('ends quietly when its reader has seen enough', async () => {
    const cwd = workspace();
    const directory = await recorded(cwd);
    const child = spawnCli(['journal', 'export', directory]);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const { code, stderr } = await finished(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
