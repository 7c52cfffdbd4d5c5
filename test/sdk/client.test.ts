import { describe, expect, test, vi } from 'vitest';
import {
  AgentNotInstalledError,
  ClosedError,
  ConnectionError,
  connect,
  InvalidRequestError,
  LeaseEndedError,
  NoSuchCapabilityError,
  NotFoundError,
  PoolExhaustedError,
  RemudaError,
  StaleTokenError,
  type TicketInfo,
} from '../../src/sdk/client.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { connected, liveLeases, queueLength, register, startServer, told } from './support.ts';

describe.each(['socket', 'http'] as const)('over %s', (transport) => {
  const server = async (agents: string[] = ['a'], flags = {}) => {
    const made = await startServer({ flags });
    if (agents.length > 0) await register(made, ...agents);
    return { server: made, pool: await connected(made.url, { transport, pollSec: 0.1 }) };
  };

  test('a lease is granted, reported and released', async () => {
    const { server: pool_server, pool } = await server();
    expect(pool.transport).toBe(transport);
    const lease = await pool.lease({
      tenant: 'guild',
      tools: ['music'],
      purpose: 'music',
      metadata: { some_key: { deep_key: 1 } },
      explain: true,
    });
    expect(lease).toMatchObject({
      leaseId: expect.any(String),
      tenant: 'guild',
      agentId: 'a',
      state: 'allocated',
      token: 1,
      warm: false,
      idleTimeoutSec: 1800,
      metadata: { some_key: { deep_key: 1 } },
      explain: { chosen: 'a', eligible: 1 },
    });
    expect(lease.allocatedAt.getTime()).toBeCloseTo(Date.now(), -4);
    const events = told(lease);
    await lease.active();
    await lease.idle();
    expect(lease.state).toBe('idle');
    expect(lease.signal.aborted).toBe(false);
    await Promise.all([lease.release(), lease.release()]);
    await lease.release();
    expect(lease).toMatchObject({ state: 'released', reason: 'released' });
    expect(lease.signal.reason).toBeInstanceOf(LeaseEndedError);
    expect(await liveLeases(pool_server)).toEqual([]);
    expect(events).toEqual(['allocated → active', 'active → idle', 'idle → released']);
    await expect(lease.active()).rejects.toBeInstanceOf(LeaseEndedError);
  });

  test('`await using` releases the lease and closes the pool', async () => {
    const { server: pool_server } = await server();
    {
      await using pool = await connect(pool_server.url, { transport });
      await using lease = await pool.lease({ tenant: 'guild' });
      expect(await liveLeases(pool_server)).toHaveLength(1);
      expect(lease.state).toBe('allocated');
    }
    expect(await liveLeases(pool_server)).toEqual([]);
  });

  test('a request that waits is told its place, and then granted', async () => {
    const { pool } = await server();
    const first = await pool.lease({ tenant: 'one' });
    const places: TicketInfo[] = [];
    const waiting = pool.lease({ tenant: 'two', onQueued: (ticket) => places.push(ticket) });
    await vi.waitFor(() => expect(places).toHaveLength(1));
    expect(places[0]).toMatchObject({ position: 1, state: 'queued', tenant: 'two', count: 1 });
    expect(places[0]?.expiresAt).toBeInstanceOf(Date);
    await first.release();
    const second = await waiting;
    expect(second).toMatchObject({ tenant: 'two', agentId: 'a' });
    // It was claimed: it stays when nobody accepts it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await pool.getLease(second.leaseId)).state).toBe('allocated');
  });

  test('a request that waits in vain is refused', async () => {
    const { pool } = await server();
    await pool.lease({ tenant: 'one' });
    const error = await pool.lease({ tenant: 'two', queueTimeoutSec: 0.2 }).catch((e) => e);
    expect(error).toBeInstanceOf(PoolExhaustedError);
    expect(error).toMatchObject({ code: 'AGENT_POOL_EXHAUSTED', status: 503, retryable: true });
  });

  test('a request that is aborted leaves the queue', async () => {
    const { server: pool_server, pool } = await server();
    const first = await pool.lease({ tenant: 'one' });
    const abort = new AbortController();
    const onQueued = () => abort.abort(new Error('changed my mind'));
    const waiting = pool.lease({ tenant: 'two', signal: abort.signal, onQueued });
    await expect(waiting).rejects.toThrow('changed my mind');
    await vi.waitFor(async () => expect(await queueLength(pool_server)).toBe(0));
    await first.release();
    expect(await liveLeases(pool_server)).toEqual([]);
  });

  test('a request that is aborted while it is answered leaves nothing behind', async () => {
    const { server: pool_server, pool } = await server(['a', 'b', 'c']);
    for (let round = 0; round < 30; round++) {
      const abort = new AbortController();
      const asked = pool.lease({ tenant: `t${round}`, signal: abort.signal });
      const outcome = asked.then(
        (lease) => lease,
        (error: unknown) => error as Error,
      );
      await new Promise((resolve) => setTimeout(resolve, round % 6));
      abort.abort();
      const result = await outcome;
      // One or the other, and never an agent that nobody knows of.
      if (!(result instanceof Error)) await result.release();
    }
    await vi.waitFor(async () => expect(await liveLeases(pool_server)).toEqual([]));
  });

  test('aborting gives back nothing that the tenant had before', async () => {
    const { server: pool_server, pool } = await server();
    const lease = await pool.lease({ tenant: 'guild' });
    const abort = new AbortController();
    const again = pool.lease({ tenant: 'guild', signal: abort.signal });
    queueMicrotask(() => queueMicrotask(() => abort.abort()));
    await again.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await liveLeases(pool_server)).map(({ lease_id }) => lease_id)).toEqual([
      lease.leaseId,
    ]);
    expect(lease.signal.aborted).toBe(false);
  });

  test('a call that is aborted stops waiting', async () => {
    const { pool } = await server();
    const lease = await pool.lease({ tenant: 'guild' });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(lease.active({ signal })).rejects.toThrow('enough');
    const abort = new AbortController();
    const reading = pool.getLease(lease.leaseId, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await expect(pool.lease({ tenant: 'x', signal })).rejects.toThrow('enough');
    await lease.active();
  });

  test('a tenant that asks again gets the same lease, as the same object', async () => {
    const { pool } = await server(['a', 'b']);
    const lease = await pool.lease({ tenant: 'guild' });
    expect(await pool.lease({ tenant: 'guild' })).toBe(lease);
    expect(await pool.getLease(lease.leaseId)).toBe(lease);
    expect(await pool.lease({ tenant: 'guild', reuse: false })).not.toBe(lease);
  });

  test('several agents are granted at once or not at all', async () => {
    const { server: pool_server, pool } = await server(['a', 'b', 'c']);
    const group = await pool.leaseGroup({ tenant: 'guild', count: 3 });
    expect(group.map(({ agentId }) => agentId).sort()).toEqual(['a', 'b', 'c']);
    await Promise.all(group.map((lease) => lease.release()));
    await pool.lease({ tenant: 'other' });
    const refused = pool.leaseGroup({ tenant: 'guild', count: 3, queue: false });
    await expect(refused).rejects.toBeInstanceOf(PoolExhaustedError);
    expect(await liveLeases(pool_server)).toHaveLength(1);
  });

  test('a preview changes nothing', async () => {
    const { server: pool_server, pool } = await server();
    const preview = await pool.preview({ tenant: 'guild', explain: true });
    expect(preview).toMatchObject({
      outcome: 'granted',
      leases: [{ agentId: 'a', token: 0 }],
      explain: { eligible: 1 },
    });
    await pool.lease({ tenant: 'one' });
    expect(await pool.preview({ tenant: 'guild' })).toMatchObject({
      outcome: 'queued',
      ticket: { position: 1 },
    });
    expect(await queueLength(pool_server)).toBe(0);
  });

  test('leases are listed over all pages', async () => {
    const { pool } = await server(['a', 'b', 'c', 'd', 'e']);
    for (const tenant of ['1', '2', '3', '4', '5']) await pool.lease({ tenant });
    const tenants: string[] = [];
    for await (const { tenant } of pool.leases({ limit: 2 })) tenants.push(tenant);
    expect(tenants.sort()).toEqual(['1', '2', '3', '4', '5']);
    const one = await Array.fromAsync(pool.leases({ tenant: '3' }));
    expect(one).toMatchObject([{ tenant: '3', allocatedAt: expect.any(Date) }]);
  });

  test('a lease that ends elsewhere is lost', async () => {
    const { server: pool_server, pool } = await server();
    const lease = await pool.lease({ tenant: 'guild' });
    const events = told(lease);
    await pool_server.call('DELETE', `/v1/leases/${lease.leaseId}`);
    await vi.waitFor(() => expect(lease.signal.aborted).toBe(true));
    expect(events).toContain('lost released');
    const late: string[] = [];
    lease.on('lost', (_, reason) => late.push(`${reason}`));
    await Promise.resolve();
    await Promise.resolve();
    expect(late).toEqual(['released']);
    await lease.release();
  });

  test('a lease that moves is replaced, and goes on under its new token', async () => {
    const { server: pool_server, pool } = await server(['a']);
    const lease = await pool.lease({ tenant: 'guild' });
    await lease.active();
    await register(pool_server, 'b');
    const events = told(lease);
    const { token } = lease;
    await pool_server.call('POST', '/v1/agents/a/heartbeat', { health: 'unhealthy' });
    await vi.waitFor(() => expect(events).toContain('a → b'));
    expect(lease.agentId).toBe('b');
    expect(lease.token).toBeGreaterThan(token);
    await lease.active();
    await lease.release();
    expect(events.filter((event) => event.startsWith('lost'))).toEqual([]);
  });

  test('a report under an old token tells of the move first', async () => {
    const { server: pool_server } = await server(['a']);
    // Over HTTP with a long interval nothing else can have told it.
    const pool = await connected(pool_server.url, { transport: 'http', pollSec: 60 });
    const lease = await pool.lease({ tenant: 'guild' });
    await register(pool_server, 'b');
    const events = told(lease);
    await pool_server.call('POST', '/v1/agents/a/heartbeat', { health: 'unhealthy' });
    await expect(lease.active()).rejects.toBeInstanceOf(StaleTokenError);
    expect(events).toContain('a → b');
    await lease.active();
    expect(lease.state).toBe('active');
  });

  test('refusals are errors with their code', async () => {
    const { pool } = await server();
    const invalid = await pool.lease({ tenant: '', minTier: 'best' as never }).catch((e) => e);
    expect(invalid).toBeInstanceOf(InvalidRequestError);
    expect(invalid).toMatchObject({ name: 'InvalidRequestError', status: 400, retryable: false });
    expect(invalid.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      expect.stringMatching(/\/min_tier$/),
      expect.stringMatching(/\/tenant$/),
    ]);
    const unknown = await pool.lease({ tenant: 'g', tennant: 1 } as never).catch((e) => e);
    expect(unknown).toBeInstanceOf(InvalidRequestError);
    await expect(pool.lease({ tenant: 'g', tools: ['flying'] })).rejects.toBeInstanceOf(
      NoSuchCapabilityError,
    );
    await expect(pool.getLease('lse-9-9')).rejects.toBeInstanceOf(NotFoundError);
    await expect(pool.getLease('lse/../9')).rejects.toBeInstanceOf(RemudaError);
  });

  test('AGENT_NOT_INSTALLED brings the invitations', async () => {
    const { server: pool_server, pool } = await server([], { 'pool.membership': 'required' });
    await pool_server.call('POST', '/v1/agents', {
      ...{ agent_id: 'a', labels: { invite_url: 'https://example.org/a' } },
    });
    const error = await pool.lease({ tenant: 'guild' }).catch((e) => e);
    expect(error).toBeInstanceOf(AgentNotInstalledError);
    expect(error.invites).toEqual([{ agentId: 'a', inviteUrl: 'https://example.org/a' }]);
  });

  test('the same idempotency key gets the same lease', async () => {
    const { pool } = await server(['a', 'b']);
    const request = { tenant: 'guild', reuse: false, idempotencyKey: 'k-1' };
    const first = await pool.lease(request);
    expect(await pool.lease(request)).toBe(first);
    await first.release();
    const late = await pool.lease(request);
    await vi.waitFor(() => expect(late.signal.aborted).toBe(true));
  });

  test('closing takes back what waits and leaves what is held', async () => {
    const { server: pool_server } = await server();
    const pool = await connect(pool_server.url, { transport });
    const lease = await pool.lease({ tenant: 'one' });
    let isQueued = false;
    const waiting = pool.lease({ tenant: 'two', onQueued: () => (isQueued = true) });
    const outcome = expect(waiting).rejects.toBeInstanceOf(ClosedError);
    await vi.waitFor(() => expect(isQueued).toBe(true));
    await pool.close();
    await outcome;
    expect(await queueLength(pool_server)).toBe(0);
    expect(await liveLeases(pool_server)).toHaveLength(1);
    await expect(pool.lease({ tenant: 'x' })).rejects.toBeInstanceOf(ClosedError);
    await expect(lease.release()).rejects.toBeInstanceOf(ClosedError);
    await pool.close();
  });
});

