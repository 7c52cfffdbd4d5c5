import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rawRequest, sendRaw } from './raw.ts';
import { start, type TestServer } from './support.ts';

let server: TestServer;
const logged: string[] = [];

beforeAll(async () => {
  server = await start({ log: (line) => logged.push(line) });
});
afterAll(() => server.stop());

describe('bad requests', () => {
  test('a wrong method is told the right ones', async () => {
    const { head } = await sendRaw(server.port, rawRequest('DELETE', '/v1/leases'));
    expect(head).toMatch(/\r\nallow: GET, HEAD, POST(\r\n|$)/i);
    const events = await sendRaw(server.port, rawRequest('HEAD', '/v1/events'));
    expect(events.head).toMatch(/ 405 (.|\r\n)*\r\nallow: GET(\r\n|$)/i);
  });

  test('a chunked body that never ends is cut at the limit', async () => {
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const head = `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
    const { status } = await sendRaw(server.port, head + chunk.repeat(40));
    expect(status).toBe(413);
  });

  test('an empty body does no harm where none is needed', async () => {
    for (const [method, path] of [
      ['DELETE', '/v1/leases/x'],
      ['POST', '/v1/agents/x/resume'],
      ['POST', '/v1/agents/x/heartbeat'],
      ['DELETE', '/v1/agents/x'],
    ] as const) {
      expect((await sendRaw(server.port, rawRequest(method, path))).status).toBe(404);
    }
  });

  test('all faults of all parts come at once', async () => {
    const reply = await server.call(
      'POST',
      '/v1/leases?x=1',
      { tenant: '', count: 'many', zebra: 1, tools: [7] },
      { 'idempotency-key': 'x'.repeat(300) },
    );
    expect(reply.json.errors.map(({ path }: { path: string }) => path).toSorted()).toEqual(
      ['/Idempotency-Key', '/count', '/tenant', '/tools/0', '/x', '/zebra'].toSorted(),
    );
  });

  test('a long list of faults is cut and counted', async () => {
    const agents = Array.from({ length: 300 }, () => ({ agent_id: '' }));
    const { json } = await server.call('POST', '/v1/agents', agents);
    expect(json.errors).toHaveLength(100);
    expect(json).toMatchObject({ errors_total: 300, detail: expect.stringMatching(/300 faults/) });
    expect(json.errors[99]).toEqual({ path: '/99/agent_id', message: 'must not be empty' });
  });

  test('nothing of all this was worth an error in the log', () => {
    expect(logged.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });
});

describe('odd but good', () => {
  test.each(['guild/1', 'a b', '日本', '🐎', 'ÅÄÖ?&=#%', '..', '__proto__', 'constructor'])(
    'the tenant %j',
    async (tenant) => {
      // A client would take two dots for a step up.
      const encoded = encodeURIComponent(tenant);
      const { status, body } = await sendRaw(
        server.port,
        rawRequest('GET', `/v1/tenants/${encoded}`, '', []),
      );
      expect(status).toBe(200);
      expect(JSON.parse(body)).toMatchObject({ tenant, leases: [] });
    },
  );

  test('128 characters outside the basic plane', async () => {
    const tenant = '🐎'.repeat(128);
    const { status } = await server.call('GET', `/v1/tenants/${encodeURIComponent(tenant)}`);
    expect(status).toBe(200);
  });

  test('an own page may call, and a link from another site may lead here', async () => {
    const own = { origin: server.url, 'sec-fetch-site': 'same-origin' };
    expect((await server.call('POST', '/v1/agents', [], own)).status).toBe(201);
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await server.call('GET', '/', undefined, link)).status).toBe(200);
  });
});
