/** What the tests of the SDK share: a real server, agents on it, and what is told of a lease. */
import { onTestFinished } from 'vitest';
import { type ConnectOptions, connect, type Lease, type Pool } from '../../src/sdk/client.ts';
import { type StartOptions, start, type TestServer } from '../server/support.ts';

export async function startServer(options?: StartOptions): Promise<TestServer> {
  const server = await start(options);
  onTestFinished(() => server.stop());
  return server;
}

/** Agents without a runner. */
export async function register(server: TestServer, ...ids: string[]): Promise<void> {
  const agents = ids.map((agent_id) => ({ agent_id, tools: ['music'] }));
  await server.call('POST', '/v1/agents', agents);
}

export async function connected(url: string, options?: ConnectOptions): Promise<Pool> {
  const pool = await connect(url, options);
  onTestFinished(() => pool.close());
  return pool;
}

/** Live leases, as the server has them. */
export async function liveLeases(server: TestServer): Promise<{ lease_id: string }[]> {
  const { json } = await server.call('GET', '/v1/leases?limit=1000');
  return json.items.filter(({ state }: { state: string }) => state !== 'released');
}

export async function queueLength(server: TestServer): Promise<number> {
  return (await server.call('GET', '/v1/stats')).json.queue.length;
}

/** What a lease tells, as it comes. */
export function told(lease: Lease): string[] {
  const events: string[] = [];
  lease.on('lost', (_, reason) => events.push(`lost ${reason}`));
  lease.on('replaced', ({ agentId }, before) => events.push(`${before.agentId} → ${agentId}`));
  lease.on('state', ({ state }, before) => events.push(`${before} → ${state}`));
  return events;
}
