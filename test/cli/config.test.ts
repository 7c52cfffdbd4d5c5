import { afterAll, describe, expect, it } from 'vitest';
import { cli, removeWorkspaces, workspace, write } from './support.ts';

afterAll(removeWorkspaces);

describe.concurrent('remuda config', () => {
  it('shows each value with its source', async () => {
    const cwd = workspace();
    write('config.yaml', 'server:\n  port: 9000\npool:\n  queue: { max_length: 7 }\n', cwd);
    const env = { REMUDA_LOG_LEVEL: 'debug', REMUDA_DEBUG: '1' };
    const { code, stdout } = await cli(['config', '--pool.affinity_size=2'], { cwd, env });
    expect(code).toBe(0);
    const value = (key: string) =>
      stdout
        .split('\n')
        .find((line) => line.trim().startsWith(`${key}:`))
        ?.trim();
    expect(value('port')).toMatch(/^port: 9000 +# config.yaml:2:9$/);
    expect(value('max_length')).toMatch(/^max_length: 7 +# config.yaml:4:24$/);
    expect(value('level')).toMatch(/^level: "debug" +# REMUDA_LOG_LEVEL$/);
    expect(value('affinity_size')).toMatch(/^affinity_size: 2 +# --pool.affinity_size$/);
    expect(value('timeout_sec')).toMatch(/^timeout_sec: 60 +# default$/);
    const { json } = await cli(['config', '--json'], { cwd, env });
    expect(json.config.server.port).toBe(9_000);
    expect(json.sources['log.level']).toBe('REMUDA_LOG_LEVEL');
  });

  it('prints what can be read back', async () => {
    const cwd = workspace();
    const { stdout } = await cli(['config', '--pool.queue.max_length=9'], { cwd });
    write('again.yaml', stdout, cwd);
    const first = await cli(['config', '--json', '--pool.queue.max_length=9'], { cwd });
    const again = await cli(['config', '--json', '--config', 'again.yaml'], { cwd });
    expect(again.json.config).toEqual(first.json.config);
  });

  it('checks, with every fault at once', async () => {
    const good = await cli(['config', '--check', '--json']);
    expect({ code: good.code, json: good.json }).toEqual({ code: 0, json: { ok: true } });
    const cwd = workspace();
    write('config.yaml', 'server: { prot: 1 }\n', cwd);
    const env = { REMUDA_SERVER_PORT: 'x', REMUDA_POOL_QUEUE_MAX_LENGHT: '1' };
    const bad = await cli(['config', '--check', '--json'], { cwd, env });
    expect(bad.code).toBe(2);
    expect(bad.json).toMatchObject({ code: 'WRONG_CONFIGURATION' });
    expect(bad.json.errors).toHaveLength(3);
    expect(bad.stderr).toContain('did you mean "port"?');
    expect(bad.stderr).toContain('did you mean "REMUDA_POOL_QUEUE_MAX_LENGTH"?');
    const served = await cli(['serve'], { cwd, env });
    expect(served.code).toBe(2);
    expect(served.stderr).toContain('3 faults');
  });

  it('prints the reference', async () => {
    const { code, stdout } = await cli(['config', '--reference']);
    expect(code).toBe(0);
    expect(stdout).toContain('`pool.queue.max_length`');
  });
});

describe.concurrent('remuda openapi', () => {
  it('prints the description of the API', async () => {
    const { code, json, stderr } = await cli(['openapi']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(json.openapi).toBe('3.1.0');
    expect(json.paths['/v1/leases']).toBeDefined();
  });
});
