/**
 * The autoscaler's rules by example. That they hold in every combination, and through months of
 * load, is the business of test/property.
 */
import { describe, expect, test } from 'vitest';
import {
  type AgentSample,
  decideScaling,
  type ScalingDecision,
  type ScalingInput,
  type ScalingPolicy,
  type SpecializationSample,
} from './autoscale.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const NOW = Date.UTC(2025, 5, 2, 10);

const POLICY: ScalingPolicy = {
  scaleUpThreshold: 0.75,
  scaleDownThreshold: 0.25,
  scaleUpCooldownMs: 5 * MINUTE,
  scaleDownCooldownMs: 10 * MINUTE,
  unhealthyThreshold: 3,
  utilizationHigh: 0.9,
  utilizationLow: 0.3,
};

function agent(id: string, more: Partial<AgentSample> = {}): AgentSample {
  return { id, load: 0, phase: 'running', protected: false, misses: 0, managed: true, ...more };
}

function running(...loads: number[]): AgentSample[] {
  return loads.map((load, i) => agent(`researcher_${i + 1}`, { load }));
}

const starting = (id: string) => agent(id, { phase: 'starting' });
const lost = (id: string, more: Partial<AgentSample> = {}) =>
  agent(id, { phase: 'lost', misses: 3, ...more });

type Sample = Partial<SpecializationSample>;

function research(agents: AgentSample[], more: Sample = {}): SpecializationSample {
  return {
    ...{ name: 'research', min: 1, max: 5, lastUpAt: -Infinity, lastDownAt: -Infinity },
    ...{ agents, startable: 50, blocked: null, wanted: 0, utilization: 0, ...more },
  };
}

function decide(
  specializations: SpecializationSample[],
  more: Partial<ScalingInput> = {},
): ScalingDecision {
  const calm = { enabled: true, policy: POLICY, now: NOW, utilization: 0.5, queued: 0 };
  return decideScaling({ ...calm, ...more, specializations });
}

/** A decision in short: `scale_up High load: 0.87 > 0.75`, `skipped at max 5`. */
function told(agents: AgentSample[], sample: Sample = {}, more: Partial<ScalingInput> = {}) {
  const { actions, skipped } = decide([research(agents, sample)], more);
  return [
    ...actions.map((each) =>
      'agent' in each ? `${each.type} ${each.agent} ${each.reason}` : `${each.type} ${each.reason}`,
    ),
    ...skipped.map(({ reason }) => `skipped ${reason}`),
  ];
}

describe('high load', () => {
  test('starts one agent', () => {
    expect(decide([research(running(0.8, 0.85, 0.96))])).toEqual({
      actions: [{ type: 'scale_up', specialization: 'research', reason: 'High load: 0.87 > 0.75' }],
      skipped: [],
    });
    expect(told(running(0.8, 0.85, 0.9))).toEqual(['scale_up High load: 0.85 > 0.75']);
  });

  test('counts running agents only: no false zero, and none from those that leave', () => {
    const others = [
      starting('researcher_7'),
      agent('researcher_8', { phase: 'draining' }),
      agent('other_1', { phase: 'lost', managed: false }),
    ];
    expect(told([...running(0.9, 0.8), ...others])).toEqual(['scale_up High load: 0.85 > 0.75']);
  });

  test('no agent above the maximum, those that are starting included', () => {
    const full = [...running(0.9, 0.9, 0.9, 0.9), starting('researcher_5')];
    expect(told(full)).toEqual(['skipped at max 5']);
    expect(told(full, { max: 6 })).toEqual(['scale_up High load: 0.90 > 0.75']);
  });

  test('agents that drain or are lost leave room', () => {
    const leaving = agent('researcher_5', { phase: 'draining', load: 0.9 });
    expect(told([...running(0.9, 0.9, 0.9, 0.9), leaving])).toEqual([
      'scale_up High load: 0.90 > 0.75',
    ]);
  });

  test('waits for the cooldown, to the millisecond', () => {
    const busy = running(0.9);
    expect(told(busy, { lastUpAt: NOW - 88 * SECOND })).toEqual(['skipped cooldown 212 s left']);
    expect(told(busy, { lastUpAt: NOW - 5 * MINUTE + 1 })).toEqual(['skipped cooldown 1 s left']);
    expect(told(busy, { lastUpAt: NOW - 5 * MINUTE })).toHaveLength(1);
    expect(told(busy, { lastUpAt: NOW - 5 * MINUTE })[0]).toContain('scale_up');
  });

  test('a scale-down holds no scale-up back', () => {
    expect(told(running(0.9), { lastDownAt: NOW - 1 })).toEqual([
      'scale_up High load: 0.90 > 0.75',
    ]);
  });

  test('says what stands in the way for longest', () => {
    const cooling = { lastUpAt: NOW - SECOND };
    const blocked = 'quarantined 212 s left';
    expect(told(running(0.9), { ...cooling, startable: 0 })).toEqual(['skipped ports exhausted']);
    expect(told(running(0.9), { ...cooling, blocked })).toEqual([`skipped ${blocked}`]);
    expect(told(running(0.9), { ...cooling, blocked, max: 1 })).toEqual(['skipped at max 1']);
  });

  test('is not reached by a load that equals the threshold', () => {
    expect(told(running(0.75, 0.75))).toEqual(['skipped load 0.75 is between 0.25 and 0.75']);
    // In the machine's arithmetic the average of 0.2 and 0.4 is more than 0.3.
    const policy = { ...POLICY, scaleUpThreshold: 0.3 };
    expect(told(running(0.2, 0.4), {}, { policy })).toEqual([
      'skipped load 0.30 is between 0.25 and 0.30',
    ]);
  });

  test('is told with two decimals, and with more where two would not be true', () => {
    expect(told(running(0.9))).toEqual(['scale_up High load: 0.90 > 0.75']);
    expect(told(running(0.751))).toEqual(['scale_up High load: 0.751 > 0.75']);
    expect(told(running(0.75001))).toEqual(['scale_up High load: 0.75001 > 0.75']);
    const policy = { ...POLICY, scaleUpThreshold: 0.755 };
    expect(told(running(0.757), {}, { policy })).toEqual(['scale_up High load: 0.757 > 0.755']);
    expect(told(running(1), {}, { policy: { ...POLICY, scaleUpThreshold: 0.5 } })).toEqual([
      'scale_up High load: 1.00 > 0.50',
    ]);
  });

  test('takes a load that is no number for none', () => {
    expect(told(running(Number.NaN, 0.9))).toEqual(['skipped load 0.45 is between 0.25 and 0.75']);
    expect(told(running(Number.POSITIVE_INFINITY))).toEqual(['skipped at min 1']);
  });
});

