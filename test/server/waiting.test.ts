import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rawRequest } from './raw.ts';
import { type Reply, start, type TestServer } from './support.ts';

let server: TestServer;
/** The lease that holds the only agent. */
let held = '';

beforeEach(async () => {
  server = await start({ flags: { 'pool.queue.max_length': '3' } });
  await server.call('POST', '/v1/agents', { agent_id: 'only' });
  const { json } = await server.call('POST', '/v1/leases', { tenant: 'holder' });
  held = json.leases[0].lease_id;
});
afterEach(() => server.stop());

const ask = (body: object = {}, headers?: { [name: string]: string }): Promise<Reply> =>
  server.call('POST', '/v1/leases', { tenant: 'waiter', ...body }, headers);
const release = () => server.call('DELETE', `/v1/leases/${held}`);
const ticketOf = async (id: string) => (await server.call('GET', `/v1/tickets/${id}`)).json;
const queueLength = async () => (await server.call('GET', '/v1/stats')).json.queue.length;

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error('it never happened');
}

describe('a request that must wait', () => {
  test('202 with a ticket', async () => {
    const { status, json } = await ask({ priority: 'high', purpose: 'music' });
    expect(status).toBe(202);
    expect(json).toMatchObject({
      outcome: 'queued',
      ticket: { tenant: 'waiter', state: 'queued', position: 1, priority: 'high', count: 1 },
    });
    expect(json.ticket).not.toHaveProperty('leases');
    expect(await ticketOf(json.ticket.ticket_id)).toMatchObject({
      state: 'queued',
      purpose: 'music',
    });
    expect((await server.call('GET', '/v1/tenants/waiter')).json.tickets).toHaveLength(1);
  });

  test('200 for a dry run, and nobody waits', async () => {
    const { status, json } = await ask({ dry_run: true, wait_sec: 30 });
    expect([status, json.outcome, await queueLength()]).toEqual([200, 'queued', 0]);
  });

  test('503 AGENT_POOL_EXHAUSTED where it may not wait', async () => {
    const reply = await ask({ queue: false });
    expect(reply.json).toMatchObject({ status: 503, code: 'AGENT_POOL_EXHAUSTED' });
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(reply.json.retry_after_sec).toBe(Number(reply.headers.get('retry-after')));
  });

  test('503 AGENT_POOL_EXHAUSTED when the queue is full', async () => {
    for (let i = 0; i < 3; i += 1) expect((await ask({ tenant: `t${i}` })).status).toBe(202);
    expect((await ask({ explain: true })).json).toMatchObject({
      code: 'AGENT_POOL_EXHAUSTED',
      explain: { rejected: { LEASED: 1 } },
    });
  });
});

describe('wait_sec', () => {
  test('201 as soon as an agent is free', async () => {
    const waiting = ask({ wait_sec: 30, explain: true });
    await until(async () => (await queueLength()) === 1);
    await release();
    const { status, json } = await waiting;
    expect(status).toBe(201);
    expect(json).toMatchObject({
      outcome: 'granted',
      reused: false,
      warm: false,
      leases: [{ agent_id: 'only' }],
      explain: { considered: 1 },
    });
  });

  test('202 when the time is up, with the ticket as it is then', async () => {
    const started = performance.now();
    const { status, json } = await ask({ wait_sec: 0.3 });
    expect([status, json.ticket.state]).toEqual([202, 'queued']);
    expect(performance.now() - started).toBeGreaterThan(280);
  });

  test('503 when the patience of the request ends first', async () => {
    const reply = await ask({ wait_sec: 30, queue_timeout_sec: 0.3 });
    expect(reply.json).toMatchObject({
      status: 503,
      code: 'AGENT_POOL_EXHAUSTED',
      detail: 'The request waited 0.3 s in the queue and no agent came free for it.',
    });
    expect(reply.headers.get('retry-after')).toBe('1');
  });

  test('409 when somebody cancels the ticket', async () => {
    const waiting = ask({ wait_sec: 30 });
    await until(async () => (await queueLength()) === 1);
    const [ticket] = (await server.call('GET', '/v1/tenants/waiter')).json.tickets;
    const cancelled = await server.call('DELETE', `/v1/tickets/${ticket.ticket_id}`);
    expect(cancelled.json).toMatchObject({ state: 'cancelled', position: 0 });
    expect((await waiting).json).toMatchObject({ status: 409, code: 'TICKET_CANCELLED' });
    const repeated = await server.call('DELETE', `/v1/tickets/${ticket.ticket_id}`);
    expect(repeated.text).toBe(cancelled.text);
  });

  test('a client that hangs up leaves the queue', async () => {
    const body = JSON.stringify({ tenant: 'gone', wait_sec: 30 });
    const socket = connect(server.port, '127.0.0.1');
    socket.write(rawRequest('POST', '/v1/leases', body));
    await until(async () => (await queueLength()) === 1);
    socket.destroy();
    await until(async () => (await queueLength()) === 0);
  });

  test('a client with an idempotency key can come back for its answer', async () => {
    const body = JSON.stringify({ tenant: 'gone', wait_sec: 30 });
    const headers = ['content-type: application/json', 'idempotency-key: back'];
    const socket = connect(server.port, '127.0.0.1');
    socket.write(rawRequest('POST', '/v1/leases', body, headers));
    await until(async () => (await queueLength()) === 1);
    socket.destroy();
    await sleep(100);
    expect(await queueLength()).toBe(1);
    const waiting = ask({ tenant: 'gone', wait_sec: 30 }, { 'idempotency-key': 'back' });
    await sleep(100);
    expect(await queueLength()).toBe(1);
    await release();
    expect((await waiting).status).toBe(201);
    const again = await ask({ tenant: 'gone', wait_sec: 30 }, { 'idempotency-key': 'back' });
    expect([again.status, again.json.leases[0].agent_id]).toEqual([201, 'only']);
  });
});

describe('GET /v1/tickets/{id}', () => {
  test('waits, and shows the leases', async () => {
    const { ticket_id: id } = (await ask()).json.ticket;
    const waiting = server.call('GET', `/v1/tickets/${id}?wait_sec=30`);
    await sleep(50);
    await release();
    const { json } = await waiting;
    expect(json).toMatchObject({ state: 'granted', position: 0, leases: [{ agent_id: 'only' }] });
    const [event] = [...(await claims())];
    expect(event).toMatchObject({ type: 'ticket_claimed', ticket: id });
    expect((await server.call('GET', `/v1/tickets/${id}`)).json.state).toBe('granted');
    expect(await claims()).toHaveLength(1);
  });

  test('404 for one that there never was, without waiting', async () => {
    expect((await server.call('GET', '/v1/tickets/none?wait_sec=30')).json.code).toBe('NOT_FOUND');
  });

  async function claims() {
    const found = [];
    for await (const { event } of server.host.history(1)) {
      if (event.type === 'ticket_claimed') found.push(event);
    }
    return found;
  }
});

describe('a graceful stop', () => {
  test('answers those who wait, at once', async () => {
    const post = ask({ wait_sec: 30 });
    await until(async () => (await queueLength()) === 1);
    const [ticket] = (await server.call('GET', '/v1/tenants/waiter')).json.tickets;
    const get = server.call('GET', `/v1/tickets/${ticket.ticket_id}?wait_sec=30`);
    await sleep(50);
    const started = performance.now();
    await Promise.all([server.stop(), post, get]);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect([(await post).status, (await post).json.ticket.state]).toEqual([202, 'queued']);
    expect((await get).json.state).toBe('queued');
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });
});