test('calls of one turn leave in one frame', async () => {
  const server = await startServer();
  await register(server, 'a', 'b', 'c');
  const frames: string[] = [];
  class Counting extends WebSocket {
    override send(data: string): void {
      frames.push(data);
      super.send(data);
    }
  }
  const pool = await connected(server.url, { webSocket: Counting });
  frames.length = 0;
  const leases = await Promise.all(['1', '2', '3'].map((tenant) => pool.lease({ tenant })));
  await Promise.all(leases.map((lease) => lease.active()));
  await Promise.all(leases.map((lease) => lease.release()));
  expect(frames.map((frame) => JSON.parse(frame).length)).toEqual([3, 3, 3]);
});

test('answers are the same over HTTP and over the socket', async () => {
  const server = await startServer();
  await register(server, 'a');
  const socket = await connected(server.url, { transport: 'socket' });
  const http = await connected(server.url, { transport: 'http' });
  const outcomes = async (pool: typeof socket) => {
    const asked = [
      () => pool.preview({ tenant: 'guild', explain: true }),
      () => pool.preview({ tenant: 'guild', minTier: 'premium' }),
      () => pool.lease({ tenant: 'x'.repeat(200) }),
      () => pool.getLease('lse-5-5'),
      () => pool.leaseGroup({ tenant: 'guild', count: 9, queue: false }),
    ];
    return Promise.all(
      asked.map((ask) =>
        ask().catch(({ name, code, status, detail, errors, retryAfterSec }: RemudaError) => {
          const where = errors?.map(({ message }) => message);
          return { name, code, status, detail: errors ? '' : detail, where, retryAfterSec };
        }),
      ),
    );
  };
  const request = { tenant: 'guild', metadata: { a: 1 }, idempotencyKey: 'k' };
  const [one, other] = [await socket.lease(request), await http.lease(request)];
  expect(other.leaseId).toBe(one.leaseId);
  const strip = (value: unknown) => JSON.stringify(value).replace(/"\d{4}-[^"]+Z"/g, '"time"');
  expect(strip(await outcomes(socket))).toEqual(strip(await outcomes(http)));
});

