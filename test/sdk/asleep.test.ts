/** A runner whose process is stopped for a while, as by a debugger, a full machine or a moved VM. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runAgents } from '../../src/sdk/agent.ts';
import { startServer } from './support.ts';

const PROGRAM = fileURLToPath(new URL('./runner-process.ts', import.meta.url));

function runnerProcess(url: string, agent: string): { child: ChildProcess; out: () => string } {
  const child = spawn(process.execPath, [PROGRAM, url, agent]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { child, out: () => output };
}

test('wakes up, and lets go of what another runner has now', async () => {
  const server = await startServer();
  const { child, out } = runnerProcess(server.url, 'a');
  const isHosted = async () => (await server.call('GET', '/v1/agents/a')).status === 200;
  await vi.waitFor(async () => expect(await isHosted()).toBe(true), { timeout: 10_000 });
  await server.call('POST', '/v1/leases', { tenant: 'guild' });
  await vi.waitFor(() => expect(out()).toBe('begins guild\n'), { timeout: 5_000 });

  child.kill('SIGSTOP');
  const taken: string[] = [];
  const other = await runAgents({
    url: server.url,
    agents: [{ agentId: 'a' }],
    onAssign: async ({ tenant, token }, { signal }) => {
      taken.push(`${tenant} ${token}`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  onTestFinished(() => other.close());
  // The same lease, under a new token: what the sleeper may still say counts for nothing.
  await vi.waitFor(() => expect(taken).toEqual(['guild 2']));
  child.kill('SIGCONT');
  await vi.waitFor(() => expect(out()).toContain('ends guild lost\n'), { timeout: 10_000 });
  expect(out()).toContain('AGENT_ALREADY_HOSTED');
  const { json } = await server.call('GET', '/v1/leases?tenant=guild');
  expect(json.items).toMatchObject([{ state: 'active', token: 2 }]);
});

test('wakes up in time, and goes on', async () => {
  const server = await startServer();
  const { child, out } = runnerProcess(server.url, 'a');
  const isHosted = async () => (await server.call('GET', '/v1/agents/a')).status === 200;
  await vi.waitFor(async () => expect(await isHosted()).toBe(true), { timeout: 10_000 });
  const { json } = await server.call('POST', '/v1/leases', { tenant: 'guild' });
  await vi.waitFor(() => expect(out()).toBe('begins guild\n'), { timeout: 5_000 });
  child.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await server.call('DELETE', `/v1/leases/${json.leases[0].lease_id}`);
  child.kill('SIGCONT');
  await vi.waitFor(() => expect(out()).toBe('begins guild\nends guild released\n'));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
