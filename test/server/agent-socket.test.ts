import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { sealerFrom } from '../../src/server/seal.ts';
import { runnerOn, type TestRunner } from './socket-client.ts';
import { start, type TestServer } from './support.ts';

const FAST = { 'pool.accept_timeout_sec': '1', 'pool.reconnect_grace_sec': '1' };

let server: TestServer;
const open: TestRunner[] = [];

beforeEach(async () => {
  server = await start({ flags: FAST });
});
afterEach(async () => {
  for (const runner of open.splice(0)) runner.socket.terminate();
  await server.stop();
});

async function runner(id = 'host-1'): Promise<TestRunner> {
  const made = await runnerOn(server.url, id);
  open.push(made);
  return made;
}

const lease = async (tenant: string, more: object = {}) =>
  (await server.call('POST', '/v1/leases', { tenant, ...more })).json;
const agent = async (id: string) => (await server.call('GET', `/v1/agents/${id}`)).json;
const read = async (id: string) => (await server.call('GET', `/v1/leases/${id}`)).json;

describe('an agent on a socket', () => {
  test('is registered by its hello, gets work, reports, and lets go', async () => {
    const host = await runner();
    const welcome = await host.hello({ agent_id: 'a', tools: ['music'], tier: 'premium' });
    expect(welcome).toMatchObject({ heartbeat_interval_sec: 30, agents: ['a'], leases: [] });
    expect(await agent('a')).toMatchObject({ phase: 'available', tools: ['music'] });

    const { leases } = await lease('guild', { tools: ['music'], metadata: { channel: '7' } });
    const work = await host.accept();
    expect(work).toMatchObject({ lease_id: leases[0].lease_id, metadata: { channel: '7' } });
    const { lease_id, token } = work;
    host.send({ type: 'state', lease_id, token, state: 'active' });
    await vi.waitFor(async () => expect(await read(lease_id)).toMatchObject({ state: 'active' }));
    host.send({ type: 'released', lease_id, token });
    await vi.waitFor(async () =>
      expect(await read(lease_id)).toMatchObject({ reason: 'released' }),
    );
    expect(host.frames).toEqual([]);
  });

  test('hears that a lease has ended', async () => {
    const host = await runner();
    await host.hello('a');
    const { leases } = await lease('guild');
    const { lease_id, token } = await host.accept();
    await server.call('DELETE', `/v1/leases/${leases[0].lease_id}`);
    expect(await host.type('release')).toEqual({
      ...{ type: 'release', lease_id, token, reason: 'released', deadline_sec: 1 },
    });
    // Its own word that it has let go is no error, though the lease is gone.
    host.send({ type: 'released', lease_id, token });
    await host.hello('a');
    expect(host.frames).toEqual([]);
  });

  test('that does not accept in time loses the work to another one', async () => {
    const [slow, quick] = [await runner('slow'), await runner('quick')];
    await slow.hello({ agent_id: 'a', tier: 'premium' });
    await quick.hello('b');
    const { leases } = await lease('guild');
    const assigned = await slow.type('assign');
    const taken = await quick.accept();
    expect(taken).toMatchObject({ lease_id: leases[0].lease_id, agent_id: 'b' });
    expect(taken.token).toBeGreaterThan(assigned.lease.token);
    expect(await slow.type('release')).toMatchObject({ reason: 'moved' });
    // What it says afterwards, as a process that was stopped would, counts for nothing.
    const { lease_id, token } = assigned.lease;
    slow.send({ type: 'accepted', lease_id, token });
    expect(await slow.type('error')).toMatchObject({ code: 'LEASE_TOKEN_STALE', lease_id });
    expect(await read(lease_id)).toMatchObject({ agent_id: 'b' });
  });

  test('that rejects its work passes it on at once', async () => {
    const [first, second] = [await runner('first'), await runner('second')];
    await first.hello({ agent_id: 'a', tier: 'premium' });
    await second.hello('b');
    await lease('guild');
    const { lease: work } = await first.type('assign');
    first.send({ type: 'rejected', lease_id: work.lease_id, token: work.token, reason: 'full' });
    expect(await second.accept()).toMatchObject({ lease_id: work.lease_id });
    expect(first.frames).toEqual([]);
  });

  test('keeps its leases when its runner comes back in time', async () => {
    const host = await runner();
    await host.hello('a');
    await lease('guild');
    const work = await host.accept();
    host.socket.terminate();
    await vi.waitFor(async () => expect(await agent('a')).toMatchObject({ phase: 'offline' }));
    const again = await runner();
    const { leases } = await again.hello('a');
    expect(leases).toMatchObject([{ lease_id: work.lease_id, token: work.token }]);
    expect(await agent('a')).toMatchObject({ phase: 'leased' });
  });

  test('gets a new token when another process takes over', async () => {
    const host = await runner('before');
    await host.hello('a');
    await lease('guild');
    const work = await host.accept();
    host.socket.terminate();
    const other = await runner('after');
    // Whether the pool has noticed the end already or finds out by itself.
    const { leases } = await other.hello('a');
    expect(leases).toMatchObject([{ lease_id: work.lease_id }]);
    expect(leases[0].token).toBeGreaterThan(work.token);
  });

  test('whose runner stays away is lost, and its leases go on with others', async () => {
    const [host, other] = [await runner('one'), await runner('two')];
    await host.hello({ agent_id: 'a', tier: 'premium' });
    await other.hello('b');
    await lease('guild');
    const work = await host.accept();
    host.socket.terminate();
    expect(await other.accept()).toMatchObject({ lease_id: work.lease_id, agent_id: 'b' });
    expect(await agent('a')).toMatchObject({ phase: 'offline', health: 'unhealthy' });
  });

  test('is hosted by one runner at a time', async () => {
    const [first, second] = [await runner('first'), await runner('second')];
    await first.hello('a');
    second.send({
      type: 'hello',
      runner_id: 'second',
      agents: [{ agent_id: 'a' }, { agent_id: 'b' }],
    });
    expect(await second.type('error')).toMatchObject({
      code: 'AGENT_ALREADY_HOSTED',
      agent_id: 'a',
    });
    expect(await second.type('welcome')).toMatchObject({ agents: ['b'] });
    await first.close();
    await vi.waitFor(async () => {
      expect(await second.hello('a')).toMatchObject({ agents: ['a'] });
    });
  });

  test('sends heartbeats and loads', async () => {
    const host = await runner();
    await host.hello('a', 'b');
    host.send({ type: 'heartbeat', agents: [['a', 0.75], ['b'], ['stranger', 0.1]] });
    expect(await host.type('error')).toMatchObject({ code: 'NOT_FOUND' });
    expect(await agent('a')).toMatchObject({ load: 0.75 });
  });

  test('tells its memberships, and is told to leave', async () => {
    const host = await runner();
    await host.hello('a');
    host.send({ type: 'memberships', agent_id: 'a', added: ['g1', 'g2'] });
    host.send({ type: 'memberships', agent_id: 'a', removed: ['g1'] });
    await vi.waitFor(async () => expect((await agent('a')).memberships).toEqual(['g2']));
    await server.call('POST', '/v1/agents/a/drain');
    expect(await host.type('drain')).toEqual({ type: 'drain', agent_id: 'a' });
  });

  test('without budget gets no work, and the explanation says so', async () => {
    const host = await runner();
    await host.hello('a');
    host.send({ type: 'budget', agent_id: 'a', available: false, reason: 'no identify left' });
    await vi.waitFor(async () => {
      const { explain } = await lease('guild', { queue: false, explain: true });
      expect(explain.rejected).toEqual({ NO_BUDGET: 1 });
    });
    host.send({ type: 'budget', agent_id: 'a', available: true });
    await vi.waitFor(async () => {
      expect(await lease('guild', { queue: false })).toMatchObject({ outcome: 'granted' });
    });
  });

  test('that is retired is told so', async () => {
    const host = await runner();
    await host.hello('a');
    await server.call('DELETE', '/v1/agents/a');
    expect(await host.type('error')).toMatchObject({ code: 'NOT_FOUND', agent_id: 'a' });
  });
});

