import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sealerFrom } from '../../src/server/seal.ts';
import { start, type TestServer } from './support.ts';

let server: TestServer;

describe('registration', () => {
  beforeEach(async () => {
    server = await start();
  });
  afterEach(() => server.stop());

  test('one: 201 with the agent, 200 when it was there just so', async () => {
    const body = {
      agent_id: 'bot_1',
      specialization: 'voice',
      tools: ['music', 'music', 'tts'],
      tier: 'premium',
      slots: 2,
      cost_per_hour: 0.25,
      labels: { zone: 'a' },
      protected: true,
      memberships: ['guild/1', 'guild 2'],
    };
    const first = await server.call('POST', '/v1/agents', body);
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({
      agent_id: 'bot_1',
      specialization: 'voice',
      tools: ['music', 'tts'],
      tier: 'premium',
      slots: 2,
      used_slots: 0,
      cost_per_hour: 0.25,
      labels: { zone: 'a' },
      protected: true,
      phase: 'available',
      health: 'healthy',
      load: 0,
      has_credential: false,
      leases_24h: 0,
      leases: [],
      memberships: ['guild/1', 'guild 2'],
    });
    const second = await server.call('POST', '/v1/agents', body);
    expect([second.status, second.json.registered_at]).toEqual([200, first.json.registered_at]);
  });

  test('one with its defaults', async () => {
    const { json } = await server.call('POST', '/v1/agents', { agent_id: 'a' });
    expect(json).toMatchObject({
      specialization: 'general',
      tools: [],
      tier: 'standard',
      slots: 1,
      cost_per_hour: 0,
      labels: {},
      protected: false,
    });
  });

  test('many: 201 with the counts', async () => {
    const agents = Array.from({ length: 10_000 }, (_, i) => ({ agent_id: `a${i}`, tools: ['x'] }));
    const first = await server.call('POST', '/v1/agents', agents.slice(0, 6_000));
    expect([first.status, first.json]).toEqual([201, { registered: 6_000, unchanged: 0 }]);
    const all = await server.call('POST', '/v1/agents', agents);
    expect([all.status, all.json]).toEqual([201, { registered: 4_000, unchanged: 6_000 }]);
    expect((await server.call('POST', '/v1/agents', [])).json).toEqual({
      registered: 0,
      unchanged: 0,
    });
    const tooMany = await server.call('POST', '/v1/agents', [...agents, { agent_id: 'z' }]);
    expect(tooMany.json).toMatchObject({
      code: 'INVALID_REQUEST',
      detail: 'The body: must have at most 10000 items; it has 10001.',
    });
  });

  test('all or nothing: one that differs keeps the others out', async () => {
    await server.call('POST', '/v1/agents', { agent_id: 'b' });
    const many = await server.call('POST', '/v1/agents', [
      { agent_id: 'a' },
      { agent_id: 'b', slots: 9 },
    ]);
    expect(many.json).toMatchObject({
      status: 409,
      code: 'AGENT_EXISTS',
      errors: [{ path: '/1/slots' }],
    });
    expect((await server.call('GET', '/v1/agents/a')).status).toBe(404);
    const one = await server.call('POST', '/v1/agents', { agent_id: 'b', tier: 'lite' });
    expect(one.json).toMatchObject({ code: 'AGENT_EXISTS', errors: [{ path: '/tier' }] });
  });

  test('twice in one call is refused with the place', async () => {
    const reply = await server.call('POST', '/v1/agents', [{ agent_id: 'a' }, { agent_id: 'a' }]);
    expect(reply.json).toMatchObject({
      code: 'INVALID_REQUEST',
      errors: [{ path: '/1/agent_id' }],
    });
  });

  test('a credential without a key is refused, and says what to set', async () => {
    const one = await server.call('POST', '/v1/agents', { agent_id: 'a', credential: 'SECRET' });
    expect(one.json).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ path: '/credential' }] });
    expect(one.json.errors[0].message).toMatch(/REMUDA_KEY/);
    const many = await server.call('POST', '/v1/agents', [
      { agent_id: 'a' },
      { agent_id: 'b', credential: 'SECRET' },
    ]);
    expect(many.json.errors).toEqual([
      { path: '/1/credential', message: one.json.errors[0].message },
    ]);
    expect((await server.call('GET', '/v1/agents')).json.items).toEqual([]);
  });
});

describe('credentials', () => {
  const logged: string[] = [];
  const sealer = (() => {
    const result = sealerFrom(randomBytes(32).toString('base64'));
    if (!result.ok || !result.sealer) throw new Error('no sealer');
    return result.sealer;
  })();

  beforeAll(async () => {
    server = await start({ sealer, log: (line) => logged.push(line) });
  });
  afterAll(() => server.stop());

  test('are sealed, never shown, never logged, and count as unchanged when repeated', async () => {
    const body = { agent_id: 'bot_1', credential: 'SUPERSECRET' };
    const first = await server.call('POST', '/v1/agents', body);
    expect([first.status, first.json.has_credential]).toEqual([201, true]);
    const second = await server.call('POST', '/v1/agents', body);
    expect([second.status, second.json.has_credential]).toEqual([200, true]);
    let sealed = '';
    for await (const { event } of server.host.history(1)) {
      if (event.type === 'agent_registered') sealed = event.credential ?? '';
    }
    expect(sealer.open('bot_1', sealed)).toBe('SUPERSECRET');
    const shown = [first.text, second.text, sealed, ...logged].join();
    expect(shown).not.toContain('SUPERSECRET');
    expect(first.text).not.toContain(sealed);
  });
});

