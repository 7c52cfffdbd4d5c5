import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../../src/protocol/problem.ts';
import { checkOf } from '../../src/protocol/validate.ts';
import { rawRequest, sendRaw } from './raw.ts';
import { start, type TestServer } from './support.ts';

let server: TestServer;

beforeAll(async () => {
  server = await start();
});
afterAll(() => server.stop());

const JSON_TYPE = 'content-type: application/json';
const MIB = 1024 * 1024;
const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const lease = (body: string | Buffer, headers = [JSON_TYPE]) =>
  rawRequest('POST', '/v1/leases', body, headers);
const get = (path: string, headers: string[] = []) => rawRequest('GET', path, '', headers);

describe('every bad request gets a clean answer', () => {
  test.each<[string, string | Buffer, number, string, RegExp]>([
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'INVALID_REQUEST', /not a valid HTTP request/],
    [
      'a length that is none',
      'POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n',
      400,
      'INVALID_REQUEST',
      /not a valid HTTP/,
    ],
    [
      'two lengths',
      'POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      400,
      'INVALID_REQUEST',
      /not a valid HTTP/,
    ],
    ['broken percent-encoding', get('/v1/agents/%zz'), 400, 'INVALID_REQUEST', /percent-encoded/],
    [
      'percent-encoding that is not UTF-8',
      get('/v1/agents/%ff%fe'),
      400,
      'INVALID_REQUEST',
      /percent-encoded/,
    ],
    ['a NUL in the path', get('/v1/agents/%00'), 400, 'INVALID_REQUEST', /agent_id/],
    ['dots in the path', get('/v1/agents/..'), 400, 'INVALID_REQUEST', /agent_id/],
    ['a slash in an agent id', get('/v1/agents/a%2Fb'), 400, 'INVALID_REQUEST', /agent_id/],
    ['an empty id', get('/v1/agents/'), 400, 'INVALID_REQUEST', /agent_id: must not be empty/],
    [
      'a huge id',
      get(`/v1/agents/${'x'.repeat(10_000)}`),
      400,
      'INVALID_REQUEST',
      /at most 128 characters; it has 10000/,
    ],
    ['a huge tenant', get(`/v1/tenants/${'x'.repeat(129)}`), 400, 'INVALID_REQUEST', /at most 128/],
    ['a huge path', get(`/v1/agents/${'x'.repeat(20_000)}`), 413, 'TOO_LARGE', /16 KiB/],
    ['an unknown path', get('/v1/leeses'), 404, 'NOT_FOUND', /Did you mean \/v1\/leases\?/],
    [
      'an unknown path with a body',
      rawRequest('POST', '/nope', 'x', ['content-type: text/plain']),
      404,
      'NOT_FOUND',
      /no call/,
    ],
    [
      'a wrong method',
      rawRequest('PUT', '/v1/leases', '{}'),
      405,
      'METHOD_NOT_ALLOWED',
      /takes GET, HEAD, POST/,
    ],
    [
      'a wrong method with a body',
      rawRequest('PUT', '/v1/leases', 'x', ['content-type: text/plain']),
      405,
      'METHOD_NOT_ALLOWED',
      /takes/,
    ],
    [
      'an odd method',
      rawRequest('PROPFIND', '/v1/leases/x'),
      405,
      'METHOD_NOT_ALLOWED',
      /DELETE, GET, HEAD/,
    ],
    [
      'another content type',
      lease('x', ['content-type: text/plain']),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /application\/json/,
    ],
    ['no content type', lease('{}', []), 415, 'UNSUPPORTED_MEDIA_TYPE', /application\/json/],
    [
      'another charset',
      lease('{}', [`${JSON_TYPE}; charset=utf-16`]),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /UTF-8/,
    ],
    [
      'a compressed body',
      lease('{}', [JSON_TYPE, 'content-encoding: gzip']),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /compressed/,
    ],
    ['broken UTF-8', lease(Buffer.from([0x7b, 0xff])), 400, 'INVALID_REQUEST', /not valid UTF-8/],
    ['no body', lease(''), 400, 'INVALID_REQUEST', /is required/],
    [
      'broken JSON',
      lease('{"tenant": }'),
      400,
      'INVALID_REQUEST',
      /unexpected "}" at position 11 \(line 1, column 12\)/,
    ],
    ['cut JSON', lease('{"tenant"'), 400, 'INVALID_REQUEST', /ends too soon/],
    ['a flat body', lease('"x"'), 400, 'INVALID_REQUEST', /must be an object/],
    ['null', lease('null'), 400, 'INVALID_REQUEST', /must be an object, not null/],
    [
      'a prototype',
      lease('{"tenant":"a","__proto__":{}}'),
      400,
      'INVALID_REQUEST',
      /__proto__: is not allowed/,
    ],
    [
      'a prototype in disguise',
      lease('{"tenant":"a","metadata":{"\\u005f_proto__":1}}'),
      400,
      'INVALID_REQUEST',
      /not allowed/,
    ],
    [
      'a constructor',
      lease('{"tenant":"a","constructor":{"prototype":{}}}'),
      400,
      'INVALID_REQUEST',
      /unknown field "constructor"/,
    ],
    [
      'deep metadata',
      lease(`{"tenant":"a","metadata":${deep(150_000)}}`),
      400,
      'INVALID_REQUEST',
      /deeper than 32/,
    ],
    ['a deep array', lease('['.repeat(500_000)), 400, 'INVALID_REQUEST', /ends too soon/],
    [
      'a number beyond 2^53',
      rawRequest('POST', '/v1/leases/x/state', '{"token":90071992547409931,"state":"idle"}'),
      400,
      'INVALID_REQUEST',
      /token: must be from 1/,
    ],
    [
      'an infinite number',
      lease('{"tenant":"a","count":1e999}'),
      400,
      'INVALID_REQUEST',
      /count: must be a whole number/,
    ],
    [
      'a NUL in a tenant',
      lease('{"tenant":"a\\u0000"}'),
      400,
      'INVALID_REQUEST',
      /tenant: must not contain control/,
    ],
    [
      'half a surrogate pair',
      lease('{"tenant":"\\ud800"}'),
      400,
      'INVALID_REQUEST',
      /broken Unicode/,
    ],
    ['a body of more than a MiB', lease(`"${'x'.repeat(MIB)}"`), 413, 'TOO_LARGE', /1 MiB/],
    [
      'heartbeats of more than two',
      rawRequest('POST', '/v1/heartbeats', ' '.repeat(2 * MIB + 1)),
      413,
      'TOO_LARGE',
      /2 MiB/,
    ],
    [
      'agents of more than eight',
      rawRequest('POST', '/v1/agents', ' '.repeat(8 * MIB + 1)),
      413,
      'TOO_LARGE',
      /8 MiB/,
    ],
    [
      'a body where none belongs',
      rawRequest('POST', '/v1/agents/a/drain', '{"now":true}'),
      400,
      'INVALID_REQUEST',
      /unknown field "now"/,
    ],
    [
      'an unknown parameter',
      get('/v1/leases?tennant=a'),
      400,
      'INVALID_REQUEST',
      /did you mean "tenant"/,
    ],
    [
      'a parameter where none belongs',
      rawRequest('POST', '/v1/leases?x=1', '{"tenant":"a"}'),
      400,
      'INVALID_REQUEST',
      /unknown query parameter "x"/,
    ],
    [
      'a broken parameter',
      get('/v1/leases?limit=abc'),
      400,
      'INVALID_REQUEST',
      /limit: must be a whole number/,
    ],
    [
      'a parameter with broken encoding',
      get('/v1/leases?tenant=%f'),
      400,
      'INVALID_REQUEST',
      /percent-encoding/,
    ],
    ['a cursor of nobody', get('/v1/agents?cursor=zzz'), 400, 'INVALID_REQUEST', /next_cursor/],
    [
      'a long idempotency key',
      lease('{"tenant":"a"}', [JSON_TYPE, `idempotency-key: ${'k'.repeat(256)}`]),
      400,
      'INVALID_REQUEST',
      /Idempotency-Key: must have at most 255/,
    ],
    [
      'an odd idempotency key',
      lease('{"tenant":"a"}', [JSON_TYPE, 'idempotency-key: \u00e9']),
      400,
      'INVALID_REQUEST',
      /printable ASCII/,
    ],
    [
      'a page of another site',
      lease('{"tenant":"a"}', [JSON_TYPE, 'origin: https://evil.example']),
      403,
      'FORBIDDEN',
      /evil\.example/,
    ],
    [
      'a form of another site',
      rawRequest('POST', '/v1/agents/a/drain', '', ['sec-fetch-site: cross-site']),
      403,
      'FORBIDDEN',
      /another site/,
    ],
    [
      'a rebound name',
      lease('{"tenant":"a"}', [JSON_TYPE, 'origin: http://localhost.evil']),
      403,
      'FORBIDDEN',
      /evil/,
    ],
    ['an unknown lease', get('/v1/leases/lse-9-9'), 404, 'NOT_FOUND', /no lease "lse-9-9"/],
    ['an unknown ticket', get('/v1/tickets/x'), 404, 'NOT_FOUND', /no ticket/],
    ['an unknown agent', get('/v1/agents/x'), 404, 'NOT_FOUND', /no agent/],
    ['an unknown error code', get('/errors/NOPE'), 404, 'NOT_FOUND', /no error code/],
  ])('%s', async (_, bytes, status, code, detail) => {
    const reply = await sendRaw(server.port, bytes);
    expect(reply.head).toMatch(/content-type: application\/problem\+json/i);
    const problem = JSON.parse(reply.body);
    expect(problem).toMatchObject({ status, code, detail: expect.stringMatching(detail) });
    expect(reply.status).toBe(status);
    expect(checkOf(Problem).explain(problem)).toBeNull();
    expect(reply.body).not.toMatch(/at .*\.[jt]s:\d|node_modules|Error:/);
  });
});
