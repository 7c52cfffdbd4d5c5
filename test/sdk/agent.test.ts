import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type AssignedLease,
  type AssignmentContext,
  InvalidRequestError,
  type LeaseEndedError,
  type RemudaError,
  type RunAgentsOptions,
  type Runner,
  runAgents,
} from '../../src/sdk/agent.ts';
import { sealerFrom } from '../../src/server/seal.ts';
import type { TestServer } from '../server/support.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { connected, liveLeases, startServer } from './support.ts';

const FAST = { 'pool.accept_timeout_sec': '1', 'pool.reconnect_grace_sec': '2' };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const until = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });

/** What handlers did, in order. */
let log: string[] = [];
beforeEach(() => {
  log = [];
});

/** Serves until the lease ends. */
async function serve(lease: AssignedLease, { signal }: AssignmentContext): Promise<void> {
  log.push(`${lease.agentId} + ${lease.tenant}`);
  await until(signal);
  log.push(`${lease.agentId} - ${lease.tenant} ${(signal.reason as LeaseEndedError).reason}`);
}

async function run(
  url: string,
  agents: RunAgentsOptions['agents'],
  more: Partial<RunAgentsOptions> = {},
): Promise<Runner> {
  const runner = await runAgents({ url, agents, onAssign: serve, ...more });
  onTestFinished(() => runner.close({ deadlineSec: 1 }));
  return runner;
}

const lease = async (server: TestServer, tenant: string, more: object = {}) =>
  (await server.call('POST', '/v1/leases', { tenant, ...more })).json;
const read = async (server: TestServer, id: string) =>
  (await server.call('GET', `/v1/leases/${id}`)).json;
const agent = async (server: TestServer, id: string) =>
  (await server.call('GET', `/v1/agents/${id}`)).json;
const logged = (...lines: string[]) =>
  vi.waitFor(() => expect(log).toEqual(lines), { timeout: 20_000 });

