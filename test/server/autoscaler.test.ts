import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ScalingRecord } from '../../src/core/scaling.ts';
import type { FleetBrief, FleetControl, FleetKindStatus } from '../../src/host/fleet-api.ts';
import { NotReadyError } from '../../src/host/host-api.ts';
import { start, type TestServer } from './support.ts';

const KIND: FleetKindStatus = {
  name: 'research',
  managed: 7,
  starting: 1,
  running: 2,
  draining: 1,
  lost: 3,
  averageLoad: 0.456_789,
  lastUpAt: null,
  lastDownAt: 5,
  limits: { min: 1, max: 4 },
  ports: { first: 9_101, last: 9_150, used: 7 },
  blocked: 'ports exhausted',
  upCooldownMs: 1,
  downCooldownMs: 600_000,
};

const GREW: ScalingRecord = {
  at: 1_708_612_345_670,
  kind: 'scale_up',
  specialization: 'research',
  reason: 'High load: 0.87 > 0.75',
  agent: 'researcher_3',
};

const REPLACED: ScalingRecord = {
  at: 1_708_609_876_540,
  kind: 'replace_unhealthy',
  specialization: 'analysis',
  reason: 'Missed heartbeats: 3 >= 3',
  agent: 'analyst_4',
  replaces: 'analyst_2',
};

const GREW_JSON = {
  timestamp: 1_708_612_345.67,
  type: 'scale_up',
  specialization: 'research',
  reason: 'High load: 0.87 > 0.75',
  agent_id: 'researcher_3',
};

class FleetDouble implements FleetControl {
  enabled = true;
  isReady = true;
  checks = 0;
  kinds: readonly FleetKindStatus[] = [KIND];
  readonly limits: number[] = [];

  brief(): FleetBrief | null {
    if (!this.isReady) return null;
    const kinds = this.kinds.filter(({ limits }) => limits !== null);
    return {
      enabled: this.enabled,
      kinds: kinds.map(({ name, managed, blocked }) => ({ name, max: 4, managed, blocked })),
    };
  }

  async check() {
    if (!this.isReady) throw new NotReadyError('starting');
    this.checks++;
    return { actions: [GREW], skipped: [{ specialization: 'analysis', reason: 'Load 0.50' }] };
  }

  async switchTo(enabled: boolean) {
    this.enabled = enabled;
    return enabled;
  }

  async status() {
    return { enabled: this.enabled, unhealthy: 3, recorded: 12_345, specializations: this.kinds };
  }

  async records(limit: number) {
    this.limits.push(limit);
    return [GREW, REPLACED].slice(0, limit);
  }
}

let fleet: FleetDouble;
let server: TestServer;

beforeEach(async () => {
  fleet = new FleetDouble();
  server = await start({ fleet });
});
afterEach(() => server.stop());

describe('GET /autoscaler/stats', () => {
  test('has the policy, every specialization and the totals', async () => {
    const { status, json } = await server.call('GET', '/autoscaler/stats');
    expect(status).toBe(200);
    expect(json).toStrictEqual({
      policy: {
        scale_up_threshold: 0.75,
        scale_down_threshold: 0.25,
        min_agents_per_type: 1,
        max_agents_per_type: 5,
      },
      specializations: {
        research: {
          count: 3,
          avg_load: 0.4568,
          desired: 3,
          starting: 1,
          running: 2,
          draining: 1,
          lost: 3,
          cooldown_up_sec: 1,
          cooldown_down_sec: 600,
          min: 1,
          max: 4,
          ports: { first: 9_101, last: 9_150, used: 7 },
          blocked: 'ports exhausted',
        },
      },
      scaling_events: 12_345,
      unhealthy_agents: 3,
      enabled: true,
    });
  });

  test('takes the policy from the configuration', async () => {
    await server.stop();
    server = await start({
      fleet,
      flags: {
        'multi_agent.autoscaling.scale_up_threshold': '0.9',
        'multi_agent.autoscaling.scale_down_threshold': '0.1',
        'multi_agent.autoscaling.min_agents_per_type': '2',
        'multi_agent.autoscaling.max_agents_per_type': '3',
      },
    });
    const { json } = await server.call('GET', '/autoscaler/stats');
    expect(json.policy).toStrictEqual({
      scale_up_threshold: 0.9,
      scale_down_threshold: 0.1,
      min_agents_per_type: 2,
      max_agents_per_type: 3,
    });
  });

  test('a specialization that is not started from here has no limits and no ports', async () => {
    fleet.kinds = [KIND, { ...KIND, name: 'general', limits: null, ports: null, upCooldownMs: 0 }];
    const { json } = await server.call('GET', '/autoscaler/stats');
    expect(Object.keys(json.specializations)).toEqual(['research', 'general']);
    expect(json.specializations.general).toMatchObject({
      min: null,
      max: null,
      ports: null,
      cooldown_up_sec: 0,
    });
  });
});

