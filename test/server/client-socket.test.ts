import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clientOn, runnerOn, type TestClient } from './socket-client.ts';
import { start, type TestServer } from './support.ts';

let server: TestServer;
let client: TestClient;

beforeEach(async () => {
  server = await start({ flags: { 'pool.accept_timeout_sec': '1' } });
  client = await clientOn(server.url);
});
afterEach(async () => {
  client.socket.terminate();
  await server.stop();
});

const register = (...ids: string[]) =>
  server.call(
    'POST',
    '/v1/agents',
    ids.map((agent_id) => ({ agent_id })),
  );
const http = async (method: string, path: string, body?: unknown) => {
  const { status, json } = await server.call(method, path, body);
  return { status, body: json };
};

describe('a call on the client socket', () => {
  test('has the status and the body of the HTTP call', async () => {
    await register('a');
    const granted = await client.lease('t', { explain: true });
    expect(granted).toMatchObject({ status: 201, body: { outcome: 'granted' } });
    const [lease] = granted.body.leases;
    const { lease_id, token } = lease;
    const got = await client.call('lease.get', { lease_id });
    expect(got).toMatchObject(await http('GET', `/v1/leases/${lease_id}`));
    const active = { body: { state: 'active', token } };
    expect((await client.call('lease.state', { lease_id, ...active })).body.state).toBe('active');
    const list = await client.call('lease.list', { query: { tenant: 't' } });
    expect(list).toMatchObject(await http('GET', '/v1/leases?tenant=t'));
    const stale = { body: { state: 'idle', token: token + 7 } };
    const refused = await client.call('lease.state', { lease_id, ...stale });
    expect(refused).toMatchObject(await http('POST', `/v1/leases/${lease_id}/state`, stale.body));
    const queued = await client.lease('u');
    expect(queued.status).toBe(202);
    const { ticket_id } = queued.body.ticket;
    expect((await client.call('ticket.get', { ticket_id })).body.state).toBe('queued');
    expect((await client.call('ticket.cancel', { ticket_id })).body.state).toBe('cancelled');
    const released = await client.call('release', { lease_id });
    expect(released).toMatchObject({ status: 200, body: { reason: 'released' } });
    expect(await client.call('lease.get', { lease_id: 'lse-9-9' })).toMatchObject(
      await http('GET', '/v1/leases/lse-9-9'),
    );
    expect(client.frames).toEqual([]);
  });

  test('is carried out in the order of the frame', async () => {
    await register('a');
    client.send([
      { id: 101, call: 'lease', body: { tenant: 't' } },
      { id: 102, call: 'lease.list', query: { tenant: 't' } },
      { id: 103, call: 'lease', body: { tenant: 'u', queue: false } },
    ]);
    expect((await client.next(({ id }) => id === 102)).body.items).toHaveLength(1);
    expect((await client.next(({ id }) => id === 103)).status).toBe(503);
  });

  test('waits in the queue where it asks to', async () => {
    await register('a');
    const first = await client.lease('t');
    const waiting = client.lease('u', { wait_sec: 10 });
    const { lease_id } = first.body.leases[0];
    await client.call('release', { lease_id });
    const granted = await waiting;
    expect(granted).toMatchObject({ status: 201, body: { leases: [{ tenant: 'u' }] } });
  });

  test('with an idempotency key gets the same answer again', async () => {
    await register('a', 'b');
    const call = { body: { tenant: 't', reuse: false }, idempotency_key: 'k1' };
    const [one, two] = [await client.call('lease', call), await client.call('lease', call)];
    expect(two.body).toEqual(one.body);
    const other = { body: { tenant: 'u' }, idempotency_key: 'k1' };
    expect(await client.call('lease', other)).toMatchObject({ status: 422 });
  });

  test('that is wrong says what is wrong, and the others are carried out', async () => {
    await register('a');
    client.send([
      { id: 1, call: 'lease', body: { tenant: 't', tols: [] } },
      { id: 2, call: 'leese', body: {} },
      { id: 3, call: 'lease', body: { tenant: 't' } },
    ]);
    const first = await client.next(({ id }) => id === 1);
    expect(first).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    expect(first.body.detail).toContain('/body/tols');
    expect((await client.next(({ id }) => id === 2)).body.detail).toContain('lease');
    expect((await client.next(({ id }) => id === 3)).status).toBe(201);
    client.send('no id');
    expect(await client.closed).toMatchObject({ code: 1008 });
  });
});

describe('pushed', () => {
  test('is a grant to those who wait; reading it makes it theirs', async () => {
    await register('a');
    const held = await client.lease('t');
    const { ticket } = (await client.lease('u')).body;
    await server.call('DELETE', `/v1/leases/${held.body.leases[0].lease_id}`);
    const lost = await client.pushed('lease.lost');
    expect(lost.lease).toMatchObject({ tenant: 't', reason: 'released' });
    const granted = await client.pushed('ticket.granted');
    expect(granted.ticket).toMatchObject({ ticket_id: ticket.ticket_id, state: 'granted' });
    const { ticket_id } = ticket;
    expect((await client.call('ticket.get', { ticket_id })).body.leases).toHaveLength(1);
    await server.call('DELETE', `/v1/leases/${granted.ticket.leases[0].lease_id}`);
    expect((await client.pushed('lease.lost')).lease).toMatchObject({ tenant: 'u' });
  });

  test('is the end of a ticket that waits in vain', async () => {
    await register('a');
    await client.lease('t');
    await client.lease('u', { queue_timeout_sec: 0.2 });
    expect((await client.pushed('ticket.ended')).ticket.state).toBe('expired');
  });

  test('is a lease that goes on with another agent', async () => {
    const slow = await runnerOn(server.url, 'slow');
    const quick = await runnerOn(server.url, 'quick');
    await slow.hello({ agent_id: 'a', tier: 'premium' });
    await quick.hello('b');
    const { leases } = (await client.lease('t')).body;
    await quick.accept();
    const { lease } = await client.pushed('lease.replaced');
    expect(lease).toMatchObject({ lease_id: leases[0].lease_id, agent_id: 'b' });
    expect(lease.token).toBeGreaterThan(leases[0].token);
    slow.socket.terminate();
    quick.socket.terminate();
  });

  test('are one’s own releases not', async () => {
    await register('a');
    const { leases } = (await client.lease('t')).body;
    await client.call('release', { lease_id: leases[0].lease_id });
    expect((await client.lease('t')).status).toBe(201);
    expect(client.frames).toEqual([]);
  });

  test('is what was missed, to a client that watches after a reconnect', async () => {
    await register('a');
    const { leases } = (await client.lease('t')).body;
    const { ticket } = (await client.lease('u')).body;
    client.socket.terminate();
    await client.closed;
    const { lease_id, token } = leases[0];
    await server.call('DELETE', `/v1/leases/${lease_id}`);
    client = await clientOn(server.url);
    const { body } = await client.call('watch', {
      leases: [
        { lease_id, token },
        { lease_id: 'lse-77-1', token: 1 },
      ],
      tickets: [ticket.ticket_id, 'tkt-99'],
    });
    expect(body.missing).toEqual(['lse-77-1', 'tkt-99']);
    expect((await client.pushed('lease.lost')).lease.lease_id).toBe(lease_id);
    expect((await client.pushed('ticket.granted')).ticket.tenant).toBe('u');
  });
});