describe('a runner', () => {
  test('registers its agents, serves, and lets go', async () => {
    const server = await startServer({ flags: FAST });
    const runner = await run(server.url, [
      { agentId: 'a', tools: ['music'], tier: 'premium', costPerHour: 2, labels: { host: 'x' } },
    ]);
    expect(runner.agents).toEqual([{ agentId: 'a', isHosted: true, running: 0 }]);
    expect(await agent(server, 'a')).toMatchObject({
      ...{ tools: ['music'], tier: 'premium', cost_per_hour: 2, labels: { host: 'x' } },
    });
    const { leases } = await lease(server, 'guild', { metadata: { the_channel: 7 } });
    await logged('a + guild');
    expect(runner.agents).toMatchObject([{ running: 1 }]);
    await vi.waitFor(async () =>
      expect(await read(server, leases[0].lease_id)).toMatchObject({ state: 'active' }),
    );
    await server.call('DELETE', `/v1/leases/${leases[0].lease_id}`);
    await logged('a + guild', 'a - guild released');
    await runner.close();
    await runner.done;
    expect(await agent(server, 'a')).toMatchObject({ used_slots: 0 });
  });

  test('a handler that ends releases its lease; idle and active are reported', async () => {
    const server = await startServer({ flags: FAST });
    const steps: (() => void)[] = [];
    const step = () => new Promise<void>((resolve) => steps.push(resolve));
    const runner = await run(server.url, [{ agentId: 'a' }], {
      async onAssign(work) {
        expect(work).toMatchObject({ tenant: 'guild', metadata: { the_key: 1 }, warm: false });
        expect(work.allocatedAt).toBeInstanceOf(Date);
        await step();
        work.idle();
        await step();
        work.active();
        await step();
      },
    });
    const { leases } = await lease(server, 'guild', { metadata: { the_key: 1 } });
    const id = leases[0].lease_id;
    const state = (name: string) =>
      vi.waitFor(async () => expect(await read(server, id)).toMatchObject({ state: name }));
    await state('active');
    steps.shift()?.();
    await state('idle');
    steps.shift()?.();
    await state('active');
    steps.shift()?.();
    await state('released');
    expect(await read(server, id)).toMatchObject({ reason: 'released' });
    expect(runner.agents).toMatchObject([{ running: 0 }]);
  });

  test('a handler that fails releases its lease and is told of', async () => {
    const server = await startServer({ flags: FAST });
    const onError = vi.fn();
    await run(server.url, [{ agentId: 'a' }], {
      onAssign: () => Promise.reject(new Error('no voice')),
      onError,
    });
    const { leases } = await lease(server, 'guild');
    await vi.waitFor(async () =>
      expect(await read(server, leases[0].lease_id)).toMatchObject({ reason: 'released' }),
    );
    expect(onError.mock.calls).toMatchObject([
      [{ message: 'no voice' }, { agentId: 'a', leaseId: leases[0].lease_id }],
    ]);
  });

  test.each([
    ['is rejected', (work: AssignedLease) => work.reject('full'), []],
    ['fails', () => Promise.reject(new Error('broken')), ['broken']],
    ['is not answered', () => {}, []],
  ] as const)('with manualAccept, work that %s goes to another agent', async (_, first, errors) => {
    const server = await startServer({ flags: FAST });
    const told: unknown[] = [];
    const reasons: unknown[] = [];
    await run(server.url, [{ agentId: 'a', tier: 'premium' }, { agentId: 'b' }], {
      manualAccept: true,
      async onAssign(work, context) {
        if (work.agentId === 'a') {
          context.signal.addEventListener('abort', () => reasons.push(context.signal.reason));
          return first(work);
        }
        work.accept();
        work.reject('too late for that');
        await serve(work, context);
      },
      onError: (error) => told.push(error.message),
    });
    const { leases } = await lease(server, 'guild');
    await logged('b + guild');
    expect(told).toEqual(errors);
    expect(reasons).toMatchObject([{ reason: 'rejected' }]);
    await vi.waitFor(async () =>
      expect(await read(server, leases[0].lease_id)).toMatchObject({
        ...{ agent_id: 'b', state: 'active' },
      }),
    );
  });

  test('new work waits for the handler before it', async () => {
    const server = await startServer({ flags: FAST });
    let letGo = () => {};
    const started: string[] = [];
    await run(server.url, [{ agentId: 'a' }], {
      async onAssign({ tenant }, { signal }) {
        started.push(tenant);
        if (tenant === 'two') return until(signal);
        await until(signal);
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
        started.push('let go');
      },
    });
    const { leases } = await lease(server, 'one');
    await vi.waitFor(() => expect(started).toEqual(['one']));
    await server.call('DELETE', `/v1/leases/${leases[0].lease_id}`);
    await lease(server, 'two');
    await pause(200);
    expect(started).toEqual(['one']);
    letGo();
    await vi.waitFor(() => expect(started).toEqual(['one', 'let go', 'two']));
  });

  test('hands over credentials, drains, memberships and budget', async () => {
    const key = sealerFrom('0'.repeat(64));
    const server = await startServer({
      flags: { ...FAST, 'pool.membership': 'required' },
      sealer: key.ok && key.sealer ? key.sealer : undefined,
    });
    await server.call('POST', '/v1/agents', { agent_id: 'a', credential: 's3cret' });
    const events: string[] = [];
    const runner = await run(server.url, [{ agentId: 'a' }, { agentId: 'b' }], {
      onCredential: (id, credential) => events.push(`${id} ${credential}`),
      onDrain: (id) => events.push(`${id} drains`),
      async onAssign({ agentId }, { signal, credential }) {
        events.push(`${agentId} works with ${credential}`);
        await until(signal);
      },
    });
    expect(events).toEqual(['a s3cret']);
    runner.setMemberships('a', { added: ['guild'] });
    runner.setMemberships('b', { added: ['guild', 'other'], removed: ['nobody'] });
    const members = async (tenant: string) =>
      (await server.call('GET', `/v1/tenants/${tenant}`)).json.memberships.sort();
    await vi.waitFor(async () => expect(await members('guild')).toEqual(['a', 'b']));
    runner.setBudget('b', false, 'platform limit');
    await vi.waitFor(async () => {
      const { json } = await server.call('POST', '/v1/leases', { tenant: 'other', dry_run: true });
      expect(json.outcome).toBe('queued');
    });
    await lease(server, 'guild');
    await vi.waitFor(() => expect(events).toContain('a works with s3cret'));
    await server.call('PATCH', '/v1/agents/a', { credential: 'n3w' });
    await server.call('POST', '/v1/agents/a/drain');
    await vi.waitFor(() => expect(events.slice(2)).toEqual(['a n3w', 'a drains']));
    expect(() => runner.setBudget('stranger', true)).toThrow('stranger');
  });

  test('reports loads with its heartbeats', async () => {
    const flags = { ...FAST, 'multi_agent.autoscaling.heartbeat_timeout_sec': '1' };
    const server = await startServer({ flags });
    await run(server.url, [{ agentId: 'a' }, { agentId: 'b' }], {
      load: (id) => (id === 'a' ? 0.25 : 7),
    });
    await vi.waitFor(async () => expect(await agent(server, 'a')).toMatchObject({ load: 0.25 }), {
      timeout: 3_000,
    });
    expect(await agent(server, 'b')).toMatchObject({ load: 1 });
  });

  test('agents beyond a frame and beyond a socket are hosted all the same', async () => {
    const server = await startServer({ flags: FAST });
    const agents = Array.from({ length: 1_500 }, (_, i) => ({
      ...{ agentId: `agent-${i}`, tools: ['music', 'radio'], labels: { host: `node-${i}` } },
    }));
    const runner = await run(server.url, agents);
    await vi.waitFor(
      () => expect(runner.agents.filter(({ isHosted }) => isHosted)).toHaveLength(1_500),
      { timeout: 10_000 },
    );
    const { json } = await server.call('GET', '/v1/stats');
    expect(json.agents.by_phase.available).toBe(1_500);
  });

  test('what the pool will never take is an error at once', async () => {
    const server = await startServer({ flags: FAST });
    const wrong = runAgents({
      ...{ url: server.url, agents: [{ agentId: 'a b' }], onAssign: serve },
    });
    await expect(wrong).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(wrong).rejects.toThrow(/agent_id/);
    await server.call('POST', '/v1/agents', { agent_id: 'a', specialization: 'voice' });
    const other = runAgents({
      ...{ url: server.url, onAssign: serve },
      agents: [{ agentId: 'a', specialization: 'chat' }],
    });
    await expect(other).rejects.toMatchObject({ code: 'AGENT_EXISTS' });
    await expect(runAgents({ url: server.url, agents: [], onAssign: serve })).rejects.toThrow(
      /at least one/,
    );
    const abort = new AbortController();
    const nowhere = runAgents({
      ...{ url: 'http://127.0.0.1:1', agents: [{ agentId: 'a' }], onAssign: serve },
      signal: abort.signal,
    });
    setTimeout(() => abort.abort(new Error('enough')), 100);
    await expect(nowhere).rejects.toThrow('enough');
  });

  test('closing aborts the handlers, waits for them, and lets go', async () => {
    const server = await startServer({ flags: FAST });
    const abort = new AbortController();
    const runner = await run(server.url, [{ agentId: 'a', slots: 2 }], {
      signal: abort.signal,
      async onAssign(work, context) {
        await serve(work, context);
        await pause(100);
        log.push('saved');
      },
    });
    await lease(server, 'one');
    await lease(server, 'two');
    await logged('a + one', 'a + two');
    abort.abort();
    await runner.done;
    expect(log.slice(2)).toEqual(['a - one closing', 'a - two closing', 'saved', 'saved']);
    await vi.waitFor(async () => expect(await liveLeases(server)).toEqual([]));
  });

  test('a handler that does not end does not hold up closing for ever', async () => {
    const server = await startServer({ flags: FAST });
    const runner = await run(server.url, [{ agentId: 'a' }], {
      onAssign: () => new Promise(() => {}),
    });
    await lease(server, 'one');
    await vi.waitFor(() => expect(runner.agents).toMatchObject([{ running: 1 }]));
    const started = Date.now();
    await runner.close({ deadlineSec: 0.2 });
    expect(Date.now() - started).toBeLessThan(2_000);
  });
});

