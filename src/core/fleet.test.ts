import { describe, expect, test } from 'vitest';
import type { Command } from './command.ts';
import { specOf } from './fleet.ts';
import { DEFAULT_OPTIONS } from './options.ts';
import { Pool } from './pool.ts';

const ANALYSIS = { name: 'analysis', agentName: 'analyst', tools: [], slots: 1 };
const CORE = 'analyst_1';
const POLICY = {
  scaleUpThreshold: 0.75,
  scaleDownThreshold: 0.25,
  scaleUpCooldownMs: 0,
  scaleDownCooldownMs: 0,
  unhealthyThreshold: 3,
  utilizationHigh: 0.9,
  utilizationLow: 0.3,
};
const MINUTE = 60_000;

/** A core agent that is up, and a clock. */
function world(min = 1) {
  const startable = [{ ...ANALYSIS, max: 5 }];
  const pool = new Pool({ ...DEFAULT_OPTIONS, startable });
  let now = 1_760_000_000_000;
  const tell = <C extends Command>(command: C) => pool.execute(command, now);
  const beat = (...loads: [string, number][]) => tell({ type: 'heartbeat', agents: loads });
  const check = (more: Partial<Extract<Command, { type: 'check_fleet' }>> = {}) => {
    const taken = pool.fleetAgents().map(({ port }) => port);
    const ports = [9_301, 9_302, 9_303, 9_304, 9_305].filter((port) => !taken.includes(port));
    const outcome = tell({
      type: 'check_fleet',
      countMisses: true,
      onlyReplace: false,
      enabled: true,
      policy: POLICY,
      kinds: [{ ...ANALYSIS, min, max: 5, ports, blocked: null }],
      ...more,
    });
    if (outcome.outcome !== 'fleet_checked') throw new Error(outcome.outcome);
    return outcome;
  };
  const lease = (tenant: string) => {
    const outcome = tell({ type: 'lease', tenant, specialization: 'analysis' });
    if (outcome.outcome !== 'granted') throw new Error(outcome.outcome);
    return outcome.leases[0]!;
  };
  const wait = (ms: number) => {
    now += ms;
  };
  return { pool, tell, beat, check, lease, wait };
}

function withCore() {
  const all = world();
  all.tell({ type: 'register', agents: [specOf(ANALYSIS, CORE, 9_301, true)] });
  all.beat([CORE, 0.5]);
  return all;
}

function withTwo() {
  const all = withCore();
  all.beat([CORE, 0.9]);
  all.check();
  all.beat([CORE, 0.5], ['analyst_2', 0.5]);
  return all;
}

describe('an agent that is starting', () => {
  test('is granted to nobody before its first heartbeat', () => {
    const { pool, beat, check, lease, tell } = withCore();
    lease('a');
    beat([CORE, 0.9]);
    expect(check().actions).toMatchObject([{ kind: 'scale_up', agent: 'analyst_2' }]);
    expect(pool.agent('analyst_2')).toMatchObject({ phase: 'starting', labels: { port: '9302' } });
    const outcome = tell({ type: 'lease', tenant: 'b', specialization: 'analysis' });
    expect(outcome.outcome).toBe('queued');
    beat(['analyst_2', 0]);
    expect(pool.agent('analyst_2')?.leases).toHaveLength(1);
  });

  test('brings no false zero into the average', () => {
    const { beat, check } = withCore();
    beat([CORE, 0.9]);
    check();
    expect(check().actions).toMatchObject([{ kind: 'scale_up', reason: 'High load: 0.90 > 0.75' }]);
  });
});

test('two that are busy get a third, whose reason is their average', () => {
  const { beat, check } = withTwo();
  beat([CORE, 0.9], ['analyst_2', 0.85]);
  expect(check().actions).toMatchObject([
    { kind: 'scale_up', agent: 'analyst_3', reason: 'High load: 0.88 > 0.75' },
  ]);
});

test('the one that leaves finishes what it is doing', () => {
  const { pool, beat, check, lease, tell } = withTwo();
  lease('a');
  const held = lease('b');
  expect(held.agentId).toBe('analyst_2');
  tell({ type: 'report', lease: held.leaseId, token: held.token, state: 'active' });
  beat([CORE, 0.1], ['analyst_2', 0.1]);
  expect(check().actions).toMatchObject([{ kind: 'scale_down', agent: 'analyst_2' }]);
  expect(pool.lease(held.leaseId)?.state).toBe('active');
  tell({ type: 'release', lease: held.leaseId });
  expect(pool.agent('analyst_2')).toBeNull();
});

