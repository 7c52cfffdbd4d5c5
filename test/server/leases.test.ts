import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { start, type TestServer } from './support.ts';

let server: TestServer;
const key = (value: string) => ({ 'idempotency-key': value });

beforeAll(async () => {
  server = await start({ flags: { 'pool.max_agents_per_tenant': '4' } });
  const agents = Array.from({ length: 6 }, (_, i) => ({
    agent_id: `music_${i}`,
    tools: ['music'],
    labels: { endpoint: `http://10.0.0.${i}` },
  }));
  await server.call('POST', '/v1/agents', agents);
});
afterAll(() => server.stop());

async function granted(
  body: object,
): Promise<{ lease_id: string; token: number; agent_id: string }> {
  const { status, json } = await server.call('POST', '/v1/leases', { tools: ['music'], ...body });
  expect(status).toBe(201);
  return json.leases[0];
}

describe('POST /v1/leases', () => {
  test('201: granted', async () => {
    const { status, json } = await server.call('POST', '/v1/leases', {
      tenant: 'first',
      tools: ['music'],
      purpose: 'music',
      metadata: { channel: '42' },
    });
    expect(status).toBe(201);
    expect(json).toEqual({
      outcome: 'granted',
      reused: false,
      warm: false,
      leases: [
        {
          lease_id: expect.any(String),
          tenant: 'first',
          agent_id: expect.stringMatching(/^music_/),
          purpose: 'music',
          tools: ['music'],
          state: 'allocated',
          token: expect.any(Number),
          warm: false,
          allocated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          last_activity_at: json.leases[0].allocated_at,
          idle_timeout_sec: 1800,
          expires_at: expect.any(String),
          endpoint: expect.stringMatching(/^http:/),
          metadata: { channel: '42' },
        },
      ],
    });
    await server.call('DELETE', `/v1/leases/${json.leases[0].lease_id}`);
  });

  test('200: what the tenant has already, and 201 with reuse false', async () => {
    const body = { tenant: 'reuser', tools: ['music'] };
    const { json: first } = await server.call('POST', '/v1/leases', body);
    const second = await server.call('POST', '/v1/leases', body);
    expect(second.status).toBe(200);
    expect(second.json).toMatchObject({ outcome: 'granted', reused: true });
    expect(second.json.leases[0].lease_id).toBe(first.leases[0].lease_id);
    const third = await server.call('POST', '/v1/leases', { ...body, reuse: false });
    expect(third.status).toBe(201);
    for (const { lease_id } of [...first.leases, ...third.json.leases]) {
      await server.call('DELETE', `/v1/leases/${lease_id}`);
    }
  });

  test('warm: the agent that served the tenant before', async () => {
    const before = await granted({ tenant: 'warm' });
    await server.call('DELETE', `/v1/leases/${before.lease_id}`);
    const { json } = await server.call('POST', '/v1/leases', { tenant: 'warm', tools: ['music'] });
    expect(json).toMatchObject({ warm: true, leases: [{ agent_id: before.agent_id, warm: true }] });
    await server.call('DELETE', `/v1/leases/${json.leases[0].lease_id}`);
  });

  test('200: a dry run changes nothing', async () => {
    const body = { tenant: 'dry', tools: ['music'], dry_run: true, explain: true };
    const { status, json } = await server.call('POST', '/v1/leases', body);
    expect(status).toBe(200);
    expect(json.explain).toMatchObject({ considered: 6, score: { health: 40, tier: 20 } });
    expect((await server.call('GET', '/v1/leases?tenant=dry')).json.items).toEqual([]);
  });

  test('all or nothing: a group', async () => {
    const { status, json } = await server.call('POST', '/v1/leases', {
      tenant: 'group',
      tools: ['music'],
      count: 3,
    });
    expect(status).toBe(201);
    expect(new Set(json.leases.map((lease: { agent_id: string }) => lease.agent_id)).size).toBe(3);
    for (const { lease_id } of json.leases) await server.call('DELETE', `/v1/leases/${lease_id}`);
  });

  test('422 NO_SUCH_CAPABILITY, with an explanation of what could be', async () => {
    const reply = await server.call('POST', '/v1/leases', { tenant: 'a', tools: ['juggling'] });
    expect(reply.json).toMatchObject({
      status: 422,
      code: 'NO_SUCH_CAPABILITY',
      detail: expect.stringMatching(/juggling/),
    });
  });

  test('409 TENANT_AT_LIMIT', async () => {
    const reply = await server.call('POST', '/v1/leases', { tenant: 'a', count: 5 });
    expect(reply.json).toMatchObject({ status: 409, code: 'TENANT_AT_LIMIT' });
  });

  test('400: a group beside leases that do not exist', async () => {
    const reply = await server.call('POST', '/v1/leases', {
      tenant: 'a',
      agents_near: ['lse-9-9'],
    });
    expect(reply.json).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(reply.json.errors[0].path).toMatch(/^\/agents_near/);
  });
});

