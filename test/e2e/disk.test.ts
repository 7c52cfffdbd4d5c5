/** A disk that fills up under load: nothing is lost, nothing is told that is not so, and it ends. */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mountMemory, temporary, whyNoMount } from '../contract/file-tools.ts';
import { type Client, clientOf, inParallel, type Reply } from './client.ts';
import { ServerProcess } from './server-process.ts';

const noMount = whyNoMount();
const noLimit = spawnSync('prlimit', ['--version']).status === 0 ? null : 'prlimit is missing';
if (noMount) console.warn(`Skipped: a disk that is really full: ${noMount}.`);
if (noLimit) console.warn(`Skipped: a limit on the size of files: ${noLimit}.`);

/** Large metadata, so that little time is enough to fill a small disk. */
const filling = 'x'.repeat(3_500);

function expectNotReady(reply: Reply): void {
  expect(reply.type).toContain('application/problem+json');
  expect(reply.json).toMatchObject({ status: 503, code: 'NOT_READY' });
  expect(Number(reply.headers['retry-after'])).toBeGreaterThanOrEqual(1);
}

/** Leases by tenant, as they were acknowledged. */
type Books = Map<string, { readonly lease: string; readonly token: number }>;

let tenants = 0;
async function leaseOnce(client: Client, books: Books): Promise<Reply> {
  tenants += 1;
  const tenant = `guild-${tenants}`;
  const reply = await client.call('POST', '/v1/leases', { tenant, metadata: { filling } });
  if (reply.status === 201) {
    const [{ lease_id: lease, token }] = reply.json.leases;
    books.set(tenant, { lease, token });
  }
  return reply;
}

/** Until not even a single small request finds room any more. */
async function fillUp(client: Client, books: Books): Promise<void> {
  let refusals = 0;
  await inParallel(Array(3_000).keys(), 8, async () => {
    if (refusals >= 30) return;
    const reply = await leaseOnce(client, books);
    if (reply.status === 201) {
      refusals = 0;
      return;
    }
    expectNotReady(reply);
    refusals += 1;
  });
  expect(refusals).toBeGreaterThanOrEqual(30);
}

async function expectBooks(client: Client, books: Books): Promise<void> {
  const listed = await client.list('/v1/leases');
  const line = (tenant: string, lease: string, token: number) => `${tenant} ${lease} ${token}`;
  const found = new Set(listed.map((it) => line(it.tenant, it.lease_id, it.token)));
  const known = new Set([...books].map(([tenant, it]) => line(tenant, it.lease, it.token)));
  expect([...known.difference(found)], 'acknowledged and not there').toEqual([]);
  expect([...found.difference(known)], 'there and never acknowledged').toEqual([]);
}

async function survive(
  start: () => Promise<{ server: ServerProcess; url: string }>,
  free: (server: ServerProcess) => void,
): Promise<void> {
  const { server, url } = await start();
  const client = clientOf(url);
  const books: Books = new Map();
  const agents = Array.from({ length: 3_000 }, (_, i) => ({ agent_id: `agent-${i}` }));
  expect((await client.call('POST', '/v1/agents', agents)).status).toBe(201);
  await fillUp(client, books);
  expect(books.size).toBeGreaterThan(10);
  await expectBooks(client, books);

  for (let i = 0; i < 10; i++) expectNotReady(await leaseOnce(client, books));
  const readyz = await client.call('GET', '/readyz');
  expectNotReady(readyz);
  expect(readyz.json.detail).toMatch(/journal unwritable/i);
  expect((await client.call('GET', '/healthz')).status).toBe(200);
  // A second and more, in which it has tried again and has found no room.
  await sleep(1_300);
  expectNotReady(await client.call('GET', '/readyz'));
  await expectBooks(client, books);

  free(server);
  let isReady = false;
  for (let tries = 0; tries < 100 && !isReady; tries++) {
    await sleep(50);
    isReady = (await client.call('GET', '/readyz')).status === 200;
  }
  expect(isReady).toBe(true);
  for (let i = 0; i < 20; i++) expect((await leaseOnce(client, books)).status).toBe(201);
  const [[tenant, { lease }] = ['', { lease: '' }]] = books;
  expect((await client.call('DELETE', `/v1/leases/${lease}`)).status).toBe(200);
  books.delete(tenant);
  await expectBooks(client, books);
  await server.kill();

  const again = await start();
  await expectBooks(clientOf(again.url), books);
}

test.skipIf(noMount)(
  'full: refuses with 503, loses nothing, goes on when there is room',
  async () => {
    const disk = await mountMemory('12m');
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(6 * 1024 * 1024));
    // The log is on the same disk: losing lines of it must not matter.
    const args = ['--data', join(disk, 'data'), '--log.file', join(disk, 'remuda.log')];
    await survive(
      () => ServerProcess.start(args),
      () => rmSync(ballast),
    );
  },
);

test.skipIf(noLimit)('the same where a file may not grow any further', async () => {
  const data = await temporary();
  let through = ['prlimit', '--fsize=3000000:'];
  await survive(
    () => ServerProcess.start(['--data', data, '--log.file='], { through }),
    ({ child }) => {
      through = [];
      const { status } = spawnSync('prlimit', ['--pid', `${child.pid}`, '--fsize=unlimited:']);
      expect(status).toBe(0);
    },
  );
});
