/** The finer rules of both protocols, with a pool that sends what a test wants. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AssignedLease, type RunAgentsOptions, runAgents } from '../../src/sdk/agent.ts';
import { connect, RateLimitedError } from '../../src/sdk/client.ts';
import { ScriptedPool, wireLease } from './scripted-pool.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function runner(pool: ScriptedPool, more: Partial<RunAgentsOptions> = {}) {
  const started: { lease: AssignedLease; signal: AbortSignal; end: () => void }[] = [];
  const errors: string[] = [];
  pool.answer = (frame) =>
    frame.type === 'hello'
      ? [welcome(frame.agents.map((a: { agent_id: string }) => a.agent_id))]
      : [];
  const made = await runAgents({
    url: 'http://pool',
    webSocket: pool.webSocket,
    agents: [{ agentId: 'a' }, { agentId: 'b' }],
    onAssign: (lease, { signal }) =>
      new Promise<void>((resolve) => started.push({ lease, signal, end: resolve })),
    onError: ({ message }) => errors.push(message),
    ...more,
  });
  onTestFinished(() => made.close({ deadlineSec: 0 }));
  return { made, started, errors };
}

function welcome(agents: string[], leases: object[] = []) {
  return { type: 'welcome', heartbeat_interval_sec: 30, agents, leases, credentials: {} };
}
const reasonOf = (signal: AbortSignal) => signal.reason?.reason;

describe('a runner', () => {
  test('begins once for an assignment that comes twice', async () => {
    const pool = new ScriptedPool();
    const { started } = await runner(pool);
    pool.say({ type: 'assign', lease: wireLease() }, { type: 'assign', lease: wireLease() });
    expect(started).toHaveLength(1);
    expect(await pool.heard('accepted')).toHaveLength(1);
    started[0]?.end();
    await pool.heard('released');
    // Late, about a lease that it has let go of: it says so again, and does not begin anew.
    pool.say({ type: 'assign', lease: wireLease() });
    await pool.heard('released', 2);
    expect(started).toHaveLength(1);
  });

  test('goes on under a newer token of the same lease', async () => {
    const pool = new ScriptedPool();
    const { started } = await runner(pool);
    pool.say({ type: 'assign', lease: wireLease({ token: 3 }) });
    pool.say({ type: 'assign', lease: wireLease({ token: 5 }) });
    expect(started).toHaveLength(1);
    started[0]?.lease.idle();
    expect(started[0]?.lease.token).toBe(5);
    expect((await pool.heard('state', 3)).map(({ token, state }) => [token, state])).toEqual([
      [3, 'active'],
      [5, 'active'],
      [5, 'idle'],
    ]);
    // Both are about the grant that was before.
    pool.say({ type: 'release', lease_id: 'l-1', token: 3, reason: 'moved', deadline_sec: 10 });
    pool.say({ type: 'error', code: 'LEASE_TOKEN_STALE', detail: 'x', lease_id: 'l-1' });
    await pause(20);
    // The complaint may be about the old token, so the runner asks what is true.
    expect(pool.said.at(-1)).toEqual({ ...pool.said.at(-1), agents: [{ agent_id: 'a' }] });
    expect(reasonOf(started[0]!.signal)).toBe('lost');
  });

  test('aborts work whose report is refused as stale', async () => {
    const pool = new ScriptedPool();
    const { started, errors } = await runner(pool);
    pool.say({ type: 'assign', lease: wireLease() });
    pool.say({ type: 'error', code: 'LEASE_TOKEN_STALE', detail: 'x', lease_id: 'l-1' });
    expect(reasonOf(started[0]!.signal)).toBe('lost');
    started[0]?.end();
    await pause(20);
    expect(pool.said.filter(({ type }) => type === 'released')).toEqual([]);
    expect(errors).toEqual([]);
  });

  test('moves a lease between two of its agents', async () => {
    const pool = new ScriptedPool();
    const { started } = await runner(pool);
    pool.say({ type: 'assign', lease: wireLease() });
    pool.say(
      { type: 'release', lease_id: 'l-1', token: 1, reason: 'moved', deadline_sec: 10 },
      { type: 'assign', lease: wireLease({ agent_id: 'b', token: 2 }) },
    );
    expect(started.map(({ lease }) => lease.agentId)).toEqual(['a', 'b']);
    expect(started.map(({ signal }) => reasonOf(signal))).toEqual(['moved', undefined]);
    started[0]?.end();
    expect(await pool.heard('released')).toMatchObject([{ lease_id: 'l-1', token: 1 }]);
  });

  test('takes the welcome for the truth', async () => {
    const pool = new ScriptedPool();
    const { started, made } = await runner(pool);
    for (const id of ['kept', 'gone', 'renewed']) {
      const agent_id = id === 'kept' ? 'a' : 'b';
      pool.say({ type: 'assign', lease: wireLease({ lease_id: id, agent_id }) });
    }
    pool.answer = (frame) =>
      frame.type !== 'hello'
        ? []
        : [
            welcome(
              ['a', 'b'],
              [
                wireLease({ lease_id: 'kept' }),
                wireLease({ lease_id: 'renewed', agent_id: 'b', token: 9 }),
                wireLease({ lease_id: 'new', tenant: 'other', agent_id: 'b' }),
              ],
            ),
          ];
    pool.cut();
    await pool.heard('hello', 2);
    await vi.waitFor(() => expect(made.agents.every(({ isHosted }) => isHosted)).toBe(true));
    await vi.waitFor(() => expect(started[1]?.signal.aborted).toBe(true));
    const [kept, gone, renewed] = started;
    expect([kept, gone, renewed].map((one) => reasonOf(one!.signal))).toEqual([
      undefined,
      'lost',
      undefined,
    ]);
    expect(renewed?.lease.token).toBe(9);
    // The slot of the one that is gone is not free before its handler has ended.
    expect(started).toHaveLength(3);
    gone?.end();
    await vi.waitFor(() => expect(started).toHaveLength(4));
    expect(started[3]?.lease).toMatchObject({ leaseId: 'new', agentId: 'b' });
  });

  test('says again what a pool that was not ready may have missed', async () => {
    const pool = new ScriptedPool();
    const { made } = await runner(pool);
    pool.say({ type: 'assign', lease: wireLease() });
    made.setMemberships('a', { added: ['g1'] });
    const before = pool.said.length;
    pool.say({ type: 'error', code: 'NOT_READY', detail: 'The journal cannot be written.' });
    await vi.waitFor(() => expect(pool.said.length).toBe(before + 2), { timeout: 3_000 });
    expect(pool.said.slice(before)).toMatchObject([
      { type: 'state', state: 'active' },
      { type: 'memberships', added: ['g1'] },
    ]);
  });

  test('keeps its frames below 64 KiB', async () => {
    const pool = new ScriptedPool();
    const agents = Array.from({ length: 900 }, (_, i) => ({
      agentId: `${'ä'.repeat(50)}${i}`,
      labels: { endpoint: `http://host-${i}:9000` },
    }));
    const { made } = await runner(pool, { agents, apiKey: 'k'.repeat(4_000) });
    const long = Array.from({ length: 1_000 }, (_, i) => `${'t'.repeat(120)}${i}`);
    made.setMemberships(agents[0]!.agentId, { added: long });
    await vi.waitFor(() => expect(made.agents.every(({ isHosted }) => isHosted)).toBe(true));
    expect(pool.said.filter(({ type }) => type === 'hello').length).toBeGreaterThan(1);
    expect(pool.said.filter(({ api_key }) => api_key !== undefined)).toHaveLength(1);
    expect(pool.said.flatMap(({ type, added }) => (type === 'memberships' ? added : []))).toEqual(
      long,
    );
    expect(Math.max(...pool.sizes)).toBeLessThan(64 * 1024);
  });

  test('shows a fault in a function of the user, and goes on', async () => {
    const pool = new ScriptedPool();
    const uncaught = vi.fn();
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', uncaught);
    onTestFinished(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of before) process.on('uncaughtException', listener);
    });
    const { started } = await runner(pool, {
      onDrain: () => {
        throw new Error('in onDrain');
      },
    });
    pool.say({ type: 'drain', agent_id: 'a' }, { type: 'assign', lease: wireLease() });
    expect(started).toHaveLength(1);
    await vi.waitFor(() => expect(uncaught).toHaveBeenCalled());
    expect(uncaught.mock.calls[0]?.[0]).toMatchObject({ message: 'in onDrain' });
  });
});

describe('a client', () => {
  async function client(pool: ScriptedPool, more = {}) {
    const made = await connect('http://pool', {
      ...{ webSocket: pool.webSocket, transport: 'socket', ...more },
    });
    onTestFinished(() => made.close());
    return made;
  }

  test('sends its key before anything else, on each connection', async () => {
    const pool = new ScriptedPool();
    pool.answer = ({ id }) => [[{ id, status: 200, body: {} }]];
    const made = await client(pool, { apiKey: 'k-1' });
    pool.cut();
    await vi.waitFor(() => expect(pool.connections).toBe(2));
    await vi.waitFor(() => expect(made.transport).toBe('socket'));
    expect(pool.said.map(({ call, api_key }) => [call, api_key])).toEqual([
      ['auth', 'k-1'],
      ['watch', undefined],
      ['auth', 'k-1'],
      ['watch', undefined],
    ]);
  });

  test('that the pool does not want is told at once', async () => {
    const pool = new ScriptedPool();
    pool.answer = ({ id, call }) => [
      call === 'auth'
        ? [{ id, status: 401, body: { code: 'UNAUTHENTICATED', detail: 'No such key.' } }]
        : [],
    ];
    await expect(client(pool, { apiKey: 'wrong' })).rejects.toMatchObject({
      ...{ name: 'UnauthenticatedError', detail: 'No such key.' },
    });
  });

  test('waits as long as it is asked to when it is too much at once', async () => {
    const pool = new ScriptedPool();
    let refusals = 1;
    let retryAfter = 1;
    const at: number[] = [];
    pool.answer = ({ id, call }) => {
      if (call !== 'lease') return [[{ id, status: 200, body: {} }]];
      at.push(Date.now());
      if (refusals-- > 0) {
        const body = { code: 'RATE_LIMITED', detail: 'x', retry_after_sec: retryAfter };
        return [[{ id, status: 429, body }]];
      }
      return [[{ id, status: 201, body: { outcome: 'granted', leases: [wireLease()] } }]];
    };
    const made = await client(pool);
    await made.lease({ tenant: 'guild' });
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(990);
    // The key of a request stays the same, and another request has another one.
    const keys = (await pool.heard('lease', 2)).map(({ idempotency_key: key }) => key);
    expect(new Set(keys).size).toBe(1);
    refusals = 1;
    retryAfter = 3_600;
    const refused = made.lease({ tenant: 'guild' });
    await expect(refused).rejects.toBeInstanceOf(RateLimitedError);
    await expect(refused).rejects.toMatchObject({ retryAfterSec: 3_600 });
    expect(pool.said.at(-1).idempotency_key).not.toBe(keys[0]);
  });

  test('reads a ticket that it is told of before it was told that it waits', async () => {
    const pool = new ScriptedPool();
    const at = '2026-01-01T00:00:00.000Z';
    const ticket = {
      ...{ ticket_id: 't-1', tenant: 'guild', state: 'queued', position: 1, eta_sec: 1 },
      ...{ queued_at: at, expires_at: '2026-01-01T00:01:00.000Z', priority: 'normal' },
      ...{ purpose: 'general', count: 1 },
    };
    const granted = { ...ticket, state: 'granted', position: 0, leases: [wireLease()] };
    pool.answer = ({ id, call }) => {
      if (call === 'watch') return [[{ id, status: 200, body: {} }]];
      if (call === 'ticket.get') return [[{ id, status: 200, body: granted }]];
      return [
        [
          { id, status: 202, body: { outcome: 'queued', ticket } },
          { push: 'ticket.granted', ticket: granted },
        ],
      ];
    };
    const made = await client(pool);
    const lease = await made.lease({ tenant: 'guild' });
    expect(lease.leaseId).toBe('l-1');
    expect(await pool.heard('ticket.get')).toHaveLength(1);
    // News of an older grant change nothing.
    pool.say([{ push: 'lease.replaced', lease: wireLease({ token: 7, agent_id: 'b' }) }]);
    pool.say([{ push: 'lease.replaced', lease: wireLease({ token: 6, agent_id: 'c' }) }]);
    await pause(20);
    expect(lease).toMatchObject({ agentId: 'b', token: 7 });
  });

  test('does not send a call that would cost the connection', async () => {
    const pool = new ScriptedPool();
    pool.answer = ({ id }) => [[{ id, status: 200, body: {} }]];
    const made = await client(pool);
    const metadata = { text: 'x'.repeat(2_000_000) };
    await expect(made.lease({ tenant: 'guild', metadata })).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
    expect(pool.connections).toBe(1);
  });
});
