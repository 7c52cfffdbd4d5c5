/** A server on a free port, with the real pool on a journal in memory, and a client that checks. */
import { pino } from 'pino';
import { SystemClock } from '../../src/adapters/clock.ts';
import { openJournal } from '../../src/adapters/journals/open.ts';
import type { FleetControl } from '../../src/host/fleet-api.ts';
import { Host } from '../../src/host/host.ts';
import type { PoolHost } from '../../src/host/host-api.ts';
import type { Endpoint } from '../../src/protocol/endpoint.ts';
import { ENDPOINTS } from '../../src/protocol/endpoints.ts';
import { findFaults, type SchemaNode } from '../../src/protocol/faults.ts';
import { PROBLEM_TYPE, Problem } from '../../src/protocol/problem.ts';
import { loadConfig } from '../../src/server/config/load.ts';
import { poolOptions } from '../../src/server/config/pool-options.ts';
import type { Config } from '../../src/server/config/schema.ts';
import { type RunningServer, serve } from '../../src/server/main.ts';
import type { Sealer } from '../../src/server/seal.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly json: any;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly host: PoolHost;
  readonly server: RunningServer;
  /** Sends `body` as JSON and holds the answer to the schema of the endpoint. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: { [name: string]: string },
  ): Promise<Reply>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly flags?: { readonly [name: string]: string };
  readonly sealer?: Sealer;
  /** In place of the real pool. */
  readonly host?: PoolHost;
  /** In place of one that starts real agents. */
  readonly fleet?: FleetControl;
  readonly log?: (line: string) => void;
}

export function testConfig(flags: { readonly [name: string]: string } = {}): Config {
  const loaded = loadConfig({
    file: new URL('../../config.yaml', import.meta.url).pathname,
    env: {},
    flags: {
      port: '0',
      'journal.url': 'memory:',
      'log.file': '',
      'multi_agent.enabled': 'false',
      ...flags,
    },
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  return loaded.config;
}

export async function start({
  flags,
  sealer,
  host,
  fleet,
  log,
}: StartOptions = {}): Promise<TestServer> {
  const config = testConfig(flags);
  const pool =
    host ??
    (await Host.open({
      journal: openJournal('memory:'),
      clock: new SystemClock(),
      options: poolOptions(config),
    }));
  const logger = pino({ level: log ? 'debug' : 'silent' }, { write: log ?? (() => {}) });
  const server = await serve({ config, logger, sealer, host: pool, fleet });
  await server.ready;
  return {
    url: server.url,
    port: server.port,
    host: pool,
    server,
    call: (method, path, body, headers) => call(server.url, method, path, body, headers),
    stop: () => server.stop(),
  };
}

async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: { [name: string]: string } = {},
): Promise<Reply> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const reply = {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined,
  };
  checkShape(method, path, reply);
  return reply;
}

/** No answer may have a shape that openapi.json does not say. */
function checkShape(method: string, path: string, reply: Reply): void {
  const endpoint = endpointOf(method, path);
  const schema =
    reply.headers.get('content-type')?.startsWith(PROBLEM_TYPE) === true
      ? Problem
      : endpoint?.responses[reply.status]?.schema;
  if (schema === undefined) {
    const known = endpoint === undefined || reply.status in endpoint.responses;
    if (!known) throw new Error(`${method} ${path} is not declared to answer ${reply.status}`);
    return;
  }
  const { faults } = findFaults(schema as SchemaNode, reply.json);
  if (faults.length > 0) throw new Error(`${method} ${path}: ${JSON.stringify(faults)}`);
}

function endpointOf(method: string, path: string): Endpoint | undefined {
  const [bare = ''] = path.split('?');
  return ENDPOINTS.find((endpoint) => {
    const pattern = new RegExp(`^${endpoint.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    return endpoint.method === method && pattern.test(bare);
  });
}