describe('a credential', () => {
  test('goes to the runner that hosts the agent, also a new one, and to nobody else', async () => {
    const key = sealerFrom('0'.repeat(64));
    const sealer = key.ok && key.sealer ? key.sealer : undefined;
    const lines: string[] = [];
    const sealed = await start({ flags: FAST, sealer, log: (line) => lines.push(line) });
    await sealed.call('POST', '/v1/agents', [
      { agent_id: 'a', credential: 'secret-a' },
      { agent_id: 'b', credential: 'secret-b' },
    ]);
    const host = await runnerOn(sealed.url, 'host');
    open.push(host);
    expect(await host.hello('a')).toMatchObject({ credentials: { a: 'secret-a' } });
    await sealed.call('PATCH', '/v1/agents/a', { credential: 'secret-2' });
    await sealed.call('PATCH', '/v1/agents/b', { credential: 'secret-3' });
    expect(await host.type('credential')).toEqual({
      ...{ type: 'credential', agent_id: 'a', credential: 'secret-2' },
    });
    expect(host.frames).toEqual([]);
    expect(lines.join('')).not.toContain('secret');
    host.socket.terminate();
    await sealed.stop();
  });
});

describe('a runner that misbehaves', () => {
  const closes = async (frame: string | Buffer) => {
    const host = await runner();
    host.socket.send(frame);
    return host.closed;
  };

  test('is cut off with a reason', async () => {
    expect(await closes('{"type":')).toMatchObject({ code: 1008, reason: /JSON/ as never });
    expect(await closes('{"type":"hello"}')).toMatchObject({ code: 1008 });
    expect((await closes('{"type":"helo"}')).reason).toContain('did you mean "hello"');
    const early = '{"type":"accepted","lease_id":"lse-0-1","token":1}';
    expect((await closes(early)).reason).toContain('hello');
    const large = JSON.stringify({ type: 'hello', runner_id: 'x'.repeat(70_000), agents: [] });
    expect(await closes(large)).toMatchObject({ code: 1009 });
    expect(await closes(Buffer.from([1, 2, 3]))).toMatchObject({ code: 1008 });
  });

  test('is told what is wrong with a frame once it is known', async () => {
    const host = await runner();
    await host.hello('a');
    host.send({ type: 'state', lease_id: 'lse-0-1', token: 1, state: 'busy' });
    expect(await host.type('error')).toMatchObject({ code: 'INVALID_REQUEST' });
    host.send({ type: 'state', lease_id: 'lse-0-1', token: 1, state: 'idle' });
    expect(await host.type('error')).toMatchObject({ code: 'LEASE_TOKEN_STALE' });
    host.send({ type: 'hello', runner_id: 'another', agents: [{ agent_id: 'b' }] });
    expect((await host.type('error')).detail).toContain('host-1');
  });

  test('is not let in from a page of another site, nor with another protocol', async () => {
    const url = `${server.url.replace('http', 'ws')}/v1/agents/connect`;
    const status = (socket: WebSocket) =>
      new Promise((resolve) => {
        socket.once('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
        socket.once('error', () => {});
      });
    const origin = 'https://evil.example';
    expect(await status(new WebSocket(url, 'remuda.agent.v1', { origin }))).toBe(403);
    expect(await status(new WebSocket(url, 'remuda.client.v1'))).toBe(400);
    expect(await status(new WebSocket(url.replace('agents/', 'nowhere/')))).toBe(404);
  });
});
