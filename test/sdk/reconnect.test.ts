/** What becomes of a client whose connection is cut. */
import { describe, expect, test, vi } from 'vitest';
import { NotReadyError as HostNotReady } from '../../src/host/host-api.ts';
import { ConnectionError, NotReadyError, PoolExhaustedError } from '../../src/sdk/client.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { connected, liveLeases, queueLength, register, startServer, told } from './support.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function through(transport: 'socket' | 'http' | 'auto', agents: string[], more = {}) {
  const server = await startServer();
  await register(server, ...agents);
  const proxy = await CuttingProxy.to(server.port);
  const pool = await connected(proxy.url, { transport, pollSec: 0.1, ...more });
  return { server, proxy, pool };
}

describe.each(['socket', 'http'] as const)('over %s', (transport) => {
  test('a lease is granted once, though the answer was lost on the way', async () => {
    const { server, proxy, pool } = await through(transport, ['a', 'b', 'c']);
    proxy.losesAnswers = (text) => text.includes('lease_id');
    const lease = await pool.lease({ tenant: 'guild', reuse: false });
    expect(proxy.losesAnswers).toBeNull();
    expect((await liveLeases(server)).map(({ lease_id }) => lease_id)).toEqual([lease.leaseId]);
    await lease.active();
  });

  test('a request that was queued, and granted while nobody was there, is told once', async () => {
    const { server, proxy, pool } = await through(transport, ['a']);
    const first = await pool.lease({ tenant: 'one' });
    let isQueued = false;
    let answers = 0;
    const waiting = pool.lease({ tenant: 'two', onQueued: () => (isQueued = true) });
    void waiting.then(() => answers++);
    await vi.waitFor(() => expect(isQueued).toBe(true));
    proxy.isDown = true;
    proxy.cut();
    await server.call('DELETE', `/v1/leases/${first.leaseId}`);
    await pause(300);
    proxy.isDown = false;
    const second = await waiting;
    expect(second.tenant).toBe('two');
    await vi.waitFor(() => expect(first.signal.aborted).toBe(true));
    expect(await liveLeases(server)).toHaveLength(1);
    await pause(100);
    expect(answers).toBe(1);
  });

  test('a request that expired meanwhile is refused', async () => {
    const { proxy, pool } = await through(transport, ['a']);
    await pool.lease({ tenant: 'one' });
    let isQueued = false;
    const waiting = pool.lease({
      ...{ tenant: 'two', queueTimeoutSec: 0.5, onQueued: () => (isQueued = true) },
    });
    const outcome = expect(waiting).rejects.toBeInstanceOf(PoolExhaustedError);
    await vi.waitFor(() => expect(isQueued).toBe(true));
    proxy.isDown = true;
    proxy.cut();
    await pause(700);
    proxy.isDown = false;
    await outcome;
  });

  test('what happened to leases meanwhile is told', async () => {
    const { server, proxy, pool } = await through(transport, ['a', 'b']);
    const [stays, ends, moves] = [
      await pool.lease({ tenant: 'stays' }),
      await pool.lease({ tenant: 'ends' }),
      await register(server, 'c').then(() => pool.lease({ tenant: 'moves' })),
    ];
    const events = [stays, ends, moves].map(told);
    await register(server, 'd');
    proxy.isDown = true;
    proxy.cut();
    await server.call('DELETE', `/v1/leases/${ends.leaseId}`);
    await server.call('POST', '/v1/agents/c/heartbeat', { health: 'unhealthy' });
    await vi.waitFor(() => expect(pool.transport).toBeNull(), { timeout: 5_000 });
    expect(pool.trouble).toBeInstanceOf(ConnectionError);
    proxy.isDown = false;
    await vi.waitFor(() => expect(ends.signal.aborted).toBe(true), { timeout: 5_000 });
    await vi.waitFor(() => expect(moves.agentId).not.toBe('c'), { timeout: 5_000 });
    expect(events[1]).toContain('lost released');
    expect(events[2]).toEqual([`c → ${moves.agentId}`]);
    await stays.active();
    expect(events[0]).toEqual(['allocated → active']);
  });

  test('an aborted request whose answer was lost is given back all the same', async () => {
    const { server, proxy, pool } = await through(transport, ['a']);
    const abort = new AbortController();
    proxy.losesAnswers = (text) => {
      if (!text.includes('lease_id')) return false;
      proxy.isDown = true;
      abort.abort();
      return true;
    };
    await expect(pool.lease({ tenant: 'guild', signal: abort.signal })).rejects.toThrow();
    expect(await liveLeases(server)).toHaveLength(1);
    proxy.isDown = false;
    await vi.waitFor(async () => expect(await liveLeases(server)).toEqual([]), { timeout: 5_000 });
  });

  test('a call that cannot be made for long enough fails, and leaves nothing behind', async () => {
    const { server, proxy, pool } = await through(transport, ['a'], { retryForSec: 0.5 });
    const lease = await pool.lease({ tenant: 'guild' });
    proxy.isDown = true;
    proxy.cut();
    await pause(50);
    await expect(lease.active()).rejects.toBeInstanceOf(ConnectionError);
    await expect(pool.lease({ tenant: 'two' })).rejects.toBeInstanceOf(ConnectionError);
    proxy.isDown = false;
    await vi.waitFor(() => expect(pool.transport).toBe(transport), { timeout: 5_000 });
    await lease.idle();
    await pause(200);
    expect(await liveLeases(server)).toHaveLength(1);
    expect(await queueLength(server)).toBe(0);
  });
});