describe('low load', () => {
  test('lets the least loaded agent go', () => {
    expect(decide([research(running(0.1, 0.15, 0.05))]).actions).toEqual([
      {
        type: 'scale_down',
        specialization: 'research',
        agent: 'researcher_3',
        reason: 'Low load: 0.10 < 0.25',
      },
    ]);
  });

  test('of equal agents the one with the highest number goes', () => {
    const idle = ['researcher_9', 'researcher_10', 'researcher_2'].map((id) => agent(id));
    expect(told(idle)).toEqual(['scale_down researcher_10 Low load: 0.00 < 0.25']);
    const named = ['b_1', 'c_1', 'a_1', 'z'].map((id) => agent(id));
    expect(told(named)).toEqual(['scale_down c_1 Low load: 0.00 < 0.25']);
    const inside = ['a_7b', 'a_6_x', 'a_9_1'].map((id) => agent(id));
    expect(told(inside)).toEqual(['scale_down a_7b Low load: 0.00 < 0.25']);
  });

  test('a protected agent stays, and the next one goes', () => {
    const [first, second] = running(0, 0.2);
    expect(told([{ ...first, protected: true }, second])).toEqual([
      'scale_down researcher_2 Low load: 0.10 < 0.25',
    ]);
    expect(told([first, second].map((each) => ({ ...each, protected: true })))).toEqual([
      'skipped only protected agents left',
    ]);
  });

  test('stops at the minimum; agents that drain or are lost do not keep it', () => {
    expect(told(running(0))).toEqual(['skipped at min 1']);
    const gone = [
      agent('researcher_2', { phase: 'draining' }),
      agent('other_1', { phase: 'lost', managed: false }),
    ];
    expect(told([...running(0), ...gone])).toEqual(['skipped at min 1']);
    expect(told(running(0), { min: 0 })).toEqual(['scale_down researcher_1 Low load: 0.00 < 0.25']);
  });

  test('waits for both cooldowns: since the last agent left, and since the last one came', () => {
    const idle = running(0, 0);
    const recently = NOW - 388 * SECOND;
    expect(told(idle, { lastDownAt: recently })).toEqual(['skipped cooldown 212 s left']);
    expect(told(idle, { lastUpAt: recently })).toEqual(['skipped cooldown 212 s left']);
    const over = NOW - 10 * MINUTE;
    expect(told(idle, { lastUpAt: over, lastDownAt: over })[0]).toContain('scale_down');
    expect(told(idle, { lastUpAt: over + 1, lastDownAt: over })).toEqual([
      'skipped cooldown 1 s left',
    ]);
  });

  test('waits for agents that are starting', () => {
    expect(told([...running(0, 0), starting('researcher_3'), starting('researcher_4')])).toEqual([
      'skipped waiting for researcher_3 to start',
    ]);
  });

  test('is not reached by a load that equals the threshold', () => {
    expect(told(running(0.25, 0.25))).toEqual(['skipped load 0.25 is between 0.25 and 0.75']);
    // In the machine's arithmetic the average of 0.1 and 0.7 is less than 0.4.
    const policy = { ...POLICY, scaleDownThreshold: 0.4 };
    expect(told(running(0.1, 0.7), {}, { policy })).toEqual([
      'skipped load 0.40 is between 0.40 and 0.75',
    ]);
  });
});

