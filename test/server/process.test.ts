import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const ENTRY = `
import { runServer } from ${JSON.stringify(new URL('../../src/server/run.ts', import.meta.url).href)};
process.exitCode = await runServer({
  args: process.argv.slice(2),
  env: process.env,
  print: (line) => console.log(line),
  complain: (text) => console.error(text),
});
`;

let directory = '';
const children: ChildProcess[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'remuda-process-'));
  writeFileSync(join(directory, 'serve.mjs'), ENTRY);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(args: readonly string[], env: { [name: string]: string } = {}) {
  const child = spawn(process.execPath, [join(directory, 'serve.mjs'), ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, REMUDA_MULTI_AGENT_ENABLED: 'false', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    output.out += data;
  });
  child.stderr.on('data', (data) => {
    output.err += data;
  });
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, output, exit };
}

/** The address of the line that says it is ready. */
async function ready({ output, exit }: ReturnType<typeof run>): Promise<string> {
  let isOver = false;
  void exit.then(() => {
    isOver = true;
  });
  for (let tries = 0; tries < 500 && !isOver; tries += 1) {
    const url = /ready on (http:\S+)/.exec(output.out)?.[1];
    if (url) return url;
    await sleep(20);
  }
  throw new Error(`it never became ready: ${output.err}`);
}

const post = async (url: string, body: object, headers: { [name: string]: string } = {}) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
};