test('a proxy that refuses upgrades leads to HTTP, and to the socket once it does not', async () => {
  const server = await startServer();
  await register(server, 'a');
  const proxy = await CuttingProxy.to(server.port);
  proxy.refusesUpgrades = true;
  const pool = await connected(proxy.url, { pollSec: 0.1 });
  expect(pool.transport).toBe('http');
  const lease = await pool.lease({ tenant: 'guild' });
  const waiting = pool.lease({ tenant: 'two' });
  proxy.refusesUpgrades = false;
  await vi.waitFor(() => expect(pool.transport).toBe('socket'), { timeout: 10_000 });
  await lease.release();
  expect((await waiting).tenant).toBe('two');

  await expect(
    connect(proxy.url, { transport: 'socket', retryForSec: 0 }).then((made) => made.close()),
  ).resolves.toBeUndefined();
  proxy.refusesUpgrades = true;
  const refused = connect(proxy.url, { transport: 'socket', retryForSec: 0.2 });
  await expect(refused).rejects.toBeInstanceOf(ConnectionError);
});

test('no pool at all', async () => {
  const started = Date.now();
  const refused = connect('http://127.0.0.1:9', { retryForSec: 0.5 });
  await expect(refused).rejects.toBeInstanceOf(ConnectionError);
  expect(Date.now() - started).toBeLessThan(5_000);
  await expect(connect('ftp://127.0.0.1')).rejects.toThrow('http://');
  const abort = new AbortController();
  const connecting = connect('http://127.0.0.1:9', { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 50);
  await expect(connecting).rejects.toThrow('enough');
});