describe('lost agents', () => {
  test('are replaced under another id, a protected one under its own', () => {
    const agents = [...running(0.5), lost('researcher_2'), lost('core', { protected: true })];
    const common = { type: 'replace_unhealthy', specialization: 'research' };
    const reason = 'Missed heartbeats: 3 >= 3';
    expect(decide([research(agents)])).toEqual({
      actions: [
        { ...common, agent: 'core', sameId: true, reason },
        { ...common, agent: 'researcher_2', sameId: false, reason },
      ],
      skipped: [],
    });
  });

  test('the reason is how the process ended, where that is known', () => {
    const lostBecause = 'Process exited: signal SIGKILL';
    expect(told([lost('researcher_1', { lostBecause })])).toEqual([
      `replace_unhealthy researcher_1 ${lostBecause}`,
    ]);
  });

  test('count through their replacement, once', () => {
    expect(told([lost('a_1'), lost('a_2')], { min: 2 })).toEqual([
      'replace_unhealthy a_1 Missed heartbeats: 3 >= 3',
      'replace_unhealthy a_2 Missed heartbeats: 3 >= 3',
    ]);
    expect(told([lost('a_1')], { min: 3 })).toEqual([
      'replace_unhealthy a_1 Missed heartbeats: 3 >= 3',
      'scale_up Below minimum: 1 < 3',
      'scale_up Below minimum: 2 < 3',
    ]);
  });

  test('are replaced while there is room, a protected one always', () => {
    const five = running(0.5, 0.5, 0.5, 0.5, 0.5);
    expect(told([...five, lost('researcher_6')])).toEqual(['skipped at max 5']);
    expect(told([...five, lost('core', { protected: true })])).toEqual([
      'replace_unhealthy core Missed heartbeats: 3 >= 3',
    ]);
    // The protected one takes the last place, wherever it stands in the list.
    const both = [lost('researcher_6'), lost('core', { protected: true })];
    expect(told([...five.slice(1), ...both])).toEqual([
      'replace_unhealthy core Missed heartbeats: 3 >= 3',
      'skipped at max 5',
    ]);
  });

  test('each new agent takes a port, one that comes back does not', () => {
    const agents = [lost('core', { protected: true }), lost('a_1'), lost('a_2')];
    expect(told(agents, { startable: 1 })).toEqual([
      'replace_unhealthy core Missed heartbeats: 3 >= 3',
      'replace_unhealthy a_1 Missed heartbeats: 3 >= 3',
      'replace_unhealthy a_2 Missed heartbeats: 3 >= 3',
    ]);
    const replaced = decide([research(agents, { startable: 1 })]).actions;
    expect(replaced.map((action) => 'sameId' in action && action.sameId)).toEqual([
      ...[true, false, true],
    ]);
    expect(told(agents, { startable: 0, blocked: 'ports exhausted' })).toEqual([
      'replace_unhealthy core Missed heartbeats: 3 >= 3',
      'skipped ports exhausted',
    ]);
  });

  test.each(['quarantined 212 s left', 'backing off 8 s left'])('nothing starts: %s', (blocked) => {
    const agents = [lost('core', { protected: true }), lost('a_1')];
    expect(told(agents, { blocked })).toEqual([`skipped ${blocked}`]);
  });

  test('that this pool has not started are left to their owner', () => {
    const theirs = lost('other_1', { managed: false });
    expect(told([theirs], { min: 0 })).toEqual([
      'skipped no agent is running and no request waits',
    ]);
    expect(told([theirs])).toEqual(['scale_up Below minimum: 0 < 1']);
    expect(told([lost('core', { managed: false, protected: true })], { min: 0 })).toEqual([
      'skipped no agent is running and no request waits',
    ]);
  });

  test('no agent leaves while one comes for a lost one', () => {
    expect(told([...running(0, 0), lost('researcher_3')])).toEqual([
      'replace_unhealthy researcher_3 Missed heartbeats: 3 >= 3',
    ]);
  });
});