describe('an agent', () => {
  beforeAll(async () => {
    server = await start();
    await server.call('POST', '/v1/agents', [
      { agent_id: 'v1', specialization: 'voice', tools: ['music'], slots: 2 },
      { agent_id: 'v2', specialization: 'voice', tools: ['tts'] },
      { agent_id: 't1', specialization: 'text', tools: ['tts'], protected: true },
    ]);
  });
  afterAll(() => server.stop());

  const ids = async (query: string) =>
    (await server.call('GET', `/v1/agents${query}`)).json.items.map(
      ({ agent_id }: { agent_id: string }) => agent_id,
    );

  test('is listed by what it is, page by page', async () => {
    expect(await ids('?specialization=voice')).toEqual(['v1', 'v2']);
    expect(await ids('?tool=tts&specialization=voice')).toEqual(['v2']);
    expect(await ids('?phase=available&health=healthy')).toHaveLength(3);
    expect(await ids('?phase=draining')).toEqual([]);
    const { json } = await server.call('GET', '/v1/agents?limit=2');
    expect(json.items).toHaveLength(2);
    expect(await ids(`?limit=2&cursor=${json.next_cursor}`)).toHaveLength(1);
  });

  test('changes only in what is named', async () => {
    const { status, json } = await server.call('PATCH', '/v1/agents/v1', {
      tier: 'lite',
      labels: { a: 'b' },
    });
    expect([status, json.tier, json.labels, json.slots]).toEqual([200, 'lite', { a: 'b' }, 2]);
    const wrong = await server.call('PATCH', '/v1/agents/v1', { credential: 'x' });
    expect(wrong.json.errors[0]).toMatchObject({ path: '/credential' });
    expect((await server.call('PATCH', '/v1/agents/none', { tier: 'lite' })).status).toBe(404);
  });

  test('is heard, alone and with others', async () => {
    const all = await server.call('POST', '/v1/heartbeats', {
      agents: [['v1', 0.5], ['v2'], ['ghost']],
    });
    expect([all.status, all.json]).toEqual([200, { accepted: 2, unknown: ['ghost'] }]);
    expect((await server.call('GET', '/v1/agents/v1')).json.load).toBe(0.5);
    const one = await server.call('POST', '/v1/agents/v2/heartbeat', {
      load: 0.25,
      health: 'degraded',
    });
    expect([one.status, one.json]).toEqual([200, { accepted: 1, unknown: [] }]);
    expect((await server.call('GET', '/v1/agents/v2')).json).toMatchObject({
      load: 0.25,
      health: 'degraded',
    });
    expect(
      (await server.call('POST', '/v1/agents/v2/heartbeat', { health: 'healthy' })).status,
    ).toBe(200);
    expect((await server.call('POST', '/v1/agents/v2/heartbeat')).status).toBe(200);
    expect((await server.call('POST', '/v1/agents/ghost/heartbeat', {})).status).toBe(404);
  });

  test('is drained and resumed', async () => {
    expect((await server.call('POST', '/v1/agents/t1/drain')).json.phase).toBe('draining');
    expect(await ids('?phase=draining')).toEqual(['t1']);
    expect((await server.call('POST', '/v1/agents/t1/resume')).json.phase).toBe('available');
    expect((await server.call('POST', '/v1/agents/none/resume')).json.code).toBe('NOT_FOUND');
  });

  test('may serve a tenant, or not', async () => {
    const path = '/v1/agents/v1/memberships/guild%2F9';
    const put = await server.call('PUT', path);
    expect([put.status, put.json]).toEqual([
      200,
      { agent_id: 'v1', tenant: 'guild/9', member: true },
    ]);
    expect((await server.call('GET', '/v1/agents/v1')).json.memberships).toEqual(['guild/9']);
    expect((await server.call('GET', '/v1/tenants/guild%2F9')).json.memberships).toEqual(['v1']);
    expect((await server.call('DELETE', path)).json.member).toBe(false);
    expect((await server.call('DELETE', path)).status).toBe(200);
    expect((await server.call('PUT', '/v1/agents/none/memberships/x')).status).toBe(404);
  });

  test('leaves, at once or when its work is done', async () => {
    const { json } = await server.call('POST', '/v1/leases', {
      tenant: 'a',
      specialization: 'text',
    });
    const [{ lease_id: id, token }] = json.leases;
    await server.call('POST', `/v1/leases/${id}/state`, { state: 'active', token });
    expect((await server.call('DELETE', '/v1/agents/t1')).json).toMatchObject({
      phase: 'draining',
    });
    expect((await server.call('GET', '/v1/agents/t1')).json.leases).toEqual([id]);
    const forced = await server.call('DELETE', '/v1/agents/t1?force=true');
    expect(forced.json).toMatchObject({ phase: 'retired', leases: [] });
    expect((await server.call('GET', '/v1/agents/t1')).status).toBe(404);
    expect((await server.call('GET', `/v1/leases/${id}`)).json.state).toBe('released');
  });
});

describe('where membership is required', () => {
  beforeAll(async () => {
    server = await start({ flags: { 'pool.membership': 'required' } });
    await server.call('POST', '/v1/agents', {
      agent_id: 'm1',
      labels: { invite_url: 'https://x/m1' },
    });
  });
  afterAll(() => server.stop());

  test('409 AGENT_NOT_INSTALLED with whom to invite', async () => {
    const reply = await server.call('POST', '/v1/leases', { tenant: 'guild' });
    expect(reply.json).toMatchObject({
      status: 409,
      code: 'AGENT_NOT_INSTALLED',
      invites: [{ agent_id: 'm1' }],
    });
    await server.call('PUT', '/v1/agents/m1/memberships/guild');
    expect((await server.call('POST', '/v1/leases', { tenant: 'guild' })).status).toBe(201);
  });
});
