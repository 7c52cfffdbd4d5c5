import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotReadyError, type PoolHost } from '../../src/host/host-api.ts';
import { ENDPOINTS } from '../../src/protocol/endpoints.ts';
import { ERRORS } from '../../src/protocol/errors.ts';
import { serve } from '../../src/server/main.ts';
import { readVersion } from '../../src/server/version.ts';
import { rawRequest, sendRaw } from './raw.ts';
import { start, type TestServer, testConfig } from './support.ts';

let server: TestServer;

describe('the service', () => {
  beforeAll(async () => {
    server = await start();
    await server.call('POST', '/v1/agents', [
      { agent_id: 'a', specialization: 'voice', slots: 3 },
      { agent_id: 'b', specialization: 'text' },
    ]);
    await server.call('POST', '/v1/leases', {
      tenant: 't',
      purpose: 'music',
      specialization: 'voice',
    });
    await server.call('POST', '/v1/leases', {
      tenant: 'u',
      purpose: 'invented',
      specialization: 'voice',
    });
  });
  afterAll(() => server.stop());

  test('is alive and ready', async () => {
    const alive = await server.call('GET', '/healthz');
    expect([alive.status, alive.json]).toEqual([200, { status: 'ok', version: readVersion() }]);
    expect((await server.call('GET', '/readyz')).json.status).toBe('ready');
  });

  test('gives its figures', async () => {
    const { json } = await server.call('GET', '/v1/stats');
    expect(json).toMatchObject({
      version: readVersion(),
      agents: {
        total: 2,
        by_health: { healthy: 2, degraded: 0, unhealthy: 0 },
        by_specialization: { voice: { total: 1, slots: 3, used_slots: 2 } },
      },
      leases: { total: 2, by_purpose: { music: 1, invented: 1 } },
      queue: { length: 0, oldest_sec: 0 },
      counters: { requests: 2, granted: 2 },
      slots: 4,
      used_slots: 2,
      utilization: 0.5,
    });
  });

  test('gives them to Prometheus, and no label that a client has made up', async () => {
    const { status, headers, text } = await server.call('GET', '/metrics');
    expect([status, headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    for (const line of [
      'remuda_agents 2',
      'remuda_agents_by_phase{phase="available"} 2',
      'remuda_specialization_used_slots{specialization="voice"} 2',
      'remuda_leases_by_purpose{purpose="music"} 1',
      'remuda_leases_by_purpose{purpose="other"} 1',
      'remuda_utilization_ratio 0.5',
      'remuda_leases_granted_total 2',
      'remuda_lease_request_seconds_count{outcome="granted"} 2',
      'remuda_ready 1',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
    expect(text).not.toContain('invented');
    const names = [...text.matchAll(/^([a-z_]+)[ {]/gm)].map(([, name]) => name ?? '');
    expect(names.filter((name) => !name.startsWith('remuda_'))).toEqual([]);
    expect((await server.call('GET', '/metrics')).text).toContain(
      '\nremuda_leases_granted_total 2\n',
    );
  });

  test('describes itself', async () => {
    const { json } = await server.call('GET', '/openapi.json');
    expect(json.openapi).toBe('3.1.0');
    for (const { path, method } of ENDPOINTS) {
      expect(json.paths[path]?.[method.toLowerCase()], `${method} ${path}`).toBeDefined();
      // Every endpoint that is described is there: a wrong method would be a 405, a wrong path a 404.
      const concrete = path.replaceAll(/\{\w+\}/g, 'x');
      const { body } = await sendRaw(server.port, rawRequest('OPTIONS', concrete));
      expect(body, concrete).toContain('METHOD_NOT_ALLOWED');
    }
  });

  test('has pages for people, of which none needs another host', async () => {
    const home = await server.call('GET', '/');
    expect(home.headers.get('content-type')).toMatch(/^text\/html/);
    expect(home.text).toContain('Remuda');
    expect(home.text).not.toMatch(/https?:\/\//);
    const docs = await server.call('GET', '/docs');
    expect([docs.status, docs.text.includes('swagger-ui')]).toEqual([200, true]);
    expect((await server.call('GET', '/docs/json')).json.info.title).toBe('Remuda');
    expect((await fetch(`${server.url}/docs/static/swagger-ui.css`)).status).toBe(200);
    for (const code of Object.keys(ERRORS)) {
      expect((await server.call('GET', `/errors/${code}`)).text).toContain(`# ${code}`);
    }
  });

  test('answers HEAD', async () => {
    const reply = await server.call('HEAD', '/healthz');
    expect([reply.status, reply.text]).toEqual([200, '']);
  });

  test('lists alerts', async () => {
    expect((await server.call('GET', '/v1/alerts')).json).toEqual({ items: [], next_cursor: null });
    expect((await server.call('GET', '/v1/alerts?limit=5&cursor=3')).json.items).toEqual([]);
  });
});

describe('a pool that is not ready', () => {
  const detail = 'journal unwritable: no space left on /data';
  const host: PoolHost = {
    execute: () => Promise.reject(new NotReadyError(detail)),
    executeAll: () => Promise.reject(new NotReadyError(detail)),
    read: async (query) => query({ lease: () => null, stats: () => null } as never),
    onCommitted: () => () => {},
    history: () => {
      throw new Error('not asked for');
    },
    readiness: () => ({ ready: false, detail }),
    close: async () => {},
  };

  beforeAll(async () => {
    server = await start({ host });
  });
  afterAll(() => server.stop());

  test('503 NOT_READY with the reason and when to come back', async () => {
    const calls: [string, string, unknown?][] = [
      ['POST', '/v1/leases', { tenant: 'a' }],
      ['DELETE', '/v1/leases/x'],
      ['POST', '/v1/agents', { agent_id: 'a' }],
      ['POST', '/v1/heartbeats', { agents: [] }],
      ['GET', '/readyz'],
      ['GET', '/v1/events'],
    ];
    for (const [method, path, body] of calls) {
      const reply = await server.call(method, path, body);
      expect(reply.json, path).toMatchObject({
        status: 503,
        code: 'NOT_READY',
        retry_after_sec: 1,
      });
      expect(reply.json.detail).toContain('no space left');
      expect(reply.headers.get('retry-after')).toBe('1');
    }
  });

  test('is alive all the same, and can be read', async () => {
    expect((await server.call('GET', '/healthz')).status).toBe(200);
    expect((await server.call('GET', '/v1/leases/x')).status).toBe(404);
    expect((await server.call('GET', '/metrics')).text).toContain('\nremuda_ready 0\n');
  });
});

describe('a pool that is being opened', () => {
  test('says so, and takes commands as soon as it can', async () => {
    const opening = Promise.withResolvers<PoolHost>();
    const logger = pino({ level: 'silent' });
    const starting = await serve({ config: testConfig(), logger, host: opening.promise });
    const get = async (path: string) => {
      const response = await fetch(starting.url + path);
      return { status: response.status, body: await response.text() };
    };
    expect((await get('/healthz')).status).toBe(200);
    for (const path of [
      '/readyz',
      '/v1/stats',
      '/v1/leases/x',
      '/v1/events',
      '/v1/events?last_event_id=0',
    ]) {
      const { status, body } = await get(path);
      expect([path, status]).toEqual([path, 503]);
      expect(JSON.parse(body)).toMatchObject({
        code: 'NOT_READY',
        detail: 'The pool is starting: it is reading its journal.',
      });
    }
    expect((await get('/metrics')).body).toContain('remuda_ready 0');
    server = await start();
    opening.resolve(server.host);
    await starting.ready;
    expect((await get('/readyz')).status).toBe(200);
    expect((await get('/v1/stats')).status).toBe(200);
    await starting.stop();
    await server.stop();
  });

  test('can be stopped before it is open', async () => {
    const opening = Promise.withResolvers<PoolHost>();
    const logger = pino({ level: 'silent' });
    const starting = await serve({ config: testConfig(), logger, host: opening.promise });
    await starting.stop();
    let isClosed = false;
    const close = async () => {
      isClosed = true;
    };
    opening.resolve({ close } as unknown as PoolHost);
    await expect(starting.ready).rejects.toThrow('stopping');
    expect(isClosed).toBe(true);
  });
});

describe('a fault of our own', () => {
  const logged: string[] = [];
  const host = {
    execute: () => Promise.reject(new Error('the secret inside')),
    read: () => Promise.reject(new TypeError('undefined is not a horse')),
    onCommitted: () => () => {},
    readiness: () => ({ ready: true, detail: 'ready' }),
    close: async () => {},
  } as unknown as PoolHost;

  beforeAll(async () => {
    server = await start({ host, log: (line) => logged.push(line) });
  });
  afterAll(() => server.stop());

  test('500 INTERNAL with an id that is in the log, and nothing else', async () => {
    const reply = await server.call('POST', '/v1/leases', { tenant: 'a' });
    expect(reply.json).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(reply.text).not.toMatch(/secret inside|\.ts|stack/);
    const id = /[0-9a-f-]{36}/.exec(reply.json.detail)?.[0] ?? '';
    const line = logged.map((text) => JSON.parse(text)).find((entry) => entry.id === id);
    expect(line).toMatchObject({
      level: 50,
      component: 'http',
      err: { message: 'the secret inside' },
    });
    expect((await server.call('GET', '/v1/agents/x')).json.code).toBe('INTERNAL');
  });
});
