/** What the server says when it cannot be started, and what it leaves alone. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  flipByte,
  mountMemory,
  remountReadOnly,
  temporary,
  whyNoMount,
} from '../contract/file-tools.ts';
import { type Client, clientOf } from './client.ts';
import { ServerProcess } from './server-process.ts';

const isRoot = process.getuid?.() === 0;
const noMount = whyNoMount();
if (noMount) console.warn(`Skipped: a disk that is full or read-only: ${noMount}.`);

const serveOn = (data: string): string[] => ['--data', data, '--log.file='];

async function expectEnd(args: readonly string[], code: number): Promise<ServerProcess> {
  const server = new ServerProcess(['--port', '0', ...args]);
  expect(await server.exit).toEqual({ code, signal: null });
  expect(server.out).toBe('');
  // What a person reads is a sentence, never a stack.
  expect(server.complaint).not.toMatch(/\n\s+at |node:internal/);
  return server;
}

const expectRefusal = async (data: string) => (await expectEnd(serveOn(data), 1)).complaint;

/** Some leases, each with its tenant's name in its metadata, for certain bytes in the journal. */
async function grantSome(client: Client, count: number): Promise<void> {
  const agents = Array.from({ length: count }, (_, i) => ({ agent_id: `agent-${i}` }));
  expect((await client.call('POST', '/v1/agents', agents)).status).toBe(201);
  for (let i = 0; i < count; i++) {
    const body = { tenant: `guild-${i}`, metadata: { mark: `mark-of-${i}` } };
    expect((await client.call('POST', '/v1/leases', body)).status).toBe(201);
  }
}

describe('a directory that cannot be written', () => {
  test.skipIf(noMount)('1 when its disk is full', async () => {
    const disk = await mountMemory('1m');
    try {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 * 1024 * 1024));
    } catch {
      // As full as it can be.
    }
    const data = join(disk, 'data');
    expect(await expectRefusal(data)).toMatch(/The disk that holds .*data is full/);
  });

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