describe('with an idempotency key', () => {
  test('the same answer again, and 422 for another body', async () => {
    const body = { tenant: 'idem', tools: ['music'], metadata: { a: 1, b: 2 } };
    const first = await server.call('POST', '/v1/leases', body, key('k1'));
    expect(first.status).toBe(201);
    const reordered = { metadata: { b: 2, a: 1 }, tools: ['music'], tenant: 'idem' };
    const again = await server.call('POST', '/v1/leases', reordered, key('k1'));
    expect([again.status, again.text]).toEqual([201, first.text]);
    const other = await server.call('POST', '/v1/leases', { ...body, purpose: 'x' }, key('k1'));
    expect(other.json).toMatchObject({ status: 422, code: 'IDEMPOTENCY_MISMATCH' });
    await server.call('DELETE', `/v1/leases/${first.json.leases[0].lease_id}`);
    // Also when the lease has ended: the answer is that of the first time.
    expect((await server.call('POST', '/v1/leases', body, key('k1'))).text).toBe(first.text);
  });
});

describe('a lease', () => {
  test('is read, reported, renewed and released, twice with the same answer', async () => {
    const { lease_id: id, token } = await granted({ tenant: 'life' });
    const path = `/v1/leases/${id}`;
    expect((await server.call('GET', path)).json).toMatchObject({
      lease_id: id,
      state: 'allocated',
    });
    const active = await server.call('POST', `${path}/state`, { state: 'active', token });
    expect(active.json).toMatchObject({ state: 'active', token });
    const again = await server.call('POST', `${path}/state`, { state: 'active', token });
    expect(again.json.last_activity_at >= active.json.last_activity_at).toBe(true);
    expect((await server.call('POST', `${path}/state`, { state: 'idle', token })).json.state).toBe(
      'idle',
    );
    const released = await server.call('DELETE', path);
    expect(released.status).toBe(200);
    expect(released.json).toMatchObject({ state: 'released', reason: 'released' });
    expect(released.json.released_at).toEqual(expect.any(String));
    const repeated = await server.call('DELETE', path);
    expect([repeated.status, repeated.text]).toEqual([200, released.text]);
  });

  test('409 for a token that is not its own, and for a step after its end', async () => {
    const { lease_id: id, token } = await granted({ tenant: 'stale' });
    const report = (body: object) => server.call('POST', `/v1/leases/${id}/state`, body);
    expect((await report({ state: 'active', token: token + 1 })).json).toMatchObject({
      status: 409,
      code: 'LEASE_TOKEN_STALE',
    });
    await server.call('DELETE', `/v1/leases/${id}`);
    expect((await report({ state: 'active', token })).json).toMatchObject({
      status: 409,
      code: 'INVALID_TRANSITION',
    });
  });

  test('is listed by tenant, agent and state, page by page', async () => {
    const leases = [];
    for (let i = 0; i < 4; i += 1) leases.push(await granted({ tenant: 'pages', reuse: false }));
    const ids = leases.map(({ lease_id }) => lease_id).toSorted();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { json } = await server.call('GET', `/v1/leases?tenant=pages&limit=3${from}`);
      seen.push(...json.items.map((lease: { lease_id: string }) => lease.lease_id));
      cursor = json.next_cursor;
    }
    expect(seen.toSorted()).toEqual(ids);
    const [first] = leases;
    const byAgent = await server.call('GET', `/v1/leases?agent_id=${first?.agent_id}`);
    expect(byAgent.json.items).toHaveLength(1);
    expect((await server.call('GET', '/v1/leases?state=active')).json.items).toEqual([]);
    for (const id of ids) await server.call('DELETE', `/v1/leases/${id}`);
    const ended = await server.call('GET', '/v1/leases?tenant=pages&state=released');
    expect(
      ended.json.items.map((lease: { lease_id: string }) => lease.lease_id).toSorted(),
    ).toEqual(ids);
  });
});

describe('a tenant', () => {
  test('has leases, warm agents and a pattern of use', async () => {
    const lease = await granted({ tenant: 'guild/7' });
    const { json } = await server.call('GET', '/v1/tenants/guild%2F7');
    expect(json).toMatchObject({
      tenant: 'guild/7',
      leases: [{ lease_id: lease.lease_id }],
      tickets: [],
      memberships: [],
    });
    expect(json.usage.grants_by_hour.reduce((sum: number, n: number) => sum + n, 0)).toBe(1);
    await server.call('DELETE', `/v1/leases/${lease.lease_id}`);
    const after = await server.call('GET', '/v1/tenants/guild%2F7');
    expect(after.json).toMatchObject({ leases: [], warm_agents: [lease.agent_id] });
  });

  test('that nobody knows has nothing', async () => {
    const { status, json } = await server.call('GET', '/v1/tenants/nobody');
    expect([status, json.leases, json.usage.grants_by_hour.length]).toEqual([200, [], 24]);
  });
});
