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
  const { pool, beat, check, lease, tell, wait } = withTwo();
  lease('a');
  const held = lease('b');
  for (let missed = 1; missed <= 3; missed++) {
    wait(3 * MINUTE);
    beat([CORE, 0.5]);
    check();
  }
  expect(pool.agent('analyst_3')?.phase).toBe('starting');
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

/** Agents of one kind, all heard of, `name_1` with the load that is named first, and so on. */
function running(kind: typeof ANALYSIS, ...loads: number[]) {
  const all = world();
  const agents = loads.map((_, i) => specOf(kind, `${kind.agentName}_${i + 1}`, 9_301 + i, false));
  all.tell({ type: 'register', agents });
  const hear = () => {
    all.beat(...loads.map((load, i): [string, number] => [`${kind.agentName}_${i + 1}`, load]));
  };
  hear();
  const kinds = (ports: readonly number[], more: { min?: number; max?: number } = {}) => [
    { ...kind, min: 1, max: 5, ports, blocked: null, ...more },
  ];
  const work = (tenant: string) => {
    const asked = { type: 'lease', tenant, specialization: kind.name, reuse: false } as const;
    const outcome = all.tell(asked);
    if (outcome.outcome !== 'granted') throw new Error(outcome.outcome);
    const held = outcome.leases[0]!;
    const { leaseId, token } = held;
    all.tell({ type: 'report', lease: leaseId, token, state: 'active' });
    return held;
  };
  /** Misses heartbeats of those that are not named until they are lost. */
  const silence = (heard: readonly string[], ports: readonly number[] = []) => {
    for (let missed = 1; missed < 3; missed++) {
      all.wait(3 * MINUTE);
      all.beat(...heard.map((id): [string, number] => [id, 0.5]));
      all.check({ kinds: kinds(ports), onlyReplace: true });
    }
    all.wait(3 * MINUTE);
    all.beat(...heard.map((id): [string, number] => [id, 0.5]));
    return all.check({ kinds: kinds(ports), onlyReplace: true });
  };
  const lose = (agent: string) => all.tell({ type: 'agent_lost', agent, because: LOST });
  return { ...all, hear, kinds, work, silence, lose };
}

/** An agent that somebody else has started. */
function own(agentId: string) {
  return { ...specOf(ANALYSIS, agentId, 0, false), labels: {}, managed: false };
}

const LOST = 'Process exited: signal SIGKILL';
const RESEARCH = { name: 'research', agentName: 'researcher', tools: [], slots: 1 };
const EXECUTION = { name: 'execution', agentName: 'executor', tools: [], slots: 1 };

test('loads of 0.9 and 0.85 bring researcher_3, on the next free port', () => {
  const { pool, check, kinds } = running(RESEARCH, 0.9, 0.85);
  expect(check({ kinds: kinds([9_303, 9_304]) }).actions).toMatchObject([
    { kind: 'scale_up', specialization: 'research', agent: 'researcher_3' },
  ]);
  expect(pool.agent('researcher_3')).toMatchObject({
    phase: 'starting',
    labels: { port: '9303', endpoint: 'http://127.0.0.1:9303' },
  });
});

test('loads of 0.1, 0.15 and 0.05 let executor_3 go, at once where it serves nobody', () => {
  const { pool, check, kinds } = running(EXECUTION, 0.1, 0.15, 0.05);
  expect(check({ kinds: kinds([9_304]) }).actions).toMatchObject([
    { kind: 'scale_down', agent: 'executor_3', reason: 'Low load: 0.10 < 0.25' },
  ]);
  expect(pool.agent('executor_3')).toBeNull();
});

