import { describe, expect, test } from 'vitest';
import type { Command, HostedAgentSpec } from './command.ts';
import { DEFAULT_OPTIONS } from './options.ts';
import { Pool } from './pool.ts';

const ACCEPT = DEFAULT_OPTIONS.hosting.acceptTimeoutMs;
const GRACE = DEFAULT_OPTIONS.hosting.reconnectGraceMs;

function world(...agents: string[]) {
  const pool = new Pool(DEFAULT_OPTIONS);
  let now = 1_760_000_000_000;
  const tell = <C extends Command>(command: C) => pool.execute(command, now);
  const hello = (runner: string, ...specs: (string | HostedAgentSpec)[]) => {
    const outcome = tell({
      type: 'connect_agents',
      runner,
      agents: specs.map((spec) => (typeof spec === 'string' ? { agentId: spec } : spec)),
    });
    if (outcome.outcome !== 'connected') throw new Error(outcome.outcome);
    return outcome;
  };
  const lease = (tenant: string, more = {}) => {
    const outcome = tell({ type: 'lease', tenant, ...more });
    if (outcome.outcome !== 'granted') throw new Error(outcome.outcome);
    return outcome.leases[0];
  };
  const wait = (ms: number) => {
    now += ms;
    tell({ type: 'tick' });
  };
  const accept = (id: string) =>
    tell({ type: 'accept_lease', lease: id, token: pool.lease(id)?.token ?? 0 });
  if (agents.length > 0) hello('r1', ...agents);
  return { pool, tell, hello, lease, wait, accept };
}

describe('a hello', () => {
  test('registers agents that are new and changes those that are known', () => {
    const { pool, hello } = world();
    const first = hello('r1', { agentId: 'a', tools: ['music'], specialization: 'dj' });
    expect(first).toMatchObject({ agents: ['a'], draining: [], refused: [] });
    expect(pool.agent('a')).toMatchObject({ phase: 'available', tools: ['music'] });
    hello('r1', { agentId: 'a', tier: 'premium' });
    expect(pool.agent('a')).toMatchObject({ tier: 'premium', tools: ['music'] });
  });

  test('cannot move an agent to another specialization; the others are hosted all the same', () => {
    const { hello } = world('a');
    const { agents, refused } = hello('r1', { agentId: 'a', specialization: 'other' }, 'b');
    expect(agents).toEqual(['b']);
    expect(refused).toMatchObject([{ agentId: 'a', code: 'AGENT_EXISTS' }]);
  });

  test('finds the leases that the agents still hold, and says who is to leave', () => {
    const { pool, tell, hello, lease } = world('a', 'b');
    const { leaseId, agentId } = lease('t');
    tell({ type: 'disconnect_agents', agents: ['a', 'b'] });
    tell({ type: 'drain_agent', agent: 'b' });
    const { draining } = hello('r1', 'a', 'b');
    expect(pool.leasesOf(['a', 'b', 'c'])).toMatchObject([{ leaseId, agentId }]);
    expect(draining).toEqual(['b']);
  });

  test('of another process renews the tokens, so that the old one counts for nothing', () => {
    const { pool, tell, hello, lease, accept } = world('a');
    const { leaseId, token } = lease('t');
    accept(leaseId);
    tell({ type: 'disconnect_agents', agents: ['a'] });
    hello('r2', 'a');
    expect(pool.lease(leaseId)?.token).toBeGreaterThan(token);
    expect(pool.lease(leaseId)).toMatchObject({ agentId: 'a', state: 'allocated' });
    const late = tell({ type: 'report', lease: leaseId, state: 'active', token });
    expect(late).toMatchObject({ code: 'LEASE_TOKEN_STALE' });
  });
});

