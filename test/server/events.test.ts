import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PoolEvent } from '../../src/protocol/event-schemas.ts';
import { checkOf } from '../../src/protocol/validate.ts';
import { start, type TestServer } from './support.ts';

let server: TestServer;
const controllers: AbortController[] = [];

beforeEach(async () => {
  server = await start();
});
afterEach(async () => {
  for (const controller of controllers.splice(0)) controller.abort();
  await server.stop();
});

interface Frame {
  readonly id: number;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: events of every type.
  readonly data: any;
}

/** Reads frames until there are `count` of them. */
async function follow(query: string, headers: { [name: string]: string } = {}) {
  const controller = new AbortController();
  controllers.push(controller);
  const response = await fetch(`${server.url}/v1/events${query}`, {
    headers,
    signal: controller.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const frames: Frame[] = [];
  let rest = '';
  return async (count: number): Promise<Frame[]> => {
    while (frames.length < count) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) throw new Error(`the stream ended after ${frames.length} events`);
      const texts = (rest + value).split('\n\n');
      rest = texts.pop() ?? '';
      frames.push(...texts.filter((text) => text.startsWith('id:')).map(toFrame));
    }
    return frames;
  };
}

const isEvent = checkOf(PoolEvent);

function toFrame(text: string): Frame {
  const fields = Object.fromEntries(text.split('\n').map((line) => line.split(/: (.*)/s)));
  const data = JSON.parse(fields.data ?? '');
  expect(isEvent.accepts(data)).toBe(true);
  expect(data.type).toBe(fields.event);
  return { id: Number(fields.id), event: fields.event ?? '', data };
}

const register = (...ids: string[]) =>
  server.call(
    'POST',
    '/v1/agents',
    ids.map((agent_id) => ({ agent_id })),
  );

describe('events', () => {
  test('come as they happen', async () => {
    const events = await follow('');
    await register('a');
    const { json } = await server.call('POST', '/v1/leases', { tenant: 't', metadata: { x: 1 } });
    const frames = await events(2);
    expect(frames.map(({ event }) => event)).toEqual(['agent_registered', 'lease_granted']);
    expect(frames[1]?.data).toMatchObject({
      lease_id: json.leases[0].lease_id,
      tenant: 't',
      agent_id: 'a',
      idle_timeout_sec: 900,
      metadata: { x: 1 },
    });
  });

  test('can be resumed, with the header as with the query, without a gap', async () => {
    await register('a', 'b', 'c', 'd');
    const first = (await (await follow('?last_event_id=0'))(4)).map(({ id }) => id);
    expect(first).toEqual([1, 2, 3, 4]);
    const resumed = await follow('?last_event_id=0', { 'last-event-id': '2' });
    await register('e');
    expect((await resumed(3)).map(({ data }) => data.agent_id)).toEqual(['c', 'd', 'e']);
  });

  test('lose nothing and repeat nothing while much is happening', async () => {
    await register(...Array.from({ length: 500 }, (_, i) => `a${i}`));
    const writing = (async () => {
      for (let i = 0; i < 40; i += 1)
        await register(...Array.from({ length: 50 }, (_, j) => `b${i}_${j}`));
    })();
    const events = await follow('?last_event_id=0');
    const late = await follow('?last_event_id=100');
    await writing;
    const expected = Array.from({ length: 2_500 }, (_, i) => i + 1);
    expect((await events(2_500)).map(({ id }) => id)).toEqual(expected);
    expect((await late(2_400)).map(({ id }) => id)).toEqual(expected.slice(100));
  });

  test('can be filtered', async () => {
    const live = await follow('?types=lease_ended,lease_granted');
    await register('a');
    const { json } = await server.call('POST', '/v1/leases', { tenant: 't' });
    await server.call('DELETE', `/v1/leases/${json.leases[0].lease_id}`);
    expect((await live(2)).map(({ event }) => event)).toEqual(['lease_granted', 'lease_ended']);
    const past = await follow('?types=lease_ended&last_event_id=0');
    expect((await past(1)).map(({ event }) => event)).toEqual(['lease_ended']);
  });

  test('of an unknown type are refused', async () => {
    const { json } = await server.call('GET', '/v1/events?types=lease_grantd,answer_kept');
    expect(json.errors).toEqual([
      {
        path: '/types',
        message: '"lease_grantd" is not a type of event; did you mean "lease_granted"?',
      },
      { path: '/types', message: '"answer_kept" is not a type of event' },
    ]);
    const wrong = await server.call('GET', '/v1/events', undefined, { 'last-event-id': 'x' });
    expect(wrong.json.errors[0].path).toBe('/Last-Event-ID');
  });

  test('end when the server stops', async () => {
    const events = await follow('');
    await sleep(20);
    await server.stop();
    await expect(events(1)).rejects.toThrow(/ended/);
  });

  test('survive a registration of ten thousand', async () => {
    const events = await follow('');
    await register(...Array.from({ length: 10_000 }, (_, i) => `agent-${i}`));
    await register('last');
    expect((await events(10_001)).at(-1)?.data.agent_id).toBe('last');
  });
});