test('executor_3 drains first when it holds an active lease, and its idle leases end', () => {
  const { pool, check, kinds, work, tell } = running({ ...EXECUTION, slots: 2 }, 0.1, 0.15, 0.05);
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map(work);
  const [active, idle] = all.filter(({ agentId }) => agentId === 'executor_3');
  tell({ type: 'report', lease: idle!.leaseId, token: idle!.token, state: 'idle' });
  check({ kinds: kinds([9_304]) });
  expect(pool.agent('executor_3')).toMatchObject({ phase: 'draining', leases: [active!.leaseId] });
  expect(pool.lease(idle!.leaseId)?.reason).toBe('scaled_down');
  tell({ type: 'release', lease: active!.leaseId });
  expect(pool.agent('executor_3')).toBeNull();
});

test('records say what was done and why, the newest first', () => {
  const { pool, hear, check, kinds, tell } = running(RESEARCH, 0.9, 0.85);
  check({ kinds: kinds([9_303]) });
  tell({ type: 'start_failed', agent: 'researcher_3', because: 'no such program' });
  hear();
  tell({ type: 'agent_lost', agent: 'researcher_2', because: 'Process exited: code 1' });
  check({ kinds: kinds([9_304]), onlyReplace: true });
  const told = pool.scalingRecords(10).map(({ kind, agent, reason }) => [kind, agent, reason]);
  expect(told).toEqual([
    ['replace_unhealthy', 'researcher_4', 'Process exited: code 1'],
    ['scale_failed', 'researcher_3', 'no such program'],
    ['scale_up', 'researcher_3', 'High load: 0.88 > 0.75'],
  ]);
});

test('the last 10,000 records are kept, and all are counted, also after a restart', () => {
  const { pool, tell } = world();
  for (let i = 0; i < 12_500; i++) {
    tell({ type: 'register', agents: [specOf(ANALYSIS, 'analyst_1', 9_301, false)] });
    tell({ type: 'start_failed', agent: 'analyst_1', because: `attempt ${i}` });
  }
  const again = new Pool(DEFAULT_OPTIONS);
  again.restore(structuredClone(pool.dump()));
  for (const each of [pool, again]) {
    const records = each.scalingRecords(100_000);
    expect(records).toHaveLength(10_000);
    expect([records[0]?.reason, records.at(-1)?.reason]).toEqual(['attempt 12499', 'attempt 2500']);
    expect(each.fleet().recorded).toBe(12_500);
  }
});

describe('an agent that drains', () => {
  test('keeps no tenant waiting after its process has ended', () => {
    const { pool, check, kinds, work, tell, lose } = running(ANALYSIS, 0.5);
    const held = work('a');
    tell({ type: 'drain_agent', agent: 'analyst_1' });
    lose('analyst_1');
    expect(pool.lease(held.leaseId)?.state).toBe('active');
    check({ kinds: kinds([9_302]) });
    expect(pool.lease(held.leaseId)?.reason).toBe('agent_lost');
  });

  test('hands its lease on when it falls silent, and ends it where nobody is free', () => {
    for (const isFree of [true, false]) {
      const { pool, work, tell, silence } = running(ANALYSIS, 0.5, 0.5);
      const held = [work('a'), work('b')];
      const drained = held[0]!;
      const [other] = ['analyst_1', 'analyst_2'].filter((id) => id !== drained.agentId);
      tell({ type: 'drain_agent', agent: drained.agentId });
      if (isFree) tell({ type: 'release', lease: held[1]!.leaseId });
      // Nobody is started in its place: it was to leave.
      expect(silence([other!], [9_303]).actions).toEqual([]);
      if (isFree) expect(pool.lease(drained.leaseId)?.agentId).toBe(other);
      else expect(pool.lease(drained.leaseId)?.reason).toBe('agent_lost');
    }
  });

  test('keeps its lease while somebody is on the way in its place', () => {
    const { pool, beat, check, kinds, work, tell, lose } = running(ANALYSIS, 0.5);
    const held = work('a');
    lose('analyst_1');
    check({ kinds: kinds([9_302]), onlyReplace: true });
    tell({ type: 'drain_agent', agent: 'analyst_1' });
    check({ kinds: kinds([]) });
    expect(pool.lease(held.leaseId)).toMatchObject({ agentId: 'analyst_1', state: 'active' });
    beat(['analyst_2', 0.5]);
    expect(pool.lease(held.leaseId)?.agentId).toBe('analyst_2');
  });
});

