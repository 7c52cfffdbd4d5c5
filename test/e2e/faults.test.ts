/** What the server says and does when it cannot be started, or can no longer write. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { flipByte, mountMemory, remountReadOnly, whyNoMount } from '../contract/file-tools.ts';
import { Client, inParallel, type Reply } from './client.ts';
import { ServerProcess } from './server-process.ts';

const isRoot = process.getuid?.() === 0;
const noMount = whyNoMount();
const noLimit = spawnSync('prlimit', ['--version']).status === 0 ? null : 'prlimit is missing';
if (noMount) console.warn(`Skipped: a disk that is really full: ${noMount}.`);
if (noLimit) console.warn(`Skipped: a limit on the size of files: ${noLimit}.`);

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'remuda-faults-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const serveOn = (data: string): string[] => ['--data', data, '--log.file='];

function clientOf(url: string): Client {
  const client = new Client(url);
  onTestFinished(() => client.close());
  return client;
}

async function expectEnd(args: readonly string[], code: number): Promise<ServerProcess> {
  const server = new ServerProcess(['--port', '0', ...args]);
  expect(await server.exit).toEqual({ code, signal: null });
  expect(server.out).toBe('');
  // What a person reads is a sentence, never a stack.
  expect(server.complaint).not.toMatch(/\n\s+at |node:internal/);
  return server;
}

const expectRefusal = async (data: string) => (await expectEnd(serveOn(data), 1)).complaint;

async function register(client: Client, count: number): Promise<void> {
  const agents = Array.from({ length: count }, (_, i) => ({ agent_id: `agent-${i}` }));
  expect((await client.call('POST', '/v1/agents', agents)).status).toBe(201);
}

/** Some leases, each with its tenant's name in its metadata, for certain bytes in the journal. */
async function grantSome(client: Client, count: number): Promise<void> {
  await register(client, count);
  for (let i = 0; i < count; i++) {
    const body = { tenant: `guild-${i}`, metadata: { mark: `mark-of-${i}` } };
    expect((await client.call('POST', '/v1/leases', body)).status).toBe(201);
  }
}

describe('a full disk', () => {
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
    await register(client, 3_000);
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

  test.skipIf(noMount)('refuses with 503, loses nothing, goes on when there is room', async () => {
    const disk = await mountMemory('12m');
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(6 * 1024 * 1024));
    // The log is on the same disk: losing lines of it must not matter.
    const args = ['--data', join(disk, 'data'), '--log.file', join(disk, 'remuda.log')];
    await survive(
      () => ServerProcess.start(args),
      () => rmSync(ballast),
    );
  });

  test.skipIf(noLimit)('the same where a file may not grow any further', async () => {
    const data = await temporary();
    let through = ['prlimit', '--fsize=3000000:'];
    await survive(
      () => ServerProcess.start(serveOn(data), { through }),
      ({ child }) => {
        through = [];
        const { status } = spawnSync('prlimit', ['--pid', `${child.pid}`, '--fsize=unlimited:']);
        expect(status).toBe(0);
      },
    );
  });

  test.skipIf(noMount)('stops a start with a sentence', async () => {
    const disk = await mountMemory('1m');
    try {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 * 1024 * 1024));
    } catch {
      // As full as it can be.
    }
    const data = join(disk, 'data');
    expect(await expectRefusal(data)).toMatch(/The disk that holds .*data is full/);
  });
});

describe('a directory that cannot be written', () => {
  test.skipIf(isRoot && noMount !== null)('1 with its name and the way out', async () => {
    const data = isRoot ? await mountMemory('1m') : await temporary();
    if (isRoot) remountReadOnly(data);
    else await chmod(data, 0o555);
    const complaint = await expectRefusal(data);
    expect(complaint).toContain(data);
    expect(complaint).toMatch(/read-only|permission denied/);
    expect(complaint).toContain('journal.url');
  });

  test('1 when its place is taken by a file', async () => {
    const file = join(await temporary(), 'data');
    writeFileSync(file, 'precious');
    expect(await expectRefusal(file)).toContain(`${file} is not a directory`);
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });
});