describe('the process', () => {
  test('says one line when it is ready, and what was acknowledged is there after a restart', async () => {
    const args = ['--port', '0', '--data', 'journal', '--log.file', 'run.log'];
    const key = { 'idempotency-key': 'once' };
    const first = run(args, { REMUDA_KEY: 'a passphrase that is long enough, surely' });
    const url = await ready(first);
    expect(first.output.out.trim().split('\n')).toHaveLength(1);
    expect(first.output.out).toContain('(journal file:journal, docs http://127.0.0.1:');
    const agent = { agent_id: 'a', credential: 'SUPERSECRET' };
    expect((await post(`${url}/v1/agents`, agent)).status).toBe(201);
    const granted = await post(`${url}/v1/leases`, { tenant: 't' }, key);
    expect(granted.status).toBe(201);
    first.child.kill('SIGTERM');
    expect(await first.exit).toEqual({ code: 0, signal: null });

    const second = run(args, { REMUDA_KEY: 'a passphrase that is long enough, surely' });
    const again = await ready(second);
    expect((await post(`${again}/v1/agents`, agent)).status).toBe(200);
    expect((await post(`${again}/v1/leases`, { tenant: 't' }, key)).text).toBe(granted.text);
    second.child.kill('SIGINT');
    expect((await second.exit).code).toBe(0);
    const log = readFileSync(join(directory, 'run.log'), 'utf8').trim().split('\n');
    const components = log.map((line) => JSON.parse(line).component);
    expect(new Set(components)).toEqual(new Set(['pool', 'server']));
    expect(log.join() + second.output.err).not.toContain('SUPERSECRET');
  });

  test('lets those who wait go before it ends', async () => {
    const server = run(['--port', '0', '--journal.url', 'memory:', '--log.file=']);
    const url = await ready(server);
    await post(`${url}/v1/agents`, { agent_id: 'a' });
    await post(`${url}/v1/leases`, { tenant: 'holder' });
    const waiting = post(`${url}/v1/leases`, { tenant: 'waiter', wait_sec: 60 });
    const stream = await fetch(`${url}/v1/events`);
    await sleep(100);
    const started = performance.now();
    server.child.kill('SIGTERM');
    expect((await waiting).status).toBe(202);
    await stream.text();
    expect(await server.exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('does not wait for those who say nothing, nor for those who have gone', async () => {
    const server = run(['--port', '0', '--journal.url', 'memory:', '--log.file=']);
    const url = await ready(server);
    await post(`${url}/v1/agents`, { agent_id: 'a' });
    await post(`${url}/v1/leases`, { tenant: 'holder' });
    const port = Number(new URL(url).port);
    const silent = connect(port, '127.0.0.1');
    silent.on('error', () => {});
    // Half of the connection stays open: the pool has nobody to answer, and must see that.
    const half = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const body = '{"tenant":"waiter","wait_sec":60}';
    half.end(
      `POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    half.on('error', () => {});
    const gone = new Promise((resolve) => half.once('close', resolve).resume());
    await gone;
    const started = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.exit).toEqual({ code: 0, signal: null });
    // Far below the seven seconds that requests in flight are given.
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('a second signal ends it at once', async () => {
    const server = run(['--port', '0', '--journal.url', 'memory:', '--log.file=']);
    const url = await ready(server);
    // A request that never arrives in full keeps the graceful way busy.
    const slow = connect(Number(new URL(url).port), '127.0.0.1');
    slow.on('error', () => {});
    slow.write(
      'POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    );
    await sleep(100);
    server.child.kill('SIGTERM');
    // Sooner it would pass for an echo of the first.
    await sleep(400);
    const started = performance.now();
    server.child.kill('SIGTERM');
    expect((await server.exit).code).toBe(1);
    expect(performance.now() - started).toBeLessThan(1_000);
    slow.destroy();
  });

  test('ends within ten seconds even if a request never does', async () => {
    const server = run(['--port', '0', '--journal.url', 'memory:', '--log.file=']);
    const url = await ready(server);
    const slow = connect(Number(new URL(url).port), '127.0.0.1');
    slow.on('error', () => {});
    slow.write(
      'POST /v1/leases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    );
    await sleep(100);
    const started = performance.now();
    server.child.kill('SIGTERM');
    expect((await server.exit).code).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('a start that fails', () => {
  let blocker: Server;
  let port = 0;

  beforeAll(async () => {
    blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    port = (blocker.address() as { port: number }).port;
  });
  afterAll(() => blocker.close());

  test('1 when the port is taken, with the way out', async () => {
    const { output, exit } = run(['--port', `${port}`, '--journal.url', 'memory:', '--log.file=']);
    expect((await exit).code).toBe(1);
    expect(output.err).toContain(`Port ${port} on 127.0.0.1 is taken by another program.`);
    expect(output.err).toContain(`--port ${port + 1} or REMUDA_SERVER_PORT=${port + 1}`);
    expect(output.out).toBe('');
  });

  test('1 when another process has the journal', async () => {
    const args = ['--port', '0', '--data', 'shared', '--log.file='];
    const first = run(args);
    await ready(first);
    const { output, exit } = run(args);
    expect((await exit).code).toBe(1);
    expect(output.err).toMatch(/another|in use|locked/i);
    expect(output.err).not.toMatch(/\n\s+at /);
  });

  test('2 for a configuration with faults, all of them', async () => {
    writeFileSync(
      join(directory, 'bad.yaml'),
      'server: { prot: 1 }\npool: { selection: warmth }\n',
    );
    const { output, exit } = run(['--config', 'bad.yaml', '--hst=x', 'stray'], {
      REMUDA_POOL_SELECTON: 'x',
      REMUDA_KEY: 'short',
    });
    expect((await exit).code).toBe(2);
    for (const part of [
      'has 6 faults; nothing was started',
      'bad.yaml:1:11: server.prot: unknown field "prot"; did you mean "port"?',
      'bad.yaml:2:20: pool.selection: cannot be "warmth"',
      'REMUDA_POOL_SELECTON: is not a setting; did you mean "REMUDA_POOL_SELECTION"?',
      '--hst: is not a flag; did you mean "host"?',
      '"stray": is not a flag',
      'REMUDA_KEY: must be 32 bytes',
    ]) {
      expect(output.err).toContain(part);
    }
  });

  test('2 when the log cannot be written', async () => {
    const { output, exit } = run([
      '--port',
      '0',
      '--journal.url',
      'memory:',
      '--log.file',
      'serve.mjs/x',
    ]);
    expect((await exit).code).toBe(2);
    expect(output.err).toMatch(/--log\.file: log\.file: cannot be written/);
  });
});