describe('a lease of a hosted agent', () => {
  test('that is not accepted in time goes to another agent, under a new token', () => {
    const { pool, lease, wait } = world('a', 'b');
    const { leaseId, agentId, token } = lease('t');
    wait(ACCEPT - 1);
    expect(pool.lease(leaseId)).toMatchObject({ agentId, token });
    wait(1);
    const moved = pool.lease(leaseId);
    expect(moved?.agentId).not.toBe(agentId);
    expect(moved?.token).toBeGreaterThan(token);
    expect(pool.agent(agentId)).toMatchObject({ health: 'degraded', phase: 'available' });
  });

  test('that nobody accepts ends', () => {
    const { pool, lease, wait } = world('a');
    const { leaseId } = lease('t');
    wait(ACCEPT);
    expect(pool.lease(leaseId)).toMatchObject({ reason: 'agent_failed_to_accept' });
  });

  test('that is accepted stays, and the agent is well', () => {
    const { pool, lease, wait, accept } = world('a', 'b');
    const { leaseId, agentId } = lease('t');
    accept(leaseId);
    wait(ACCEPT * 2);
    expect(pool.lease(leaseId)).toMatchObject({ agentId, state: 'allocated' });
    expect(pool.agent(agentId)).toMatchObject({ health: 'healthy' });
  });

  test('is not kept from another agent by a client that asks again and again', () => {
    const { pool, lease, wait } = world('a', 'b');
    const { leaseId, agentId } = lease('t');
    wait(ACCEPT - 1);
    expect(lease('t')).toMatchObject({ leaseId });
    wait(1);
    expect(pool.lease(leaseId)?.agentId).not.toBe(agentId);
  });

  test('that is rejected goes on at once', () => {
    const { pool, tell, lease } = world('a', 'b');
    const { leaseId, agentId, token } = lease('t');
    tell({ type: 'reject_lease', lease: leaseId, token });
    expect(pool.lease(leaseId)?.agentId).not.toBe(agentId);
    const again = tell({ type: 'reject_lease', lease: leaseId, token });
    expect(again).toMatchObject({ code: 'LEASE_TOKEN_STALE' });
  });

  test('that some reject goes to one that takes it, and to nobody twice', () => {
    const { pool, tell, lease, wait } = world('a', 'b', 'c');
    const { leaseId, agentId } = lease('t');
    const asked = [agentId];
    const reject = () => {
      const token = pool.lease(leaseId)?.token ?? 0;
      tell({ type: 'reject_lease', lease: leaseId, token });
      return pool.lease(leaseId);
    };
    asked.push(reject()?.agentId ?? '');
    wait(ACCEPT);
    asked.push(pool.lease(leaseId)?.agentId ?? '');
    expect(asked.toSorted()).toEqual(['a', 'b', 'c']);
    expect(reject()).toMatchObject({ reason: 'agent_failed_to_accept' });
    // What was held against them was about that lease alone.
    expect(lease('u').agentId).toMatch(/[abc]/);
  });

  test('of an agent without a socket needs no acceptance', () => {
    const { pool, tell, lease, wait } = world();
    const spec = { agentId: 'a', specialization: 'general', tools: [], tier: 'standard' } as const;
    const rest = { slots: 1, costPerHour: 0, labels: {}, protected: false, memberships: [] };
    tell({ type: 'register', agents: [{ ...spec, ...rest }] });
    const { leaseId } = lease('t');
    wait(ACCEPT * 3);
    expect(pool.lease(leaseId)).toMatchObject({ state: 'allocated' });
  });
});

describe('an agent whose runner has lost the connection', () => {
  test('gets nothing new, and keeps what it has if it comes back in time', () => {
    const { pool, tell, hello, lease, wait, accept } = world('a');
    const { leaseId, token } = lease('t');
    accept(leaseId);
    tell({ type: 'disconnect_agents', agents: ['a'] });
    expect(pool.agent('a')).toMatchObject({ phase: 'offline', health: 'healthy' });
    wait(GRACE - 1);
    hello('r1', 'a');
    wait(GRACE);
    expect(pool.lease(leaseId)).toMatchObject({ agentId: 'a', token });
  });

  test('is lost when the grace is over: its leases go on with others, or end', () => {
    const { pool, tell, lease, wait, accept, hello } = world('a');
    const { leaseId } = lease('t');
    accept(leaseId);
    hello('r2', 'b');
    tell({ type: 'disconnect_agents', agents: ['a'] });
    wait(GRACE);
    expect(pool.lease(leaseId)).toMatchObject({ agentId: 'b' });
    expect(pool.agent('a')).toMatchObject({ phase: 'offline', health: 'unhealthy' });
    tell({ type: 'disconnect_agents', agents: ['b'] });
    wait(GRACE);
    expect(pool.lease(leaseId)?.reason).toMatch(/agent_lost|agent_failed_to_accept/);
    hello('r1', 'a');
    expect(pool.agent('a')).toMatchObject({ phase: 'available', health: 'healthy' });
  });

  test('is away with all others when the pool starts', () => {
    const { pool, tell } = world('a', 'b');
    tell({ type: 'disconnect_agents' });
    expect(pool.stats().agents.byPhase).toMatchObject({ offline: 2 });
  });

  test('leaves at once when it retires and holds nothing', () => {
    const { pool, tell } = world('a');
    tell({ type: 'disconnect_agents', agents: ['a'] });
    tell({ type: 'retire_agent', agent: 'a' });
    expect(pool.agent('a')).toBeNull();
    tell({ type: 'tick' });
  });
});

describe('an agent without budget', () => {
  test('can say so with its hello, before anybody who waits is given to it', () => {
    const { pool, tell, hello } = world();
    const startable = tell({ type: 'lease', tenant: 'u', queue: false });
    expect(startable.outcome).toBe('refused');
    hello('r1', { agentId: 'a', available: false });
    const { outcome } = tell({ type: 'lease', tenant: 'u' });
    expect(outcome).toBe('queued');
    tell({ type: 'disconnect_agents', agents: ['a'] });
    hello('r1', { agentId: 'a', available: false });
    expect(pool.agent('a')?.leases).toEqual([]);
    hello('r1', { agentId: 'a' });
    expect(pool.agent('a')?.leases).toHaveLength(1);
  });

  test('gets nothing new, keeps what it has, and the explanation says so', () => {
    const { pool, tell, lease } = world('a');
    const { leaseId } = lease('t');
    tell({ type: 'set_budget', agent: 'a', available: false });
    expect(pool.lease(leaseId)).toMatchObject({ state: 'allocated' });
    tell({ type: 'release', lease: leaseId });
    const refused = tell({ type: 'lease', tenant: 'u', queue: false, explain: true });
    expect(refused).toMatchObject({ explain: { rejected: { NO_BUDGET: 1 } } });
    const queued = tell({ type: 'lease', tenant: 'u' });
    expect(queued.outcome).toBe('queued');
    tell({ type: 'set_budget', agent: 'a', available: true });
    expect(pool.agent('a')?.leases).toHaveLength(1);
  });
});
