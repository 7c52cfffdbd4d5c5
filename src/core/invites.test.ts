import { beforeEach, describe, expect, test } from 'vitest';
import type { AgentSpec, LeaseCommand } from './command.ts';
import { INVITES_OFFERED, UNVERIFIED_MAX_TENANTS } from './limits.ts';
import { DEFAULT_OPTIONS } from './options.ts';
import { Pool } from './pool.ts';

const HOUR = 3_600_000;
let pool: Pool;

beforeEach(() => {
  pool = new Pool({ ...DEFAULT_OPTIONS, membership: 'required' });
});

function register(agentId: string, spec: Partial<AgentSpec> = {}): void {
  const defaults = { specialization: 'general', tools: [], tier: 'standard', slots: 1 } as const;
  const rest = { costPerHour: 0, labels: {}, protected: false, memberships: [] };
  const agents = [{ agentId, ...defaults, ...rest, ...spec }];
  const outcome = pool.execute({ type: 'register', agents }, 0);
  expect(outcome.outcome).toBe('registered');
}

/** The tenant asks once at each of these hours of a day, and gives back. */
function asks(tenant: string, ...hours: readonly number[]): void {
  for (const hour of hours) {
    const outcome = pool.execute({ type: 'lease', tenant }, hour * HOUR);
    if (outcome.outcome !== 'granted') throw new Error(`${tenant} was not granted an agent`);
    const [lease] = outcome.leases;
    pool.execute({ type: 'release', lease: lease!.leaseId }, hour * HOUR);
  }
}

function invites(tenant: string, more: Partial<LeaseCommand> = {}): string[] {
  const outcome = pool.execute({ type: 'lease', tenant, ...more }, 30 * HOUR);
  if (outcome.outcome !== 'refused') throw new Error('the request was not refused');
  expect(outcome.code).toBe('AGENT_NOT_INSTALLED');
  return (outcome.invites ?? []).map(({ agentId }) => agentId);
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `guild-${n}`);

describe('the agents that a tenant is offered to invite', () => {
  test('come first when their other tenants ask at other hours, however many these are', () => {
    register('mornings', { memberships: ['early-1', 'early-2'] });
    register('evenings', { memberships: ['late'] });
    register('own', { tools: ['music'], memberships: ['guild'] });
    asks('early-1', 6, 7);
    asks('early-2', 7, 8);
    asks('late', 19, 20);
    asks('guild', 20, 21);
    pool.execute({ type: 'drain_agent', agent: 'own' }, 22 * HOUR);
    expect(invites('guild', { count: 2 })).toEqual(['mornings', 'evenings']);
  });

  test('come first when they are asked for least, if nothing is known of the tenant', () => {
    register('busy', { memberships: ['a'] });
    register('quiet', { memberships: ['b', 'c'] });
    asks('a', 1, 2, 3);
    asks('b', 1);
    expect(invites('new')).toEqual(['quiet', 'busy']);
  });

  test('share their tenants among their slots', () => {
    register('one', { memberships: ['a'] });
    register('four', { slots: 4, memberships: ['b'] });
    asks('a', 1, 2);
    asks('b', 1, 2, 3, 4);
    expect(invites('new')).toEqual(['four', 'one']);
  });

  test('come last when they could not serve', () => {
    register('unwell');
    register('draining');
    register('well', { memberships: ['a', 'b', 'c'] });
    pool.execute({ type: 'heartbeat', agents: [['unwell']], health: 'unhealthy' }, 1);
    pool.execute({ type: 'drain_agent', agent: 'draining' }, 1);
    expect(invites('guild')[0]).toBe('well');
    expect(invites('guild')).toContain('draining');
  });

  test('have room for one more tenant', () => {
    const full = names(UNVERIFIED_MAX_TENANTS);
    register('full', { memberships: full });
    register('verified', { memberships: full, labels: { verified: 'true' } });
    register('small', { memberships: ['a'], labels: { max_tenants: '1' } });
    register('large', { memberships: full, labels: { max_tenants: '101' } });
    register('odd', { memberships: full, labels: { max_tenants: 'lots' } });
    expect(invites('guild').sort()).toEqual(['large', 'verified']);
  });

  test('are none where every fitting agent is full, and the answer says so', () => {
    register('small', { memberships: ['a'], labels: { max_tenants: '1' } });
    const outcome = pool.execute({ type: 'lease', tenant: 'guild' }, 0);
    expect(outcome).toMatchObject({
      code: 'AGENT_NOT_INSTALLED',
      invites: [],
      detail: expect.stringContaining('No other one can be invited'),
    });
  });

  test('differ from tenant to tenant where nothing tells agents apart', () => {
    for (let n = 0; n < 400; n++) register(`agent-${n}`);
    const first = new Set(names(100).map((tenant) => invites(tenant)[0]));
    expect(first.size).toBeGreaterThan(50);
    expect(invites('guild-1')).toEqual(invites('guild-1'));
    expect(invites('guild-1')).toHaveLength(INVITES_OFFERED);
  });

  test('are found among many that do not fit, and behind many that are full', () => {
    for (let n = 0; n < 5_000; n++) {
      register(`other-${n}`, { specialization: 'other' });
      if (n % 2 === 0) register(`full-${n}`, { labels: { max_tenants: '0' } });
    }
    register('the-one');
    expect(invites('guild', { specialization: 'general' })).toEqual(['the-one']);
  });
});
