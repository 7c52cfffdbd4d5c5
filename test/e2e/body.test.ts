/** Requests as no client library sends them, byte by byte over real sockets. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/adapters/clock.ts';
import { openJournal } from '../../src/adapters/journals/open.ts';
import { Host } from '../../src/host/host.ts';
import { poolOptions } from '../../src/server/config/pool-options.ts';
import { temporary } from '../contract/file-tools.ts';
import { start, type TestServer, testConfig } from '../server/support.ts';
import { type Answer, answersIn, answersOn, dial, post } from './line.ts';

let server: TestServer;

beforeEach(async () => {
  server = await start();
});
afterEach(() => server.stop());

const lease = (tenant: string) => post('/v1/leases', JSON.stringify({ tenant }));
const stats = async () => (await server.call('GET', '/v1/stats')).json;

async function register(count: number): Promise<void> {
  const agents = Array.from({ length: count }, (_, i) => ({ agent_id: `agent-${i}` }));
  expect((await server.call('POST', '/v1/agents', agents)).status).toBe(201);
}

describe('pipelined requests', () => {
  test('are all answered, in their order', async () => {
    await register(100);
    const line = dial(server.port);
    line.socket.write(Array.from({ length: 100 }, (_, i) => lease(`guild-${i}`)).join(''));
    const answers = await answersOn(line, 100);
    expect(answers.map(({ json }) => json.leases[0].tenant)).toEqual(
      Array.from({ length: 100 }, (_, i) => `guild-${i}`),
    );
  });

  test('wait for one before them that waits', async () => {
    await register(1);
    const line = dial(server.port);
    const waiting = JSON.stringify({ tenant: 'b', wait_sec: 30 });
    line.socket.write(lease('a') + post('/v1/leases', waiting) + lease('c'));
    const [{ json }] = (await answersOn(line, 1)) as [Answer];
    await server.call('DELETE', `/v1/leases/${json.leases[0].lease_id}`);
    const [, second, third] = await answersOn(line, 3);
    expect(second).toMatchObject({ status: 201, json: { leases: [{ tenant: 'b' }] } });
    expect(third).toMatchObject({ status: 202, json: { ticket: { tenant: 'c' } } });
  });

  test('before garbage never get the garbage’s answer', async () => {
    await register(1);
    const line = dial(server.port);
    line.socket.write(`${lease('a')}GARBAGE\r\n\r\n`);
    await line.closed;
    // The lease was granted. To be cut off says that this is not known; a 400 would deny it.
    const [first] = answersIn(line.text);
    expect(first?.status ?? 201).toBe(201);
  });

  test('behind a refused body do not run as a part of it', async () => {
    await register(1);
    const line = dial(server.port);
    const inner = lease('smuggled');
    line.socket.write(
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    );
    await line.closed;
    expect(answersIn(line.text).map(({ status }) => status)).toEqual([400]);
    expect((await stats()).leases.total).toBe(0);
  });
});

describe('a client that has said all it will say', () => {
  /** On a disk an answer takes longer than the news that the client has closed its side. */
  beforeEach(async () => {
    await server.stop();
    const host = await Host.open({
      journal: openJournal(`file:${await temporary()}`),
      clock: new SystemClock(),
      options: poolOptions(testConfig()),
    });
    server = await start({ host });
  });

  test('still gets its answer', async () => {
    await register(1);
    const line = dial(server.port, true);
    line.socket.end(lease('a'));
    const [answer] = await answersOn(line, 1);
    expect(answer).toMatchObject({ status: 201, json: { leases: [{ tenant: 'a' }] } });
    await line.closed;
  });

  test('gets all its answers', async () => {
    await register(3);
    const line = dial(server.port, true);
    line.socket.end(lease('a') + lease('b') + lease('c'));
    expect(await answersOn(line, 3)).toHaveLength(3);
    await line.closed;
  });

  test('in the middle of a body has asked for nothing', async () => {
    await register(1);
    const line = dial(server.port, true);
    line.socket.end(lease('a').slice(0, -3));
    await line.closed;
    expect(answersIn(line.text).every(({ status }) => status === 400)).toBe(true);
    expect((await stats()).leases.total).toBe(0);
  });
});