describe('minimum and maximum', () => {
  test('agents that are missing are started at once, in spite of the cooldown', () => {
    expect(told([], { min: 2, lastUpAt: NOW })).toEqual([
      'scale_up Below minimum: 0 < 2',
      'scale_up Below minimum: 1 < 2',
    ]);
    expect(told([starting('a_1')], { min: 2 })).toEqual(['scale_up Below minimum: 1 < 2']);
    expect(told([agent('a_1', { phase: 'draining' })])).toEqual(['scale_up Below minimum: 0 < 1']);
  });

  test('what cannot be started is said', () => {
    expect(told([], { min: 3, startable: 1 })).toEqual([
      'scale_up Below minimum: 0 < 3',
      'skipped ports exhausted',
    ]);
    expect(told(running(0.5), { min: 3, blocked: 'ports exhausted' })).toEqual([
      'skipped ports exhausted',
    ]);
  });

  test('an agent for the minimum is the answer to the load too', () => {
    expect(told(running(0.9), { min: 2 })).toEqual(['scale_up Below minimum: 1 < 2']);
  });

  test('too many leave one at a time, whatever the load', () => {
    const seven = running(1, 1, 1, 1, 0.9, 1, 1);
    expect(told(seven)).toEqual(['scale_down researcher_5 Above maximum: 7 > 5']);
    const lastDownAt = NOW - MINUTE;
    expect(told(seven, { lastDownAt })).toEqual(['skipped cooldown 540 s left']);
    expect(told([...seven, starting('researcher_8')])).toEqual([
      'skipped waiting for researcher_8 to start',
    ]);
  });

  test('a maximum below the minimum wins', () => {
    expect(told([], { min: 3, max: 1 })).toEqual(['scale_up Below minimum: 0 < 1']);
    expect(told(running(0, 0), { min: 3, max: 1 })).toEqual([
      'scale_down researcher_2 Above maximum: 2 > 1',
    ]);
    expect(told(running(0), { min: 3, max: 1 })).toEqual(['skipped at min 1']);
  });
});