describe('a replacement', () => {
  test('that is lost before it was heard of has failed to start', () => {
    const { pool, check, kinds, work, lose } = running(ANALYSIS, 0.5);
    const held = work('a');
    lose('analyst_1');
    check({ kinds: kinds([9_302]), onlyReplace: true });
    lose('analyst_2');
    expect(pool.lease(held.leaseId)?.reason).toBe('agent_lost');
    expect(pool.agent('analyst_2')).toBeNull();
    expect(pool.scalingRecords(1)).toMatchObject([{ kind: 'scale_failed', reason: LOST }]);
  });

  test('takes over when it is heard of after all, also where it tells its health', () => {
    const { pool, check, kinds, lose, tell } = running(ANALYSIS, 0.5);
    lose('analyst_1');
    check({ kinds: kinds([9_302]), onlyReplace: true });
    tell({ type: 'update_agent', agent: 'analyst_2', changes: { protected: true } });
    tell({ type: 'start_failed', agent: 'analyst_2', because: LOST });
    const again = new Pool(DEFAULT_OPTIONS);
    again.restore(pool.dump());
    const heard = [['analyst_2', 0.5]] as const;
    again.execute({ type: 'heartbeat', agents: heard, health: 'healthy' }, 1_760_000_000_000);
    expect(again.agent('analyst_2')?.phase).toBe('available');
    expect(again.agent('analyst_1')).toBeNull();
  });

  test('whose start is held back keeps nobody waiting', () => {
    const { pool, beat, check, kinds, work, tell, silence, lose } = running(ANALYSIS, 0.5);
    const held = work('a');
    silence([], [9_302]);
    expect(pool.agent('analyst_2')?.phase).toBe('starting');
    beat(['analyst_1', 0.5]);
    tell({ type: 'update_agent', agent: 'analyst_2', changes: { protected: true } });
    tell({ type: 'start_failed', agent: 'analyst_2', because: LOST });
    lose('analyst_1');
    expect(pool.lease(held.leaseId)?.state).toBe('active');
    const [kind] = kinds([9_303]);
    check({ kinds: [{ ...kind!, blocked: 'quarantined 212 s left' }] });
    expect(pool.lease(held.leaseId)?.reason).toBe('agent_lost');
  });

  test('comes under the id of the lost agent where no other port is free', () => {
    const { pool, beat, check, kinds, work, lose } = running(ANALYSIS, 0.5, 0.5);
    const held = [work('a'), work('b')].find(({ agentId }) => agentId === 'analyst_2')!;
    lose('analyst_2');
    expect(check({ kinds: kinds([], { min: 2, max: 2 }) })).toMatchObject({
      actions: [{ kind: 'replace_unhealthy', agent: 'analyst_2', replaces: 'analyst_2' }],
      skipped: [],
    });
    beat(['analyst_2', 0]);
    expect(pool.lease(held.leaseId)?.agentId).toBe('analyst_2');
  });

  test('stays beside an agent that has become protected meanwhile', () => {
    const { pool, beat, check, kinds, lose, tell } = running(ANALYSIS, 0.5);
    lose('analyst_1');
    check({ kinds: kinds([9_302]), onlyReplace: true });
    tell({ type: 'update_agent', agent: 'analyst_1', changes: { protected: true } });
    beat(['analyst_2', 0.5]);
    expect(pool.agent('analyst_2')?.phase).toBe('available');
    expect(check({ kinds: kinds([9_303]), onlyReplace: true }).actions).toMatchObject([
      { kind: 'replace_unhealthy', agent: 'analyst_1', replaces: 'analyst_1' },
    ]);
    const again = new Pool(DEFAULT_OPTIONS);
    again.apply(pool.takeEvents());
    expect(again.dump()).toEqual(pool.dump());
  });
});