test('a silent agent keeps its tenant until its replacement is heard', () => {
  const { pool, beat, check, lease, wait } = withTwo();
  lease('a');
  const held = lease('b');
  for (let missed = 1; missed <= 3; missed++) {
    wait(3 * MINUTE);
    beat([CORE, 0.5]);
    const { actions } = check();
    if (missed < 3) expect(actions).toEqual([]);
    else expect(actions).toMatchObject([{ agent: 'analyst_3', replaces: 'analyst_2' }]);
  }
  expect(pool.lease(held.leaseId)).toMatchObject({ agentId: 'analyst_2', token: held.token });
  beat(['analyst_3', 0]);
  const moved = pool.lease(held.leaseId);
  expect(moved?.agentId).toBe('analyst_3');
  expect(moved?.token).toBeGreaterThan(held.token);
  expect(pool.agent('analyst_2')).toBeNull();
});

test('what waited for a replacement that fails to start ends', () => {
  const { pool, check, lease, tell } = withTwo();
  lease('a');
  const held = lease('b');
  tell({ type: 'agent_lost', agent: 'analyst_2', because: 'Process exited: signal SIGKILL' });
  const { actions } = check({ onlyReplace: true });
  expect(actions).toMatchObject([{ reason: 'Process exited: signal SIGKILL' }]);
  tell({ type: 'start_failed', agent: 'analyst_3', because: 'no such program' });
  expect(pool.lease(held.leaseId)?.reason).toBe('agent_lost');
  expect(pool.agent('analyst_3')).toBeNull();
  expect(pool.scalingRecords(1)).toMatchObject([{ kind: 'scale_failed', agent: 'analyst_3' }]);
});

test('a protected agent comes back under its own id, with its lease', () => {
  const { pool, beat, check, lease, tell } = withCore();
  const held = lease('a');
  tell({ type: 'agent_lost', agent: CORE, because: 'Process exited: code 1' });
  check({ onlyReplace: true });
  expect(pool.agent(CORE)?.phase).toBe('starting');
  beat([CORE, 0]);
  expect(pool.lease(held.leaseId)).toMatchObject({ agentId: CORE, state: 'allocated' });
});

test('what the tenant holds of an agent that is starting again is not given to it as ready', () => {
  const { check, lease, tell } = withCore();
  lease('a');
  tell({ type: 'agent_lost', agent: CORE, because: 'Process exited: code 1' });
  check({ onlyReplace: true });
  const outcome = tell({ type: 'lease', tenant: 'a', specialization: 'analysis' });
  expect(outcome.outcome).toBe('queued');
});

test('an agent that has recovered keeps its lease when its replacement fails to start', () => {
  const { pool, beat, check, lease, tell } = withTwo();
  lease('a');
  const held = lease('b');
  tell({ type: 'agent_lost', agent: 'analyst_2', because: 'Process exited: code 1' });
  check({ onlyReplace: true });
  beat(['analyst_2', 0]);
  tell({ type: 'start_failed', agent: 'analyst_3', because: 'no such program' });
  expect(pool.lease(held.leaseId)).toMatchObject({ agentId: 'analyst_2', state: 'allocated' });
});

test('an id with a huge number does not become the count of the others', () => {
  const { beat, check, tell } = withCore();
  const huge = { ...specOf(ANALYSIS, 'analyst_9007199254740991', 9_305, false), managed: false };
  tell({ type: 'register', agents: [huge] });
  beat([CORE, 0.9], [huge.agentId, 0.9]);
  expect(check().actions).toMatchObject([{ kind: 'scale_up', agent: 'analyst_2' }]);
});

test('a request for agents that can be started waits for one', () => {
  const { pool, beat, check, tell } = world(0);
  const outcome = tell({ type: 'lease', tenant: 'a', specialization: 'analysis' });
  expect(outcome.outcome).toBe('queued');
  expect(check().actions).toMatchObject([{ kind: 'scale_up', agent: 'analyst_1' }]);
  beat(['analyst_1', 0]);
  expect(pool.leases({ limit: 1 }).items).toMatchObject([{ tenant: 'a', agentId: 'analyst_1' }]);
});

test('switched off it starts and stops nothing, and says so, also after a restart', () => {
  const { pool, beat, check, tell } = withCore();
  tell({ type: 'switch_autoscaler', enabled: false });
  beat([CORE, 1]);
  expect(check()).toMatchObject({
    actions: [],
    skipped: [{ specialization: 'analysis', reason: 'disabled' }],
  });
  const again = new Pool(DEFAULT_OPTIONS);
  again.restore(pool.dump());
  expect(again.fleet().enabled).toBe(false);
});
