import { expect, test } from 'vitest';
import { AgentProcess, CHAT, loadOf, SlowModel, StandIn, startPool } from './support.ts';

const FAST = ['--heartbeat-sec', '0.1'];

test('the first heartbeat comes with the start, and the others over the same connection', async () => {
  const pool = await startPool();
  const agent = await AgentProcess.start(pool, FAST, { REMUDA_API_KEY: 'TOPSECRET' });
  const requests = await pool.until((all) => all.length >= 5 && all);
  expect(requests[0]).toMatchObject({
    path: '/v1/heartbeats',
    body: '{"agents":[["a1",0]]}',
    headers: { 'content-type': 'application/json', authorization: 'Bearer TOPSECRET' },
  });
  expect(new Set(requests.map(({ from }) => from)).size).toBe(1);
  await agent.logged('pool_hears');
  expect(agent.lines).toHaveLength(2);
  expect(agent.out + agent.err).not.toContain('TOPSECRET');
});

test('without a key none is sent; a path of the address is kept', async () => {
  const pool = await startPool();
  await AgentProcess.start({ url: `${pool.url}/behind/proxy` });
  const [first] = await pool.until((all) => all.length > 0 && all);
  expect(first?.path).toBe('/behind/proxy/v1/heartbeats');
  expect(first?.headers.authorization).toBeUndefined();
});

test('they tell the load: up with work, down without', async () => {
  const pool = await startPool();
  const model = await SlowModel.start();
  const agent = await AgentProcess.start(pool, FAST, model.env);
  await pool.until((all) => all.length >= 2);
  expect(pool.requests.map(loadOf).every((load) => load === 0)).toBe(true);
  const chat = agent.work(CHAT);
  await agent.healthUntil({ busy: 1 });
  const begun = pool.requests.length;
  await pool.until((all) => all.length >= begun + 4);
  const loads = pool.requests.slice(begun + 1).map(loadOf);
  expect(loads).toEqual([...loads].sort((a, b) => a - b));
  const high = loads.at(-1) ?? 0;
  expect(high).toBeGreaterThan(0);
  expect(high).toBeLessThanOrEqual(1);
  await model.answer();
  expect((await chat).status).toBe(200);
  await agent.healthUntil({ busy: 0 });
  const ended = pool.requests.length;
  const peak = await pool.until((all) => all.length > ended && loadOf(all[ended] as never));
  await pool.until((all) => all.slice(ended).some((request) => loadOf(request) < peak));
});

test('a pool that does not know the agent is told again, and the log says so once', async () => {
  const pool = await startPool();
  const known = pool.reply;
  pool.reply = () => ({ body: { accepted: 0, unknown: ['a1'] } });
  const agent = await AgentProcess.start(pool, FAST);
  await pool.until((all) => all.length >= 4);
  expect(agent.eventsOf('pool_does_not_know')).toHaveLength(1);
  pool.reply = known;
  await agent.logged('pool_hears');
});

test('a pool that fails is tried again, and work goes on meanwhile', async () => {
  const pool = await startPool();
  const well = pool.reply;
  pool.reply = () => ({ status: 503, body: { code: 'NOT_READY', detail: 'starting' } });
  const agent = await AgentProcess.start(pool, FAST);
  await pool.until((all) => all.length >= 3);
  expect(await agent.logged('pool_refuses')).toMatchObject({ status: 503, code: 'NOT_READY' });
  expect(agent.eventsOf('pool_refuses')).toHaveLength(1);
  expect((await agent.work({ task: 'count', text: 'One. Two.' })).status).toBe(200);
  pool.reply = () => ({ body: '<html>' });
  const strange = pool.requests.length;
  await pool.until((all) => all.length >= strange + 2);
  pool.reply = well;
  await agent.logged('pool_hears');
});

test('a pool that is killed and comes back hears the agent again', async () => {
  const pool = await startPool();
  const agent = await AgentProcess.start(pool, FAST);
  await agent.logged('pool_hears');
  const { port } = new URL(pool.url);
  await pool.stop();
  expect(await agent.logged('pool_unreachable')).toMatchObject({ reason: expect.any(String) });
  expect((await agent.work({ task: 'count', text: 'One.' })).status).toBe(200);
  const next = await new StandIn(pool.reply).listen(Number(port));
  await next.until((all) => all.length >= 2);
  await agent.logged('pool_hears', 2);
});

test('an agent whose output nobody reads any more lives on', async () => {
  const pool = await startPool();
  const agent = await AgentProcess.start(pool, FAST);
  await pool.until((all) => all.length >= 1);
  agent.child.stdout?.destroy();
  agent.child.stderr?.destroy();
  // Each change would be a line.
  const known = pool.reply;
  for (const reply of [() => ({ status: 500, body: '' }), known, () => ({ body: '' }), known]) {
    pool.reply = reply;
    const seen = pool.requests.length;
    await pool.until((all) => all.length >= seen + 3);
  }
  expect((await agent.work({ task: 'count', text: 'One.' })).status).toBe(200);
  agent.child.kill('SIGTERM');
  expect(await agent.exit).toEqual({ code: 0, signal: null });
});