describe('a runner whose connection is cut', () => {
  test('within the grace, work goes on', async () => {
    const server = await startServer({ flags: FAST });
    const proxy = await CuttingProxy.to(server.port);
    const runner = await run(proxy.url, [{ agentId: 'a' }, { agentId: 'b' }]);
    const { leases } = await lease(server, 'guild');
    const id = leases[0].lease_id;
    await logged(`${leases[0].agent_id} + guild`);
    for (let i = 0; i < 3; i++) {
      proxy.cut();
      await pause(100);
      await vi.waitFor(() => expect(runner.agents.every(({ isHosted }) => isHosted)).toBe(true));
    }
    expect(log).toHaveLength(1);
    expect(await read(server, id)).toMatchObject({ state: 'active', token: leases[0].token });
    await server.call('DELETE', `/v1/leases/${id}`);
    await vi.waitFor(() => expect(log[1]).toMatch(/- guild released$/));
  });

  test('beyond the grace, the lease is gone and the handler ends', async () => {
    const server = await startServer({ flags: { ...FAST, 'pool.reconnect_grace_sec': '1' } });
    const proxy = await CuttingProxy.to(server.port);
    await run(proxy.url, [{ agentId: 'a', tier: 'premium' }]);
    await run(server.url, [{ agentId: 'b' }]);
    const { leases } = await lease(server, 'guild');
    await logged('a + guild');
    proxy.isDown = true;
    proxy.cut();
    await logged('a + guild', 'b + guild');
    proxy.isDown = false;
    await logged('a + guild', 'b + guild', 'a - guild lost');
    expect(await read(server, leases[0].lease_id)).toMatchObject({
      ...{ agent_id: 'b', state: 'active' },
    });
  });

  test('what it said while nobody heard it is said again', async () => {
    const server = await startServer({ flags: { ...FAST, 'pool.reconnect_grace_sec': '10' } });
    const proxy = await CuttingProxy.to(server.port);
    let end = () => {};
    let idle = () => {};
    const runner = await run(proxy.url, [{ agentId: 'a', slots: 5 }], {
      async onAssign(work) {
        log.push(work.tenant);
        await new Promise<void>((resolve) => {
          if (work.tenant === 'ends') end = resolve;
          if (work.tenant === 'idles') idle = () => work.idle();
        });
      },
    });
    const ends = (await lease(server, 'ends')).leases[0].lease_id;
    const idles = (await lease(server, 'idles')).leases[0].lease_id;
    await logged('ends', 'idles');
    await vi.waitFor(async () => expect((await read(server, idles)).state).toBe('active'));
    proxy.isDown = true;
    proxy.cut();
    await pause(50);
    end();
    idle();
    runner.setMemberships('a', { added: ['guild-9'] });
    runner.setBudget('a', false);
    proxy.isDown = false;
    await vi.waitFor(async () => expect((await read(server, ends)).reason).toBe('released'), {
      timeout: 5_000,
    });
    await vi.waitFor(async () => expect((await read(server, idles)).state).toBe('idle'));
    const { json } = await server.call('GET', '/v1/tenants/guild-9');
    expect(json.memberships).toEqual(['a']);
    await vi.waitFor(async () => {
      const preview = await server.call('POST', '/v1/leases', { tenant: 'x', dry_run: true });
      expect(preview.json.outcome).toBe('queued');
    });
    // No handler has been started again.
    expect(log).toEqual(['ends', 'idles']);
  });

  test('silence is questioned, and ends a connection that gives no answer', async () => {
    const flags = { ...FAST, 'multi_agent.autoscaling.heartbeat_timeout_sec': '1' };
    const server = await startServer({ flags });
    const proxy = await CuttingProxy.to(server.port);
    const runner = await run(proxy.url, [{ agentId: 'a' }]);
    await pause(3_500);
    expect(proxy.opened).toBe(1);
    proxy.swallow();
    await vi.waitFor(() => expect(proxy.opened).toBeGreaterThan(1), { timeout: 25_000 });
    // The pool gives the dead connection two seconds before it lets the agent have another one.
    await vi.waitFor(() => expect(runner.agents).toMatchObject([{ isHosted: true }]), {
      timeout: 5_000,
    });
  }, 40_000);
});

