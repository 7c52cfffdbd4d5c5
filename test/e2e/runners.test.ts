/** Runners and a server that is killed: what they hold outlives it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { clientOn, runnerOn } from '../server/socket-client.ts';
import { ServerProcess } from './server-process.ts';

const PATIENT = { timeout: 20_000, interval: 50 };

async function begin(...args: string[]) {
  const data = mkdtempSync(join(tmpdir(), 'remuda-runners-'));
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const all = ['--data', data, '--log.file=', ...args];
  const { server, url } = await ServerProcess.start(all);
  const again = async () => {
    const { port } = new URL(url);
    const next = new ServerProcess([...all, '--port', port]);
    await next.ready();
    return next;
  };
  return { server, url, again };
}

const read = async (url: string, path: string) =>
  (await (await fetch(url + path)).json()) as { state?: string; reason?: string };

test('a runner that comes back to a server that was killed keeps its leases', async () => {
  const { server, url, again } = await begin();
  const runner = await runnerOn(url, 'host');
  await runner.hello('a', 'b');
  const client = await clientOn(url);
  await client.lease('t');
  const work = await runner.accept();
  await vi.waitFor(async () => {
    const lease = await read(url, `/v1/leases/${work.lease_id}`);
    expect(lease.state).toBe('allocated');
  }, PATIENT);
  server.signal('SIGKILL');
  await Promise.all([runner.closed, client.closed, server.exit]);

  await again();
  expect(await read(url, '/v1/agents/a')).toMatchObject({ phase: 'offline', health: 'healthy' });
  const next = await runnerOn(url, 'host');
  const { leases } = await next.hello('a', 'b');
  expect(leases).toMatchObject([{ lease_id: work.lease_id, token: work.token }]);
  const report = { lease_id: work.lease_id, token: work.token };
  next.send({ type: 'state', ...report, state: 'active' });
  await vi.waitFor(async () => {
    expect(await read(url, `/v1/leases/${work.lease_id}`)).toMatchObject({ state: 'active' });
  }, PATIENT);
  expect(next.frames).toEqual([]);
  await next.close();
});

test('a runner that does not come back loses them when the grace is over', async () => {
  const { server, url, again } = await begin('--pool.reconnect_grace_sec=1');
  const runner = await runnerOn(url, 'host');
  await runner.hello('a');
  const client = await clientOn(url);
  await client.lease('t');
  const { lease_id } = await runner.accept();
  server.signal('SIGKILL');
  await server.exit;

  await again();
  await vi.waitFor(async () => {
    expect((await read(url, `/v1/leases/${lease_id}`)).reason).toMatch(/^agent_/);
  }, PATIENT);
  expect(await read(url, '/v1/agents/a')).toMatchObject({ phase: 'offline', health: 'unhealthy' });
});

test('a server that stops says goodbye to its sockets', async () => {
  const { server, url } = await begin();
  const runner = await runnerOn(url, 'host');
  await runner.hello('a');
  const client = await clientOn(url);
  server.signal('SIGTERM');
  const goodbye = { code: 1001, reason: 'the pool is stopping' };
  expect(await Promise.all([runner.closed, client.closed])).toEqual([goodbye, goodbye]);
  expect(await server.exit).toEqual({ code: 0, signal: null });
});