describe('a body that is too much', () => {
  test('is refused by its announcement, before it is sent', async () => {
    const line = dial(server.port);
    line.socket.write(
      'POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n',
    );
    expect(await answersOn(line, 1)).toMatchObject([{ status: 413, json: { code: 'TOO_LARGE' } }]);
  });

  test('is refused although it would wait to be asked for', async () => {
    const line = dial(server.port);
    line.socket.write(
      'POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 2000000\r\n\r\n',
    );
    for (let tries = 0; tries < 200 && !line.text.includes('413'); tries++) await sleep(10);
    expect(line.text).toContain('HTTP/1.1 413 ');
  });

  test.each([
    ['a size that is none', 'zz\r\n{}\r\n0\r\n\r\n'],
    ['a chunk longer than it says', '2\r\n{"tenant":"a"}\r\n0\r\n\r\n'],
    ['a size beyond all numbers', 'ffffffffffffffffff\r\n{}\r\n0\r\n\r\n'],
  ])('in broken chunks: %s', async (_, chunks) => {
    await register(1);
    const line = dial(server.port);
    line.socket.write(
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`,
    );
    expect(await answersOn(line, 1)).toMatchObject([{ status: 400 }]);
    await line.closed;
    expect((await stats()).leases.total).toBe(0);
  });

  test('in honest chunks, a byte each, is as good as any', async () => {
    await register(1);
    const line = dial(server.port);
    const chunks = [...'{"tenant":"a"}'].map((byte) => `1\r\n${byte}\r\n`).join('');
    line.socket.write(
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    );
    expect(await answersOn(line, 1)).toMatchObject([{ status: 201 }]);
  });
});

describe('many who never finish a request', () => {
  test('keep nobody else from being served', async () => {
    await register(10);
    const lines = Array.from({ length: 500 }, (_, i) => {
      const line = dial(server.port);
      const whole = lease(`slow-${i}`);
      line.socket.write(whole.slice(0, 20 + (i % (whole.length - 21))));
      return line;
    });
    const isUp = ({ socket }: (typeof lines)[number]) => !socket.connecting;
    while (!lines.every(isUp)) await sleep(10);
    const dripping = setInterval(() => {
      for (const { socket } of lines.slice(0, 100)) socket.write('x');
    }, 10);
    for (let i = 0; i < 10; i++) {
      expect((await server.call('POST', '/v1/leases', { tenant: `fast-${i}` })).status).toBe(201);
    }
    clearInterval(dripping);
    for (const { socket } of lines) socket.destroy();
    expect((await stats()).leases.total).toBe(10);
  });
});

describe('ten thousand agents in one call', () => {
  const many = (count: number): { [key: string]: unknown }[] =>
    Array.from({ length: count }, (_, i) => ({ agent_id: `agent-${i}`, tools: ['music'] }));

  test.each<[string, (agents: { [key: string]: unknown }[]) => void, string]>([
    [
      'a number as a text',
      (all) => Object.assign(all[7_312] as object, { slots: '3' }),
      '/7312/slots',
    ],
    ['an unknown field', (all) => Object.assign(all[9_999] as object, { slot: 3 }), '/9999/slot'],
    [
      'an id twice',
      (all) => Object.assign(all[6_000] as object, { agent_id: 'agent-5' }),
      '/6000/agent_id',
    ],
    ['none', (all) => all.splice(5_000, 1, null as never), '/5000'],
  ])('with one bad: %s; none is registered', async (_, spoil, path) => {
    const agents = many(10_000);
    spoil(agents);
    const { status, json } = await server.call('POST', '/v1/agents', agents);
    expect([status, json.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(json.errors.map((error: { path: string }) => error.path)).toEqual([path]);
    expect((await stats()).agents.total).toBe(0);
  });

  test('all good: all registered; one more is too many', async () => {
    const tooMany = await server.call('POST', '/v1/agents', many(10_001));
    expect(tooMany.json).toMatchObject({ status: 400, errors: [{ message: /10,?000/ }] });
    const { json } = await server.call('POST', '/v1/agents', many(10_000));
    expect(json).toEqual({ registered: 10_000, unchanged: 0 });
  });
});

describe('ids and numbers', () => {
  test.each<[string, string, unknown, string]>([
    ['a tenant', '/v1/leases', { tenant: 'x'.repeat(129) }, '/tenant'],
    ['a tenant of half a megabyte', '/v1/leases', { tenant: 'x'.repeat(500_000) }, '/tenant'],
    ['an agent', '/v1/agents', { agent_id: 'x'.repeat(129) }, '/agent_id'],
    ['a tool', '/v1/leases', { tenant: 'a', tools: ['x'.repeat(65)] }, '/tools/0'],
    ['a purpose', '/v1/leases', { tenant: 'a', purpose: 'x'.repeat(65) }, '/purpose'],
    [
      'a neighbour',
      '/v1/leases',
      { tenant: 'a', agents_near: ['x'.repeat(129)] },
      '/agents_near/0',
    ],
    ['an agent that is heard of', '/v1/heartbeats', { agents: [['x'.repeat(129)]] }, '/agents/0/0'],
  ])('too long: %s', async (_, path, body, place) => {
    const { status, json } = await server.call('POST', path, body);
    expect(status).toBe(400);
    expect(json.errors).toMatchObject([{ path: place, message: /at most/ }]);
    // The answer does not hurl it back.
    expect(JSON.stringify(json).length).toBeLessThan(2_000);
  });

  test.each<[string, unknown, string]>([
    ['/v1/leases', { tenant: 'a', count: '2' }, '/count'],
    ['/v1/leases', { tenant: 'a', wait_sec: '10' }, '/wait_sec'],
    ['/v1/leases', { tenant: 42 }, '/tenant'],
    ['/v1/leases', { tenant: 'a', queue: 'true' }, '/queue'],
    ['/v1/leases', { tenant: 'a', max_cost_per_hour: '0.5' }, '/max_cost_per_hour'],
    ['/v1/leases/lse-0-1/state', { state: 'idle', token: '1' }, '/token'],
    ['/v1/agents', { agent_id: 'a', slots: '3' }, '/slots'],
    ['/v1/agents', { agent_id: 'a', protected: 1 }, '/protected'],
    ['/v1/heartbeats', { agents: [['a', '0.5']] }, '/agents/0/1'],
    ['/v1/agents/a/heartbeat', { load: '0.5' }, '/load'],
  ])('not of its kind: %s %j', async (path, body, place) => {
    const { status, json } = await server.call('POST', path, body);
    expect(status).toBe(400);
    expect(json.errors.map((error: { path: string }) => error.path)).toEqual([place]);
  });
});