describe('requests that wait', () => {
  const pressed = { utilization: 0.95, queued: 7 };

  test('bring the first agent of a specialization, in spite of the cooldown', () => {
    const sample = { min: 0, wanted: 3, lastUpAt: NOW };
    expect(told([], sample, { queued: 3 })).toEqual(['scale_up Requests waiting: 3']);
    expect(told([starting('a_1')], sample, { queued: 3 })).toEqual([
      'skipped no agent has reported yet',
    ]);
    expect(told([], { ...sample, max: 0 }, { queued: 3 })).toEqual(['skipped at max 0']);
    expect(told([], { ...sample, wanted: 0 })).toEqual([
      'skipped no agent is running and no request waits',
    ]);
  });

  test('one request does not wake every specialization that could serve it', () => {
    const anybody = ['a', 'b', 'c'].map((name) => research([], { name, min: 0, wanted: 1 }));
    const covered = 'agents of other specializations are starting for the requests that wait';
    expect(decide(anybody, { queued: 1 })).toEqual({
      actions: [{ type: 'scale_up', specialization: 'a', reason: 'Requests waiting: 1' }],
      skipped: ['b', 'c'].map((specialization) => ({ specialization, reason: covered })),
    });
    // Agents that the queue cannot use are nobody's answer.
    const many = research([starting('a_1'), starting('a_2'), starting('a_3')], { wanted: 1 });
    expect(decide([many, anybody[1]], { queued: 2 }).actions).toEqual([
      { type: 'scale_up', specialization: 'b', reason: 'Requests waiting: 1' },
    ]);
  });

  test('in a pool that is nearly used up, bring as many agents as they can use', () => {
    const one = 'scale_up Utilization high: 0.95 > 0.90, 7 waiting';
    expect(told(running(0.9), { wanted: 3 }, pressed)).toEqual([one, one, one]);
    expect(told([...running(0.9), starting('a_1')], { wanted: 3 }, pressed)).toEqual([one, one]);
  });

  test('not more than there is room and ports for', () => {
    const one = 'scale_up Utilization high: 0.95 > 0.90, 7 waiting';
    expect(told(running(0.9), { wanted: 7, max: 3 }, pressed)).toEqual([
      one,
      one,
      'skipped at max 3',
    ]);
    expect(told(running(0.9), { wanted: 7, startable: 1 }, pressed)).toEqual([
      one,
      'skipped ports exhausted',
    ]);
  });

  test('under the cooldown of all scale-ups', () => {
    const sample = { wanted: 7, lastUpAt: NOW - 88 * SECOND };
    expect(told(running(0.9), sample, pressed)).toEqual(['skipped cooldown 212 s left']);
  });

  test('only above the mark, and only while they wait', () => {
    const between = ['skipped load 0.50 is between 0.25 and 0.75'];
    expect(told(running(0.5), { wanted: 7 }, { ...pressed, utilization: 0.9 })).toEqual(between);
    expect(told(running(0.5), { wanted: 7 }, { ...pressed, queued: 0 })).toEqual(between);
    expect(told(running(0.5), { wanted: 0 }, pressed)).toEqual(between);
  });

  test('also where only its own agents are taken and others are free', () => {
    const calm = { utilization: 0.4, queued: 2 };
    expect(told(running(0.5), { wanted: 2, utilization: 1 }, calm)).toEqual([
      'scale_up Utilization high: 1.00 > 0.90, 2 waiting',
      'scale_up Utilization high: 1.00 > 0.90, 2 waiting',
    ]);
    expect(told(running(0.5), { wanted: 2, utilization: 0.9 }, calm)).toHaveLength(1);
  });

  test('several specializations share what the queue lacks', () => {
    const samples = ['a', 'b', 'c'].map((name) =>
      research(running(0.5), { name, wanted: 4, max: 4 }),
    );
    const { actions } = decide([...samples, research([starting('d_1')], { wanted: 1 })], pressed);
    const started = actions.map(({ specialization }) => specialization);
    expect(started).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
  });

  test('agents that the queue cannot use are not for the queue', () => {
    const other = research([starting('b_1')], { name: 'b', wanted: 0 });
    const samples = [research(running(0.5), { wanted: 1 }), other];
    expect(decide(samples, { utilization: 0.95, queued: 1 }).actions).toHaveLength(1);
  });

  test('replacements and agents for the minimum are on the way too', () => {
    const one = 'scale_up Utilization high: 0.95 > 0.90, 7 waiting';
    expect(told([lost('a_1')], { min: 2, wanted: 3 }, pressed)).toEqual([
      'replace_unhealthy a_1 Missed heartbeats: 3 >= 3',
      'scale_up Below minimum: 1 < 2',
      one,
    ]);
  });

  test('nobody is sent away while they wait', () => {
    const idle = research(running(0, 0), { name: 'a', wanted: 1 });
    const coming = research([starting('b_1')], { name: 'b', wanted: 1 });
    expect(decide([idle, coming], { utilization: 0.95, queued: 1 }).skipped[0]).toEqual({
      specialization: 'a',
      reason: 'enough agents are starting for the requests that wait',
    });
  });
});

describe('switched off', () => {
  test('nothing is done', () => {
    const off = { enabled: false, utilization: 1, queued: 9 };
    for (const agents of [[], running(1), running(0, 0), [lost('researcher_1')]]) {
      expect(told(agents, { wanted: 9 }, off)).toEqual(['skipped disabled']);
    }
  });

  test('but a protected agent comes back', () => {
    const agents = [lost('core', { protected: true }), lost('researcher_2'), ...running(1)];
    expect(told(agents, {}, { enabled: false })).toEqual([
      'replace_unhealthy core Missed heartbeats: 3 >= 3',
    ]);
    const blocked = 'quarantined 212 s left';
    expect(told(agents, { blocked }, { enabled: false })).toEqual([`skipped ${blocked}`]);
  });
});

test('each specialization is judged by itself', () => {
  const samples = [
    research(running(0.9), { name: 'busy' }),
    research(running(0.1, 0.1), { name: 'idle' }),
    research(running(0.5), { name: 'calm' }),
  ];
  expect(decide(samples)).toEqual({
    actions: [
      { type: 'scale_up', specialization: 'busy', reason: 'High load: 0.90 > 0.75' },
      {
        ...{ type: 'scale_down', specialization: 'idle', agent: 'researcher_2' },
        reason: 'Low load: 0.10 < 0.25',
      },
    ],
    skipped: [{ specialization: 'calm', reason: 'load 0.50 is between 0.25 and 0.75' }],
  });
});

test('ten thousand agents are decided in less than 5 ms', () => {
  // All tie, which is the most expensive case.
  const agents = Array.from({ length: 10_000 }, (_, i) => agent(`researcher_${i}`));
  const sample = research(agents, { max: 20_000 });
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const before = performance.now();
    expect(decide([sample]).actions[0]).toMatchObject({ agent: 'researcher_9999' });
    fastest = Math.min(fastest, performance.now() - before);
  }
  expect(fastest).toBeLessThan(5);
});