describe('GET /autoscaler/events', () => {
  test('has them in the order of the fleet, in seconds since 1970', async () => {
    const { status, json } = await server.call('GET', '/autoscaler/events');
    expect(status).toBe(200);
    expect(json).toStrictEqual({
      events: [
        GREW_JSON,
        {
          timestamp: 1_708_609_876.54,
          type: 'replace_unhealthy',
          specialization: 'analysis',
          reason: 'Missed heartbeats: 3 >= 3',
          agent_id: 'analyst_4',
          replaces: 'analyst_2',
        },
      ],
    });
  });

  test('asks for as many as the client, 100 unless it says', async () => {
    await server.call('GET', '/autoscaler/events');
    await server.call('GET', '/autoscaler/events?limit=10000');
    const { json } = await server.call('GET', '/autoscaler/events?limit=1');
    expect(fleet.limits).toEqual([100, 10_000, 1]);
    expect(json).toStrictEqual({ events: [GREW_JSON] });
  });

  test.each(['0', '10001', '-1', '1.5', 'ten', ''])('refuses limit=%s', async (limit) => {
    const { status, json } = await server.call('GET', `/autoscaler/events?limit=${limit}`);
    expect([status, json.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(fleet.limits).toEqual([]);
  });
});

describe('POST /autoscaler/check', () => {
  test('checks once and says what it did and why it left the others alone', async () => {
    const { status, json } = await server.call('POST', '/autoscaler/check');
    expect(status).toBe(200);
    expect(json).toStrictEqual({
      actions: [GREW_JSON],
      skipped: [{ specialization: 'analysis', reason: 'Load 0.50' }],
    });
    expect(fleet.checks).toBe(1);
  });

  test('takes an empty object, and nothing in it', async () => {
    expect((await server.call('POST', '/autoscaler/check', {})).status).toBe(200);
    expect((await server.call('POST', '/autoscaler/check', { force: true })).status).toBe(400);
    expect(fleet.checks).toBe(1);
  });

  test('takes a content type without a body', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await server.call('POST', '/autoscaler/check', undefined, headers)).status).toBe(200);
  });

  test('answers 503 while the pool cannot act', async () => {
    fleet.isReady = false;
    const { status, json } = await server.call('POST', '/autoscaler/check');
    expect([status, json.code]).toEqual([503, 'NOT_READY']);
  });

  test('is not a GET', async () => {
    const { status, headers } = await server.call('GET', '/autoscaler/check');
    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('the switch', () => {
  test('answers with its new position', async () => {
    const off = await server.call('POST', '/autoscaler/disable');
    expect([off.status, off.json]).toStrictEqual([200, { enabled: false }]);
    expect((await server.call('GET', '/autoscaler/stats')).json.enabled).toBe(false);
    const on = await server.call('POST', '/autoscaler/enable', {});
    expect([on.status, on.json]).toStrictEqual([200, { enabled: true }]);
    expect((await server.call('GET', '/autoscaler/stats')).json.enabled).toBe(true);
  });

  test('may be thrown twice', async () => {
    await server.call('POST', '/autoscaler/disable');
    const again = await server.call('POST', '/autoscaler/disable');
    expect([again.status, again.json]).toStrictEqual([200, { enabled: false }]);
  });
});

test('openapi.json has the calls under a tag of their own', async () => {
  const { json } = await server.call('GET', '/openapi.json');
  const paths = Object.keys(json.paths).filter((path) => path.startsWith('/autoscaler/'));
  expect(paths.toSorted()).toEqual(
    ['check', 'disable', 'enable', 'events', 'stats'].map((name) => `/autoscaler/${name}`),
  );
  expect(json.paths['/autoscaler/check'].post.tags).toEqual(['autoscaler']);
  expect(json.tags.map(({ name }: { name: string }) => name)).toContain('autoscaler');
});

describe('GET /metrics', () => {
  /** Managed agents are starting until they are heard of. */
  const register = (specialization: string, ...agentIds: readonly string[]) =>
    server.host.execute({
      type: 'register',
      agents: agentIds.map((agentId) => ({
        ...{ agentId, specialization, tools: [], tier: 'standard', slots: 1, costPerHour: 0 },
        ...{ labels: { port: '9101' }, protected: false, memberships: [], managed: true },
      })),
    });
  const hear = (agentId: string) =>
    server.host.execute({ type: 'heartbeat', agents: [[agentId, 0]] });

  test('has the fleet, and no specialization that a client has made up', async () => {
    fleet.kinds = [KIND, { ...KIND, name: 'primary' }];
    await register('research', 'r1', 'r2', 'r3', 'r4');
    for (const id of ['r2', 'r3', 'r4']) await hear(id);
    await server.host.execute({ type: 'drain_agent', agent: 'r3' });
    await server.host.execute({ type: 'agent_lost', agent: 'r4', because: 'Exited' });
    await register('invented', 'i1');
    const { text } = await server.call('GET', '/metrics');
    for (const line of [
      'remuda_autoscaler_enabled 1',
      'remuda_fleet_agents{specialization="research",state="starting"} 1',
      'remuda_fleet_agents{specialization="research",state="running"} 1',
      'remuda_fleet_agents{specialization="research",state="draining"} 1',
      'remuda_fleet_agents{specialization="research",state="lost"} 1',
      'remuda_fleet_desired{specialization="research"} 2',
      'remuda_fleet_desired{specialization="primary"} 0',
      'remuda_fleet_desired{specialization="analysis"} 0',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
    expect(text).not.toContain('remuda_fleet_desired{specialization="invented"}');
  });

  test('forgets what is no longer there, and says when it is switched off', async () => {
    fleet.kinds = [{ ...KIND, name: 'primary' }];
    await server.call('GET', '/metrics');
    fleet.kinds = [];
    fleet.enabled = false;
    const { text } = await server.call('GET', '/metrics');
    expect(text).toContain('\nremuda_autoscaler_enabled 0\n');
    expect(text).not.toContain('specialization="primary"');
  });

  test('counts what the autoscaler does, from 0', async () => {
    const counted = async () => {
      const { text } = await server.call('GET', '/metrics');
      return [...text.matchAll(/^remuda_scaling_actions_total\{type="(\w+)"\} (\d+)$/gm)].map(
        ([, type, count]) => `${type} ${count}`,
      );
    };
    expect(await counted()).toEqual([
      'scale_up 0',
      'scale_down 0',
      'replace_unhealthy 0',
      'scale_failed 0',
    ]);
    await register('research', 'researcher_9');
    await server.host.execute({
      type: 'start_failed',
      agent: 'researcher_9',
      because: 'No such program',
    });
    expect(await counted()).toContain('scale_failed 1');
  });

  test('answers without the fleet while that is starting', async () => {
    fleet.isReady = false;
    const { status, text } = await server.call('GET', '/metrics');
    expect([status, text.includes('remuda_fleet_desired')]).toEqual([200, false]);
  });
});
