import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AgentProcess, CHAT, SlowModel, startPool } from './support.ts';

test('help and faults are given without starting anything', async () => {
  const help = new AgentProcess(['--help']);
  expect(await help.exit).toEqual({ code: 0, signal: null });
  expect(help.out).toContain('--agent-id ID');
  const faulty = new AgentProcess(['--port', 'x', '--slots', '0'], { REMUDA_URL: 'pool' });
  expect(await faulty.exit).toEqual({ code: 2, signal: null });
  expect(faulty.out).toBe('');
  expect(faulty.err.trim().split('\n')).toHaveLength(5);
});

test('a port that is taken is one clear line', async () => {
  const pool = await startPool();
  const { port } = new URL(pool.url);
  const agent = new AgentProcess(['--agent-id', 'a1', '--port', port, '--url', pool.url]);
  expect(await agent.exit).toEqual({ code: 1, signal: null });
  expect(agent.err).toMatch(new RegExp(`^Port ${port} on 127.0.0.1 is taken .*\n$`));
  expect(pool.requests).toEqual([]);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  'after %s what runs is finished, and nothing else begins',
  async (signal) => {
    const model = await SlowModel.start();
    const agent = await AgentProcess.start(await startPool(), [], model.env);
    const running = agent.work(CHAT);
    await agent.healthUntil({ busy: 1 });
    const queued = agent.work(CHAT);
    await agent.healthUntil({ queued: 1 });
    agent.child.kill(signal);
    const refusal = { status: 503, body: { code: 'NOT_READY' } };
    expect(await queued).toMatchObject(refusal);
    expect(await agent.work(CHAT)).toMatchObject(refusal);
    expect(await agent.health()).toMatchObject({ status: 'stopping', busy: 1 });
    await model.answer();
    expect(await running).toMatchObject({ status: 200, body: { result: { answer: 'done' } } });
    expect(await agent.exit).toEqual({ code: 0, signal: null });
    expect(agent.eventsOf('stopped')).toHaveLength(1);
    expect(agent.err).toBe('');
  },
);

test('what does not end in time is cut off', async () => {
  const model = await SlowModel.start();
  const agent = await AgentProcess.start(await startPool(), [], model.env);
  const running = agent.work(CHAT);
  await agent.healthUntil({ busy: 1 });
  agent.child.kill('SIGTERM');
  expect(await running).toMatchObject({ status: 503, body: { code: 'NOT_READY' } });
  expect(await agent.exit).toEqual({ code: 0, signal: null });
});

test('a second signal ends it at once, an echo of the first does not', async () => {
  const model = await SlowModel.start();
  const agent = await AgentProcess.start(await startPool(), [], model.env);
  const running = agent.work(CHAT).catch(() => 'cut');
  await agent.healthUntil({ busy: 1 });
  agent.child.kill('SIGTERM');
  agent.child.kill('SIGINT');
  await agent.logged('stopping');
  expect(await agent.health()).toMatchObject({ status: 'stopping' });
  // Sooner it would pass for an echo, too.
  await sleep(400);
  agent.child.kill('SIGTERM');
  expect(await agent.exit).toEqual({ code: 1, signal: null });
  expect(await running).toBe('cut');
});

test('an idle agent with open connections stops', async () => {
  const agent = await AgentProcess.start(await startPool(), ['--slots', '2']);
  await Promise.all([1, 2, 3].map(() => agent.work({ task: 'count', text: 'a' })));
  agent.child.kill('SIGTERM');
  expect(await agent.exit).toEqual({ code: 0, signal: null });
});

test('an agent outlives the directory that it was started in', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'remuda-agent-'));
  const agent = await AgentProcess.start(await startPool(), [], {}, directory);
  rmSync(directory, { recursive: true });
  expect((await agent.work({ task: 'count', text: 'One.' })).status).toBe(200);
  const search = { task: 'search', query: 'hay' };
  expect(await agent.work(search)).toMatchObject({
    status: 400,
    body: { code: 'INVALID_REQUEST' },
  });
});
