/** A pool that is killed and starts again with its journal: clients and runners go on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runAgents } from '../../src/sdk/agent.ts';
import { ServerProcess } from '../e2e/server-process.ts';
import { connected, told } from './support.ts';

test('leases, work and requests that wait outlive a pool that is killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'remuda-sdk-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const options = ['--journal.url', `file:${join(directory, 'data')}`, '--log.file', ''];
  const { server, url } = await ServerProcess.start(options);

  const log: string[] = [];
  const runner = await runAgents({
    url,
    agents: [{ agentId: 'a' }],
    async onAssign({ tenant }, { signal }) {
      log.push(`+ ${tenant}`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      log.push(`- ${tenant} ${signal.reason.reason}`);
    },
  });
  onTestFinished(() => runner.close());
  const pool = await connected(url);
  const first = await pool.lease({ tenant: 'one' });
  const events = told(first);
  await first.active();
  let isQueued = false;
  const waiting = pool.lease({
    tenant: 'two',
    onQueued: () => {
      isQueued = true;
    },
  });
  await vi.waitFor(() => expect(isQueued).toBe(true));

  await server.kill();
  // Asked for while nobody is there, and answered once somebody is.
  const asked = pool.getLease(first.leaseId);
  const { port } = new URL(url);
  const again = new ServerProcess(['--port', port, ...options]);
  await again.ready();
  expect(await asked).toBe(first);
  await vi.waitFor(() => expect(runner.agents).toMatchObject([{ isHosted: true }]), {
    timeout: 10_000,
  });
  await first.active();
  expect(events).toEqual(['allocated → active']);
  expect(log).toEqual(['+ one']);

  await first.release();
  const second = await waiting;
  expect(second.tenant).toBe('two');
  await vi.waitFor(() => expect(log).toEqual(['+ one', '- one released', '+ two']));
  await second.release();
}, 60_000);