test('many requests over a connection that is cut again and again', async () => {
  const agents = Array.from({ length: 20 }, (_, i) => `a${i}`);
  const { server, proxy, pool } = await through('socket', agents);
  // At first often, then less and less, so that a busy machine comes to an end as well.
  let pauseMs = 30;
  let cutting = setTimeout(function cut() {
    proxy.cut();
    pauseMs *= 1.1;
    cutting = setTimeout(cut, pauseMs);
  }, pauseMs);
  const holders = new Map<string, string>();
  let granted = 0;
  await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      for (let round = 0; round < 8; round++) {
        const lease = await pool.lease({ tenant: `t${i}`, reuse: false });
        // Nobody may be told of an agent that somebody else holds.
        expect(holders.get(lease.agentId)).toBeUndefined();
        holders.set(lease.agentId, lease.leaseId);
        granted++;
        await pause(Math.random() * 10);
        holders.delete(lease.agentId);
        await lease.release();
      }
    }),
  );
  clearTimeout(cutting);
  expect(granted).toBe(480);
  expect(proxy.opened).toBeGreaterThan(3);
  await vi.waitFor(async () => expect(await liveLeases(server)).toEqual([]), { timeout: 5_000 });
  expect(await queueLength(server)).toBe(0);
}, 60_000);

test.each(['socket', 'http', 'auto'] as const)(
  'requests that are aborted at any moment, over %s that is cut, leave nothing behind',
  async (transport) => {
    const { server, proxy, pool } = await through(transport, ['a', 'b', 'c', 'd', 'e']);
    const outcomes = { granted: 0, aborted: 0 };
    // Until both have happened often enough: on a busy machine it takes longer, so both the cuts
    // and the aborts leave more and more time.
    let patienceMs = 70;
    let cutting = setTimeout(function cut() {
      proxy.cut();
      patienceMs *= 1.15;
      cutting = setTimeout(cut, patienceMs);
    }, patienceMs);
    const isEnough = () => outcomes.granted > 20 && outcomes.aborted > 20;
    await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        while (!isEnough()) {
          const abort = new AbortController();
          setTimeout(() => abort.abort(), Math.random() * 1.7 * patienceMs);
          const request = { tenant: `t${i}`, reuse: false, signal: abort.signal };
          try {
            const lease = await pool.lease(request);
            outcomes.granted++;
            await lease.release();
          } catch (error) {
            expect((error as Error).name).toBe('AbortError');
            outcomes.aborted++;
          }
        }
      }),
    );
    clearTimeout(cutting);
    await vi.waitFor(
      async () => {
        expect(await queueLength(server)).toBe(0);
        expect(await liveLeases(server)).toEqual([]);
      },
      { timeout: 20_000 },
    );
  },
  60_000,
);

test('a connection whose other end vanished is noticed and replaced', async () => {
  const { server, proxy, pool } = await through('socket', ['a'], { keepAliveSec: 0.4 });
  const lease = await pool.lease({ tenant: 'guild' });
  const before = proxy.opened;
  // A connection that is only quiet stays.
  await pause(1_500);
  expect(proxy.opened).toBe(before);
  proxy.swallow();
  await server.call('DELETE', `/v1/leases/${lease.leaseId}`);
  const again = await pool.lease({ tenant: 'other' });
  expect(again.agentId).toBe('a');
  await vi.waitFor(() => expect(lease.signal.aborted).toBe(true));
  expect(proxy.opened).toBe(before + 1);
});

test('a server that starts again finds its clients', async () => {
  const first = await startServer();
  const proxy = await CuttingProxy.to(first.port);
  const pool = await connected(proxy.url, { transport: 'socket' });
  const preview = await pool.preview({ tenant: 'x' }).catch((error) => error.code);
  expect(preview).toBe('NO_SUCH_CAPABILITY');
  await first.stop();
  const second = await startServer({ flags: { port: String(first.port) } });
  await register(second, 'a');
  expect((await pool.lease({ tenant: 'guild' })).agentId).toBe('a');
});

test('a pool that is not ready is asked again, and at last the caller is told', async () => {
  const server = await startServer();
  await register(server, 'a');
  const pool = await connected(server.url, { retryForSec: 4 });
  const { host } = server;
  const { executeAll, execute } = host;
  let failures = 1;
  const fails = () => failures-- > 0;
  host.executeAll = (commands) =>
    fails() ? Promise.reject(new HostNotReady('journal')) : executeAll.call(host, commands);
  host.execute = (command) =>
    fails() ? Promise.reject(new HostNotReady('journal')) : execute.call(host, command);
  const lease = await pool.lease({ tenant: 'guild' });
  failures = 100;
  await expect(lease.active()).rejects.toBeInstanceOf(NotReadyError);
  failures = 0;
  await lease.active();
});