describe('two runners', () => {
  test('compete for an agent: one has it, the other waits and takes over', async () => {
    const server = await startServer({ flags: FAST });
    const first = await run(server.url, [{ agentId: 'a' }], { runnerId: 'first' });
    const errors: string[] = [];
    const waiting = run(server.url, [{ agentId: 'a' }], {
      runnerId: 'second',
      onAssign: async ({ tenant }, { signal }) => {
        log.push(`second + ${tenant}`);
        await until(signal);
      },
      onError: (error) => errors.push((error as RemudaError).code),
    });
    await vi.waitFor(() => expect(errors).toContain('AGENT_ALREADY_HOSTED'));
    await lease(server, 'one');
    await logged('a + one');
    await first.close();
    const second = await waiting;
    expect(second.agents).toMatchObject([{ isHosted: true }]);
    await lease(server, 'two');
    await vi.waitFor(() => expect(log).toContain('second + two'));
    expect(log.filter((line) => line.includes('two'))).toEqual(['second + two']);
  });

  test('one that slept learns that its work has gone to the other', async () => {
    const server = await startServer({ flags: { ...FAST, 'pool.reconnect_grace_sec': '1' } });
    const proxy = await CuttingProxy.to(server.port);
    const errors: string[] = [];
    await run(proxy.url, [{ agentId: 'a' }], {
      runnerId: 'sleeper',
      onError: (error) => errors.push((error as RemudaError).code),
    });
    await lease(server, 'guild');
    await logged('a + guild');
    proxy.isDown = true;
    proxy.cut();
    const other: string[] = [];
    await run(server.url, [{ agentId: 'a' }], {
      runnerId: 'other',
      onAssign: async ({ tenant }, { signal }) => {
        other.push(tenant);
        await until(signal);
      },
    });
    // Within the grace the agent and its lease pass to the new process, under a new token.
    await vi.waitFor(() => expect(other).toEqual(['guild']));
    proxy.isDown = false;
    await logged('a + guild', 'a - guild lost');
    expect(errors).toContain('AGENT_ALREADY_HOSTED');
  });
});

test('a client and a runner together', async () => {
  const server = await startServer({ flags: FAST });
  await run(server.url, [{ agentId: 'a', tools: ['music'] }]);
  const pool = await connected(server.url);
  const held = await pool.lease({ tenant: 'guild', tools: ['music'] });
  await logged('a + guild');
  expect(held.agentId).toBe('a');
  await held.release();
  await logged('a + guild', 'a - guild released');
});
