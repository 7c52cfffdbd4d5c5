import { describe, expect, test } from 'vitest';
import type { Event } from '../core/event.ts';
import { eventToJson } from './event-json.ts';
import { EVENT_SCHEMAS, PoolEvent, PUBLIC_EVENT_TYPES } from './event-schemas.ts';
import { checkOf } from './validate.ts';

const at = Date.parse('2026-03-01T12:00:00.000Z');
const agent = 'bot_1';
const demand = {
  specialization: 'general',
  tools: ['music'],
  minTier: 'lite',
  maxCostPerHour: 2,
} as const;

const EVENTS: Event[] = [
  {
    type: 'agent_registered',
    at,
    agent,
    specialization: 'general',
    tools: ['music'],
    tier: 'premium',
    slots: 2,
    costPerHour: 0.5,
    labels: { endpoint: 'http://x' },
    protected: true,
    credential: 'v1.SECRET',
    managed: true,
  },
  { type: 'agent_updated', at, agent, slots: 3, labels: { zone: 'a' } },
  { type: 'agent_draining', at, agent, retiring: true },
  { type: 'agent_resumed', at, agent },
  { type: 'agent_retired', at, agent },
  { type: 'agent_starting', at, agent },
  { type: 'agent_started', at, agent },
  { type: 'agent_health_changed', at, agent, health: 'degraded', cause: 'silence' },
  { type: 'agents_connected', at, runner: 'host-1', agents: [agent] },
  { type: 'agents_disconnected', at, agents: [agent] },
  { type: 'agent_budget_changed', at, agent, available: false },
  { type: 'membership_changed', at, agent, tenant: 'guild', member: true },
  {
    type: 'lease_granted',
    at,
    lease: 'lse-0-1',
    tenant: 'guild',
    agent,
    token: 7,
    purpose: 'music',
    priority: 'high',
    warm: false,
    idleTimeoutMs: 1_500,
    endsAt: at + 1_000,
    demand,
    metadata: { channel: 'x' },
    ticket: 'tkt-1',
  },
  { type: 'lease_accepted', at, lease: 'lse-0-1' },
  { type: 'lease_reported', at, lease: 'lse-0-1', state: 'active' },
  { type: 'lease_moved', at, lease: 'lse-0-1', agent, token: 8, warm: true },
  { type: 'lease_ended', at, lease: 'lse-0-1', reason: 'idle_timeout' },
  {
    type: 'ticket_queued',
    at,
    ticket: 'tkt-1',
    tenant: 'guild',
    purpose: 'music',
    priority: 'low',
    count: 2,
    expiresAt: at + 60_000,
    demand,
    lifetimeMs: 90_000,
    near: ['lse-0-1'],
    metadata: {},
  },
  { type: 'ticket_ended', at, ticket: 'tkt-1', state: 'granted' },
  { type: 'ticket_claimed', at, ticket: 'tkt-1' },
  {
    type: 'scaling_recorded',
    at,
    kind: 'replace_unhealthy',
    specialization: 'general',
    reason: 'Missed heartbeats: 3 >= 3',
    agent: 'bot_2',
    replaces: agent,
  },
  { type: 'scaling_switched', at, enabled: false },
];

describe('events on the wire', () => {
  test('every public type is tried here', () => {
    expect(EVENTS.map(({ type }) => type).toSorted()).toEqual(PUBLIC_EVENT_TYPES.toSorted());
  });

  test.each(EVENTS.map((event) => [event.type, event] as const))(
    '%s fits its schema',
    (type, event) => {
      const json = JSON.parse(JSON.stringify(eventToJson(event)));
      const own = EVENT_SCHEMAS[type as keyof typeof EVENT_SCHEMAS];
      expect(checkOf(own).explain(json)).toBeNull();
      expect(checkOf(PoolEvent).accepts(json)).toBe(true);
      expect(json).toMatchObject({ type, at: '2026-03-01T12:00:00.000Z' });
    },
  );

  test('durations are in seconds, times in RFC 3339, ids called what they are', () => {
    const granted = EVENTS.find(({ type }) => type === 'lease_granted') as Event;
    expect(eventToJson(granted)).toMatchObject({
      lease_id: 'lse-0-1',
      agent_id: agent,
      ticket_id: 'tkt-1',
      idle_timeout_sec: 1.5,
      ends_at: '2026-03-01T12:00:01.000Z',
      demand: { min_tier: 'lite', max_cost_per_hour: 2 },
    });
  });

  test('what the autoscaler did has its kind, its reason and both agents', () => {
    const recorded = EVENTS.find(({ type }) => type === 'scaling_recorded') as Event;
    expect(eventToJson(recorded)).toEqual({
      type: 'scaling_recorded',
      at: '2026-03-01T12:00:00.000Z',
      kind: 'replace_unhealthy',
      specialization: 'general',
      reason: 'Missed heartbeats: 3 >= 3',
      agent_id: 'bot_2',
      replaces: agent,
    });
  });

  test('what is not there is not sent', () => {
    const { managed: _, ...unmanaged } = EVENTS[0] as Extract<Event, { type: 'agent_registered' }>;
    expect(JSON.stringify(eventToJson(unmanaged))).not.toContain('managed');
    const recorded = EVENTS.find(({ type }) => type === 'scaling_recorded');
    const { replaces: __, ...grown } = recorded as Extract<Event, { type: 'scaling_recorded' }>;
    expect(JSON.stringify(eventToJson(grown))).not.toContain('replaces');
  });

  test('the end of a process is a cause', () => {
    const lost: Event = {
      type: 'agent_health_changed',
      at,
      agent,
      health: 'unhealthy',
      cause: 'exit',
    };
    expect(checkOf(PoolEvent).accepts(eventToJson(lost))).toBe(true);
  });

  test('a credential never leaves, not even sealed', () => {
    const text = JSON.stringify(EVENTS.map(eventToJson));
    expect(text).not.toContain('SECRET');
    expect(text).toContain('"has_credential":true');
  });

  test('the bookkeeping of idempotency keys stays inside', () => {
    const kept: Event = { type: 'answer_kept', at, key: 'k', fingerprint: 'f', answer: {} };
    expect(eventToJson(kept)).toBeNull();
  });
});
