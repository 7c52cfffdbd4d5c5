import { beforeEach, describe, expect, test } from 'vitest';
import type { TicketView } from '../core/outcome.ts';
import type { CommittedEvent, PoolHost } from '../host/host-api.ts';
import { Waiters } from './waiters.ts';

type State = TicketView['state'];

/** A host with tickets whose states the test sets, and events that it sends. */
function fakeHost() {
  const tickets = new Map<string, State>();
  let listener: (events: readonly CommittedEvent[]) => void = () => {};
  const pool = {
    ticket: (id: string) => {
      const state = tickets.get(id);
      return state === undefined ? null : { ticketId: id, state };
    },
  };
  const host = {
    read: async (query: (queries: never) => unknown) => query(pool as never),
    onCommitted: (next: typeof listener) => {
      listener = next;
      return () => {};
    },
  } as unknown as PoolHost;
  const end = (id: string, state: Exclude<State, 'queued'>) => {
    tickets.set(id, state);
    listener([{ number: 1, event: { type: 'ticket_ended', at: 0, ticket: id, state } }]);
  };
  return { host, tickets, end };
}

describe('waiting for a ticket', () => {
  let fake: ReturnType<typeof fakeHost>;
  let waiters: Waiters;
  const never = new AbortController().signal;

  beforeEach(() => {
    fake = fakeHost();
    waiters = new Waiters(fake.host);
    fake.tickets.set('t', 'queued');
  });

  test('ends with the ticket', async () => {
    const wait = waiters.wait('t', 10_000, never);
    await Promise.resolve();
    expect(waiters.size).toBe(1);
    fake.end('t', 'granted');
    expect(await wait).toMatchObject({ end: 'ended', ticket: { state: 'granted' } });
    expect(waiters.size).toBe(0);
  });

  test('ends at once when the ticket ended before anybody waited', async () => {
    fake.end('t', 'expired');
    expect(await waiters.wait('t', 10_000, never)).toMatchObject({ ticket: { state: 'expired' } });
    expect(await waiters.wait('nobody', 10_000, never)).toEqual({ end: 'ended', ticket: null });
    expect(waiters.size).toBe(0);
  });

  test('notices a ticket that ends while it looks', async () => {
    const { read } = fake.host;
    fake.host.read = (async (query: never) => {
      const seen = await read(query);
      fake.end('t', 'granted');
      return seen;
    }) as typeof read;
    expect(await waiters.wait('t', 10_000, never)).toMatchObject({
      end: 'ended',
      ticket: { state: 'granted' },
    });
  });

  test('ends when the time is up', async () => {
    expect(await waiters.wait('t', 20, never)).toMatchObject({
      end: 'timeout',
      ticket: { state: 'queued' },
    });
  });

  test('ends when whoever waited has hung up', async () => {
    const controller = new AbortController();
    const wait = waiters.wait('t', 10_000, controller.signal);
    controller.abort();
    expect((await wait).end).toBe('gone');
    expect((await waiters.wait('t', 10_000, controller.signal)).end).toBe('gone');
  });

  test('many wait for one ticket, and each for its own', async () => {
    fake.tickets.set('u', 'queued');
    const both = [waiters.wait('t', 10_000, never), waiters.wait('t', 10_000, never)];
    const other = waiters.wait('u', 50, never);
    await Promise.resolve();
    fake.end('t', 'cancelled');
    expect((await Promise.all(both)).map(({ end }) => end)).toEqual(['ended', 'ended']);
    expect((await other).end).toBe('timeout');
  });

  test('a stop answers everybody, and nobody waits after it', async () => {
    const wait = waiters.wait('t', 10_000, never);
    waiters.stop();
    expect((await wait).end).toBe('stopping');
    expect((await waiters.wait('t', 10_000, never)).end).toBe('stopping');
    expect(waiters.size).toBe(0);
  });
});
