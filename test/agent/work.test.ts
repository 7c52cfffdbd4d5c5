import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AgentProcess, CHAT, chatAnswer, SlowModel, StandIn, startPool } from './support.ts';

test('the tasks give results and say what they took', async () => {
  const root = mkdtempSync(join(tmpdir(), 'remuda-agent-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'a.txt'), 'no\nhay\n');
  const agent = await AgentProcess.start(await startPool(), ['--search-root', root]);
  const text = 'Horses eat hay. It rained. A remuda is a herd of horses.';
  expect((await agent.work({ task: 'summarize', text, sentences: 2, tenant: 'g1' })).body).toEqual({
    task: 'summarize',
    result: {
      summary: 'Horses eat hay. A remuda is a herd of horses.',
      kept: 2,
      sentences: 3,
    },
    took_ms: expect.any(Number),
    queued_ms: expect.any(Number),
    agent_id: 'a1',
  });
  const counted = await agent.work({ task: 'count', text, lease_id: 'l1' });
  expect(counted.body.result).toMatchObject({ words: 12, sentences: 3 });
  const found = await agent.work({ task: 'search', query: 'HAY' });
  expect(found.body.result.hits).toEqual([{ path: 'a.txt', line: 2, text: 'hay' }]);
  const escaped = await agent.work({ task: 'search', query: 'root', path: '/etc/passwd' });
  expect(escaped).toMatchObject({ status: 400, body: { errors: [{ path: '/path' }] } });
  expect((await agent.work(CHAT)).body.result).toEqual({ answer: 'Hello.', model: 'none' });
});

test('the health says who it is and what it does', async () => {
  const args = ['--slots', '3', '--specialization', 'research'];
  const agent = await AgentProcess.start(await startPool(), args);
  expect(await agent.health()).toEqual({
    status: 'ok',
    agent_id: 'a1',
    specialization: 'research',
    slots: 3,
    busy: 0,
    queued: 0,
    load: 0,
    pid: agent.child.pid,
    uptime_sec: expect.any(Number),
  });
});

test('as many tasks as there are slots run, sixteen more for each wait, the next is sent away', async () => {
  const model = await SlowModel.start();
  const agent = await AgentProcess.start(await startPool(), ['--slots', '2'], model.env);
  const tasks = Array.from({ length: 34 }, () => agent.work(CHAT));
  await agent.healthUntil({ busy: 2, queued: 32 });
  const { status, headers, body } = await agent.work(CHAT);
  expect(status).toBe(503);
  expect(headers.get('retry-after')).toBe('1');
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(body).toMatchObject({ type: 'about:blank', status: 503, code: 'AGENT_BUSY' });
  expect(model.server.requests).toHaveLength(2);
  const all = Promise.all(tasks);
  let isOver = false;
  void all.then(() => {
    isOver = true;
  });
  while (!isOver) await Promise.race([model.answer(), all]);
  const answers = await all;
  expect(answers.map((answer) => answer.status)).toEqual(tasks.map(() => 200));
  const waited = answers.map((answer) => answer.body.queued_ms).sort((a, b) => a - b);
  expect(waited[0]).toBeLessThan(waited.at(-1));
  expect(await agent.health()).toMatchObject({ busy: 0, queued: 0 });
});

test('a client that goes away takes its task out of the queue, and frees the slot of its chat', async () => {
  const model = await SlowModel.start();
  const agent = await AgentProcess.start(await startPool(), [], model.env);
  const running = new AbortController();
  const queued = new AbortController();
  const first = agent.work(CHAT, { signal: running.signal });
  await agent.healthUntil({ busy: 1 });
  const second = agent.work(CHAT, { signal: queued.signal });
  await agent.healthUntil({ queued: 1 });
  queued.abort();
  await expect(second).rejects.toThrow('aborted');
  await agent.healthUntil({ busy: 1, queued: 0 });
  running.abort();
  await expect(first).rejects.toThrow('aborted');
  await agent.healthUntil({ busy: 0, queued: 0 });
  expect(model.server.requests).toHaveLength(1);
  expect(agent.eventsOf('task_failed')).toEqual([]);
});

test('health and heartbeats go on while text is being worked on', async () => {
  const pool = await startPool();
  const agent = await AgentProcess.start(pool, ['--heartbeat-sec', '0.1']);
  const text = 'An agent works for a tenant. '.repeat(35_000);
  let isOver = false;
  const works = Promise.all(
    Array.from({ length: 6 }, () => agent.work({ task: 'summarize', text })),
  ).finally(() => {
    isOver = true;
  });
  await agent.healthUntil({ busy: 1 });
  let busyBeats = 0;
  while (!isOver) {
    if ((await agent.health()).busy === 1) busyBeats += 1;
  }
  expect((await works).map(({ status }) => status)).toEqual(Array(6).fill(200));
  expect(busyBeats).toBeGreaterThan(6);
});

test('what cannot be asked is refused with its reason', async () => {
  const agent = await AgentProcess.start(await startPool());
  const json = { 'content-type': 'application/json' };
  const refusal = async (path: string, init: RequestInit) => {
    const response = await fetch(agent.url + path, init);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const { code, status, title } = (await response.json()) as { [name: string]: unknown };
    expect(status).toBe(response.status);
    return `${status} ${code} ${title} ${response.headers.get('allow') ?? ''}`.trim();
  };
  const post = (
    body: string | Uint8Array<ArrayBuffer>,
    headers: { [name: string]: string } = json,
  ) => refusal('/v1/work', { method: 'POST', body, headers });
  expect(await refusal('/', {})).toBe('404 NOT_FOUND Not Found');
  expect(await refusal('/v1/work/', {})).toBe('404 NOT_FOUND Not Found');
  const notAllowed = '405 METHOD_NOT_ALLOWED Method Not Allowed';
  expect(await refusal('/v1/work?x=1', {})).toBe(`${notAllowed} POST`);
  expect(await refusal('/healthz', { method: 'DELETE' })).toBe(`${notAllowed} GET, HEAD`);
  expect(await post('{"task":')).toBe('400 INVALID_REQUEST Bad Request');
  expect(await post('')).toBe('400 INVALID_REQUEST Bad Request');
  expect(await post('[]')).toBe('400 INVALID_REQUEST Bad Request');
  expect(await post(new Uint8Array([34, 255, 34]))).toBe('400 INVALID_REQUEST Bad Request');
  expect(await post('['.repeat(1_000_000))).toBe('400 INVALID_REQUEST Bad Request');
  const task = '{"task":"count","text":"a"}';
  expect(await post(task, { 'content-type': 'text/plain' })).toContain('415 ');
  expect(await post(task, { ...json, 'content-encoding': 'gzip' })).toContain('415 ');
  expect(await post(task, { ...json, origin: 'http://evil.example' })).toContain('403 FORBIDDEN');
  expect((await agent.work({ task: 'count', text: 'x'.repeat(1024 * 1024 - 28) })).status).toBe(
    200,
  );
  expect((await agent.work({ task: 'count', text: 'x'.repeat(1024 * 1024) })).status).toBe(413);
  const faulty = await agent.work({ task: 'summarize', sentences: 'x', extra: 1 });
  expect(faulty.body.errors.map(({ path }: { path: string }) => path)).toEqual([
    '/extra',
    '/text',
    '/sentences',
  ]);
  expect((await fetch(`${agent.url}/healthz`, { method: 'HEAD' })).status).toBe(200);
  expect(agent.lines.map(({ event }) => event)).toEqual(['listening', 'pool_hears']);
});

test('a body of any length is answered, and a connection that speaks no HTTP harms nobody', async () => {
  const agent = await AgentProcess.start(await startPool());
  const { port } = new URL(agent.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write('\x16\x03\x01 hello\r\n\r\n');
  const half = connect(Number(port), '127.0.0.1');
  half.on('error', () => {});
  half.write(
    'POST /v1/work HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
  );
  const large = await agent.work({ task: 'count', text: 'x'.repeat(30 * 1024 * 1024) });
  expect(large).toMatchObject({ status: 413, body: { code: 'TOO_LARGE' } });
  half.destroy();
  socket.destroy();
  expect((await agent.work({ task: 'count', text: 'a' })).status).toBe(200);
  expect(await agent.health()).toMatchObject({ busy: 0, queued: 0 });
});

test('a chat goes to the model that is configured', async () => {
  const model = await new StandIn(() => ({ body: chatAnswer('Hay.') })).listen();
  const env = {
    OPENAI_BASE_URL: `${model.url}/v1`,
    OPENAI_MODEL: 'small',
    OPENAI_API_KEY: 'sk-TOPSECRET',
  };
  const agent = await AgentProcess.start(await startPool(), [], env);
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'What do horses eat?' },
  ];
  const { body } = await agent.work({ task: 'chat', messages });
  expect(body.result).toEqual({ answer: 'Hay.', model: 'slow-1' });
  const [request] = model.requests;
  expect(request?.path).toBe('/v1/chat/completions');
  expect(request?.headers.authorization).toBe('Bearer sk-TOPSECRET');
  expect(JSON.parse(request?.body ?? '')).toEqual({ model: 'small', messages, stream: false });

  const replies = [
    { status: 401, body: { error: { message: 'Incorrect API key provided: sk-TOPSECRET' } } },
    { body: 'not JSON, sk-TOPSECRET' },
    { body: 'null' },
    { body: { choices: [] } },
    { body: { choices: [{ message: { content: null } }] } },
    { body: 'x'.repeat(2 * 1024 * 1024) },
  ];
  for (const reply of replies) {
    model.reply = () => reply;
    const failed = await agent.work(CHAT);
    expect(failed).toMatchObject({ status: 502, body: { code: 'CHAT_FAILED' } });
    expect(JSON.stringify(failed.body)).not.toContain('TOPSECRET');
  }
  expect(agent.eventsOf('chat_fails')).toHaveLength(1);
  model.reply = () => ({ body: chatAnswer('Hay again.') });
  expect((await agent.work(CHAT)).body.result.answer).toBe('Hay again.');
  await agent.logged('chat_works');
  await model.stop();
  expect(await agent.work(CHAT)).toMatchObject({ status: 502 });
  expect(agent.out + agent.err).not.toContain('TOPSECRET');
});
