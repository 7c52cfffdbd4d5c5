import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommittedEvent, PoolHost } from '../host/host-api.ts';
import { EventStreams } from './event-streams.ts';

const STALL_MS = 300;

/** A journal of events about agents with long names, and whoever listens to it. */
function fakeHost() {
  const kept: CommittedEvent[] = [];
  let listener: (events: readonly CommittedEvent[]) => void = () => {};
  const host = {
    onCommitted: (next: typeof listener) => {
      listener = next;
      return () => {};
    },
    async *history(from: number) {
      yield* kept.slice(from - 1);
    },
  } as unknown as PoolHost;
  const commit = (count: number) => {
    const events = Array.from({ length: count }, (_, i): CommittedEvent => {
      const agent = `agent-${'x'.repeat(1_000)}`;
      return { number: kept.length + i + 1, event: { type: 'agent_retired', at: 0, agent } };
    });
    kept.push(...events);
    listener(events);
  };
  return { host, commit };
}

describe('a stream', () => {
  let fake: ReturnType<typeof fakeHost>;
  let streams: EventStreams;
  let server: Server;

  beforeEach(async () => {
    fake = fakeHost();
    streams = new EventStreams(fake.host, pino({ level: 'silent' }), STALL_MS);
    server = createServer((_, response) => streams.open(response, null, null));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    streams.stop();
    server.closeAllConnections();
    server.close();
  });

  /** A client whose reading the test turns on and off. */
  async function client() {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let text = '';
    let isClosed = false;
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('close', () => {
      isClosed = true;
    });
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    while (!text.includes('connected')) await sleep(5);
    return {
      socket,
      ids: () => [...text.matchAll(/^id: (\d+)\n/gm)].map(([, id]) => Number(id)),
      isClosed: () => isClosed,
    };
  }

  async function until(condition: () => boolean): Promise<void> {
    for (let tries = 0; tries < 300 && !condition(); tries += 1) await sleep(10);
    expect(condition()).toBe(true);
  }

  const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

  test('that reads survives a batch far beyond its buffer, without a gap', async () => {
    const { ids } = await client();
    fake.commit(10_000);
    fake.commit(10);
    await until(() => ids().length >= 10_010);
    fake.commit(10);
    await until(() => ids().length >= 10_020);
    expect(ids()).toEqual(upTo(10_020));
  });

  test('that pauses for a moment goes on where it was', async () => {
    const { socket, ids, isClosed } = await client();
    socket.pause();
    for (let i = 0; i < 20; i += 1) fake.commit(1_000);
    await sleep(STALL_MS / 3);
    socket.resume();
    await until(() => ids().length >= 20_000);
    expect([ids(), isClosed()]).toEqual([upTo(20_000), false]);
  });

  test('that does not read is cut off, and holds no more than its buffer till then', async () => {
    const { socket } = await client();
    socket.pause();
    expect(streams.size).toBe(1);
    for (let i = 0; i < 20; i += 1) fake.commit(1_000);
    await until(() => streams.size === 0);
  });
});
