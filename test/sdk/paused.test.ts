/** A runner whose process is stopped while its lease ends, and woken up afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { CommittedEvent } from '../../src/host/host-api.ts';
import { runAgents } from '../../src/sdk/agent.ts';
import { connected, startServer } from './support.ts';

const CHILD = fileURLToPath(new URL('./deaf-runner.ts', import.meta.url));
const PATIENT = { timeout: 20_000, interval: 20 };

class DeafRunner {
  readonly child: ChildProcess;
  readonly heard: object[] = [];

  constructor(url: string, agentId: string) {
    this.child = spawn(process.execPath, [CHILD, url, agentId], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let partial = '';
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      this.heard.push(...lines.map((line) => JSON.parse(line)));
    });
    onTestFinished(() => {
      this.child.kill('SIGKILL');
    });
  }

  async hears(frame: object): Promise<void> {
    await vi.waitFor(() => {
      expect(this.heard).toContainEqual(expect.objectContaining(frame));
    }, PATIENT);
  }
}

test('has its late reports refused', async () => {
  const server = await startServer({ flags: { 'pool.accept_timeout_sec': '1' } });
  const events: CommittedEvent['event'][] = [];
  server.host.onCommitted((batch) => {
    for (const { event } of batch) events.push(event);
  });
  const sleeper = new DeafRunner(server.url, 'sleeper');
  await sleeper.hears({ type: 'welcome' });
  const pool = await connected(server.url);
  const short = await pool.lease({ tenant: 'one', lifetimeSec: 2 });
  expect(short.agentId).toBe('sleeper');
  const read = async () => (await server.call('GET', `/v1/leases/${short.leaseId}`)).json;
  await vi.waitFor(async () => expect((await read()).state).toBe('active'), PATIENT);

  sleeper.child.kill('SIGSTOP');
  await vi.waitFor(() => expect(short.signal.aborted).toBe(true), PATIENT);
  expect(await read()).toMatchObject({ reason: 'expired' });
  const ended = events.length;
  const served: string[] = [];
  const awake = await runAgents({
    url: server.url,
    agents: [{ agentId: 'awake' }],
    onAssign: (lease, { signal }) => {
      served.push(lease.leaseId);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  });
  onTestFinished(() => awake.close());
  // The sleeper is the better agent; the pool finds out that it accepts nothing.
  const other = await pool.lease({ tenant: 'two' });
  await vi.waitFor(() => expect(served).toEqual([other.leaseId]), PATIENT);

  sleeper.child.kill('SIGCONT');
  const stale = { type: 'error', code: 'LEASE_TOKEN_STALE' };
  await sleeper.hears({ ...stale, lease_id: short.leaseId });
  await sleeper.hears({ ...stale, lease_id: other.leaseId });
  const late = events.slice(ended).filter((event) => 'lease' in event);
  expect(late.filter(({ lease }) => lease === short.leaseId)).toEqual([]);
  expect(late.filter(({ type }) => type === 'lease_moved')).toHaveLength(1);
  const { json } = await server.call('GET', `/v1/leases/${other.leaseId}`);
  expect(json).toMatchObject({ agent_id: 'awake' });
  expect(json.reason).toBeUndefined();
  await other.release();
});
