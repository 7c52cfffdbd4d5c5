/** SIGTERM: whatever was accepted is answered, and whatever was not answered did not happen. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { temporary } from '../contract/file-tools.ts';
import { type Client, clientOf } from './client.ts';
import { checkAgainst } from './kill/check.ts';
import { Ledger } from './kill/ledger.ts';
import { Load } from './kill/load.ts';
import { ServerProcess } from './server-process.ts';

const serveOn = (data: string): string[] => ['--data', data, '--log.file='];

/** Whether a new connection is let in. */
function isLetIn(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Every question that is still open must have come to nothing. */
async function expectNothingUnanswered(client: Client, ledger: Ledger): Promise<void> {
  for (const { tenant, answer } of ledger.requests.values()) {
    if (answer !== null) continue;
    const { status, json } = await client.call('GET', `/v1/tenants/${tenant}`);
    if (status !== 404) expect([json.leases, json.tickets]).toEqual([[], []]);
  }
  for (const { lease, state, asked } of ledger.leases.values()) {
    if (asked === null) continue;
    const { json } = await client.call('GET', `/v1/leases/${lease}`);
    expect(json.state).toBe(state);
  }
  for (const { ticket, isLeaving } of ledger.tickets.values()) {
    if (!isLeaving) continue;
    const { json } = await client.call('GET', `/v1/tickets/${ticket}`);
    expect(json.state).not.toBe('cancelled');
  }
}

test('under load: no reply is lost, nobody new is let in, 0', async () => {
  const args = serveOn(await temporary());
  const { server, url } = await ServerProcess.start(args);
  const ledger = new Ledger();
  const load = new Load(url, ledger, Math.random, 1);
  // A request that is still arriving when the signal comes keeps the server open for a while.
  const slow = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  slow.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  const body = '{"agents":[]}';
  slow.write(
    `POST /v1/heartbeats HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n{`,
  );
  while (ledger.answers <= 50) await sleep(5);
  server.signal('SIGTERM');
  while (await isLetIn(url)) await sleep(5);
  expect(answer).toBe('');
  slow.write(body.slice(1));
  expect(await server.exit).toEqual({ code: 0, signal: null });
  await load.end();
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  expect(ledger.faults).toEqual([]);

  const { url: again } = await ServerProcess.start(args);
  const client = clientOf(again);
  await expectNothingUnanswered(client, ledger);
  await checkAgainst(client, ledger);
  expect(ledger.faults).toEqual([]);
});

test('with those who wait: each is answered, and keeps its place', async () => {
  const args = serveOn(await temporary());
  const { server, url } = await ServerProcess.start(args);
  const client = clientOf(url, 200);
  await client.call('POST', '/v1/agents', { agent_id: 'only' });
  await client.call('POST', '/v1/leases', { tenant: 'holder' });
  const first = await client.call('POST', '/v1/leases', {
    tenant: 'first',
    queue_timeout_sec: 600,
  });
  const ticket = `/v1/tickets/${first.json.ticket.ticket_id}`;
  const asking = Array.from({ length: 80 }, (_, i) => {
    const body = { tenant: `waiter-${i}`, wait_sec: 60, queue_timeout_sec: 600 };
    return client.call('POST', '/v1/leases', body);
  });
  const following = Array.from({ length: 20 }, () => client.call('GET', `${ticket}?wait_sec=60`));
  const streaming = Array.from({ length: 5 }, () => client.call('GET', '/v1/events'));
  for (let length = 0; length < 81; ) {
    await sleep(20);
    length = (await client.call('GET', '/v1/stats')).json.queue.length;
  }
  const counts = ['remuda_long_polls 100', 'remuda_event_streams 5'];
  for (let metrics = ''; !counts.every((count) => metrics.includes(`\n${count}\n`)); ) {
    await sleep(20);
    metrics = await (await fetch(`${url}/metrics`)).text();
  }
  server.signal('SIGTERM');
  const answers = await Promise.all(asking);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  for (const { status, json } of await Promise.all(following)) {
    expect([status, json.state]).toEqual([200, 'queued']);
  }
  for (const { status } of await Promise.all(streaming)) expect(status).toBe(200);
  expect(await server.exit).toEqual({ code: 0, signal: null });

  const { url: again } = await ServerProcess.start(args);
  const after = clientOf(again);
  const positions: number[] = [];
  for (const { json } of answers) {
    const found = await after.call('GET', `/v1/tickets/${json.ticket.ticket_id}`);
    positions.push(found.json.position);
  }
  expect(positions).toEqual(answers.map(({ json }) => json.ticket.position));
});

test('twice under load: 1 at once, and nothing acknowledged is lost', async () => {
  const args = serveOn(await temporary());
  const { server, url } = await ServerProcess.start(args);
  const ledger = new Ledger();
  const load = new Load(url, ledger, Math.random, 1);
  const hanging = connect(Number(new URL(url).port), '127.0.0.1');
  hanging.on('error', () => {});
  hanging.write('POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{');
  while (ledger.answers <= 50) await sleep(5);
  server.signal('SIGTERM');
  await server.until(/"stopping"/, 'err');
  // An echo of the first, as a launcher sends it, is not a second wish.
  server.signal('SIGTERM');
  // Longer than two signals can be one wish, and shorter than the request above may take.
  await sleep(1_700);
  server.signal('SIGTERM');
  expect(await server.exit).toEqual({ code: 1, signal: null });
  await load.end();
  hanging.destroy();

  const { url: again } = await ServerProcess.start(args);
  await checkAgainst(clientOf(again), ledger);
  expect(ledger.faults).toEqual([]);
});