describe('a damaged journal', () => {
  /** A byte in the middle of the file, within a batch that was acknowledged. */
  async function damage(path: string): Promise<() => Promise<void>> {
    const offset = (await readFile(path)).indexOf('mark-of-150');
    expect(offset).toBeGreaterThan(0);
    await flipByte(path, offset);
    return () => flipByte(path, offset);
  }

  test.each([
    ['journal.db', 'SIGTERM'],
    ['journal.db-wal', 'SIGKILL'],
  ] as const)('%s: 1, naming the file; nothing is changed', async (file, signal) => {
    const data = await temporary();
    const { server, url } = await ServerProcess.start(serveOn(data));
    const client = clientOf(url);
    await grantSome(client, 300);
    server.signal(signal);
    await server.exit;
    const path = join(data, file);
    const repair = await damage(path);
    const before = readFileSync(path);
    const complaint = await expectRefusal(data);
    expect(complaint).toContain(`${path} is damaged`);
    expect(complaint).toMatch(/restore it from a backup/);
    // The log of a killed writer is not even opened for writing.
    if (file === 'journal.db-wal') expect(readFileSync(path).equals(before)).toBe(true);
    await repair();
    const { url: again } = await ServerProcess.start(serveOn(data));
    expect(await clientOf(again).list('/v1/leases')).toHaveLength(300);
  });
});

describe('what belongs to another', () => {
  test('a data directory: 1 with the number of the process that has it', async () => {
    const data = await temporary();
    const { server, url } = await ServerProcess.start(serveOn(data));
    const complaint = await expectRefusal(data);
    expect(complaint).toContain(data);
    expect(complaint).toContain(`process ${server.child.pid} since`);
    await grantSome(clientOf(url), 3);
  });

  test('a port: 1, and the data directory is left alone', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void blocker.close());
    const { port } = blocker.address() as { port: number };
    const data = join(await temporary(), 'data');
    const server = new ServerProcess(['--port', `${port}`, ...serveOn(data)]);
    expect((await server.exit).code).toBe(1);
    expect(server.complaint).toContain(`Port ${port} on 127.0.0.1 is taken`);
    expect(existsSync(data)).toBe(false);
  });
});

describe('a wrong configuration', () => {
  test('2 with every fault of the file, the environment and the flags', async () => {
    const directory = await temporary();
    const file = join(directory, 'bad.yaml');
    writeFileSync(
      file,
      [
        'server: { hots: x, public_url: nowhere }',
        'pool:',
        '  queue: { max_length: -1, timeout_sec: soon }',
        '  purposes: { music: { idle_timeout_sec: 0 } }',
        '  alerts: { utilization_high: 0.2, utilization_low: 0.9 }',
        'multi_agent:',
        '  autoscaling:',
        '    min_agents_per_type: 9',
        '    port_ranges: { research: [9150, 9101] }',
        'jornal: { url: "file:./data" }',
      ].join('\n'),
    );
    const server = new ServerProcess(
      ['--config', file, '--pool.affinity_size=six', '--nonsense', '1'],
      { cwd: directory, env: { REMUDA_POOL_RECLAIM_ENABLED: 'perhaps', REMUDA_KEY: 'short' } },
    );
    expect((await server.exit).code).toBe(2);
    const places = [
      'server.public_url',
      'server.hots',
      'pool.queue.max_length',
      'pool.queue.timeout_sec',
    ];
    places.push('pool.purposes.music.idle_timeout_sec', 'jornal', 'pool.affinity_size');
    places.push('--nonsense', 'REMUDA_POOL_RECLAIM_ENABLED', 'REMUDA_KEY', 'utilization_low');
    places.push('min_agents_per_type', 'port_ranges.research');
    for (const place of places) expect(server.complaint).toContain(place);
    expect(server.out).toBe('');
    // Nothing was begun that would have to be undone.
    expect(existsSync(join(directory, 'data'))).toBe(false);
    expect(existsSync(join(directory, 'logs'))).toBe(false);
  });
});