test('a lost agent hands its lease on before a free one is let go', () => {
  const { pool, beat, check, kinds, work, tell, wait } = running(ANALYSIS, 0.1, 0.1);
  tell({ type: 'register', agents: [own('own')] });
  const all = ['a', 'b', 'c'].map(work);
  const held = all.find(({ agentId }) => agentId === 'own')!;
  const heard: [string, number][] = [
    ['analyst_1', 0.1],
    ['analyst_2', 0.1],
  ];
  for (let missed = 1; missed <= 3; missed++) {
    if (missed === 3) {
      tell({ type: 'release', lease: all.find(({ agentId }) => agentId === 'analyst_2')!.leaseId });
    }
    wait(3 * MINUTE);
    beat(...heard);
    check({ kinds: kinds([]), onlyReplace: missed < 3 });
  }
  expect(pool.lease(held.leaseId)).toMatchObject({ agentId: 'analyst_2' });
  expect(pool.lease(held.leaseId)?.reason).toBeUndefined();
});

test('an id that somebody else has used is not given out', () => {
  const { check, kinds, tell } = running(ANALYSIS, 0.9);
  const elsewhere = { ...own('analyst_3'), specialization: 'research' };
  const ids = ['analyst_2', elsewhere.agentId, 'other_7', 'analyst_08'];
  tell({ type: 'register', agents: ids.map((id) => (id === 'analyst_3' ? elsewhere : own(id))) });
  for (const agent of ids) tell({ type: 'retire_agent', agent });
  expect(check({ kinds: kinds([9_302]) }).actions[0]?.agent).toBe('analyst_4');
});

test('the answer to the loss of an agent shows what it still holds', () => {
  const { pool, work, lose, tell } = running(ANALYSIS, 0.5, 0.5);
  const { agentId } = work('a');
  expect(lose(agentId)).toMatchObject({ outcome: 'agent', agent: { leases: [], usedSlots: 0 } });
  expect(pool.agent(agentId)).not.toBeNull();
  const failed = tell({ type: 'start_failed', agent: agentId, because: LOST });
  expect(failed).toMatchObject({ agent: { agentId, phase: 'retired' } });
});

test.each(['agent_lost', 'start_failed', 'agent_starting'] as const)(
  '%s is refused of an agent that somebody else has started',
  (type) => {
    const { pool, tell } = running(ANALYSIS, 0.5);
    tell({ type: 'register', agents: [own('own')] });
    expect(tell({ type, agent: 'own', because: LOST })).toMatchObject({
      outcome: 'refused',
      code: 'INVALID_REQUEST',
      detail: 'The agent "own" is not started by this pool.',
    });
    expect(pool.agent('own')).toMatchObject({ health: 'healthy', phase: 'available' });
  },
);

test('of no records none are given', () => {
  const { pool, check, kinds } = running(RESEARCH, 0.9);
  check({ kinds: kinds([9_302]) });
  expect(pool.scalingRecords(1)).toHaveLength(1);
  expect(pool.scalingRecords(0)).toEqual([]);
});

describe('a heartbeat that was under way', () => {
  test('does not revive an agent whose process has ended, until it starts again', () => {
    const { pool, beat, check, kinds, lose, tell } = running(ANALYSIS, 0.5);
    lose('analyst_1');
    beat(['analyst_1', 0.5]);
    tell({ type: 'heartbeat', agents: [['analyst_1', 0.5]], health: 'healthy' });
    expect(pool.agent('analyst_1')?.phase).toBe('offline');
    const { actions } = check({ kinds: kinds([], { min: 1 }) });
    expect(actions).toMatchObject([{ replaces: 'analyst_1', reason: LOST }]);
    beat(['analyst_1', 0.5]);
    expect(pool.agent('analyst_1')?.phase).toBe('available');
  });

  test('revives an agent that was only silent', () => {
    const { pool, beat, silence } = running(ANALYSIS, 0.5, 0.5);
    silence(['analyst_2'], [9_303]);
    expect(pool.agent('analyst_1')?.health).toBe('unhealthy');
    beat(['analyst_1', 0.5]);
    expect(pool.agent('analyst_1')?.phase).toBe('available');
  });
});
