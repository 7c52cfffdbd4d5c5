import { describe, expect, it } from 'vitest';
import type { Event } from '../../core/event.ts';
import { Ledger } from './ledger.ts';

const agent = (n: number, at = 0): Event => ({
  type: 'agent_registered',
  at,
  agent: `agent-${n}`,
  specialization: 'general',
  tools: [],
  tier: 'standard',
  slots: 1,
  costPerHour: 0,
  labels: {},
  protected: false,
});

type Granted = Extract<Event, { type: 'lease_granted' }>;

const grant = (change: Partial<Granted> = {}): Granted => ({
  type: 'lease_granted',
  at: 1,
  lease: 'a',
  tenant: 'tenant-0',
  agent: 'agent-0',
  token: 1,
  purpose: 'music',
  priority: 'normal',
  warm: false,
  idleTimeoutMs: 1_000,
  ...change,
});

const idle = (lease = 'a'): Event => ({ type: 'lease_reported', at: 2, lease, state: 'idle' });
const end = (lease = 'a', at = 3): Event => ({
  type: 'lease_ended',
  at,
  lease,
  reason: 'released',
});
const queued: Event = {
  type: 'ticket_queued',
  at: 1,
  ticket: 't',
  tenant: 'tenant-1',
  purpose: 'music',
  priority: 'normal',
  count: 1,
  expiresAt: 9,
};
const expired: Event = { type: 'ticket_ended', at: 4, ticket: 't', state: 'expired' };

function violationsOf(...events: readonly Event[]): readonly string[] {
  const ledger = new Ledger(3, { agents: 2, maxAgentsPerTenant: 1 });
  for (const event of [agent(0), agent(1), ...events]) ledger.note(event);
  expect(ledger.violations).toBe(ledger.named.length);
  return ledger.named.map((text) => text.slice(0, text.indexOf(':')));
}

describe('the ledger', () => {
  it('finds nothing in what may happen', () => {
    const later = { ...queued, at: 3 } as Event;
    const again = grant({ at: 5, lease: 'b', token: 2 });
    expect(violationsOf(grant(), idle(), end(), later, expired, again)).toEqual([]);
  });

  const corrupted: readonly (readonly [what: string, ...events: Event[]])[] = [
    ['the agent is not free', grant(), grant({ lease: 'b', token: 2, tenant: 'tenant-1' })],
    ['the tenant is over its limit', grant(), grant({ lease: 'b', token: 2, agent: 'agent-1' })],
    ['the tenant is over its limit', grant({ tenant: 'tenant-3' })],
    [
      'a token does not grow',
      grant({ token: 5 }),
      grant({ lease: 'b', token: 5, agent: 'agent-1', tenant: 'tenant-1' }),
    ],
    [
      'a lease is granted twice',
      grant(),
      grant({ token: 2, agent: 'agent-1', tenant: 'tenant-1' }),
    ],
    ['the agent does not exist', grant({ agent: 'agent-7' })],
    ['the agent does not fit', grant({ demand: { tools: ['music'] } })],
    ['the ticket does not wait', grant({ ticket: 'nobody' })],
    ['a lease is reported that does not live', idle('x')],
    ['a lease ends that does not live', end('x')],
    ['a lease ends that does not live', grant(), end(), end('a', 4)],
    ['a lease in use is taken back', grant(), { ...end(), reason: 'reclaimed' } as Event],
    ['a lease in use is taken back', grant(), { ...end(), reason: 'idle_timeout' } as Event],
    ['time goes back', grant(), end('a', 0)],
    ['a ticket is queued twice', queued, queued],
    ['a ticket ends that does not wait', queued, expired, expired],
    ['a ticket is claimed that waits', queued, { type: 'ticket_claimed', at: 2, ticket: 't' }],
    ['an agent is registered that is none, or is there already', agent(1)],
    ['an agent is registered that is none, or is there already', agent(2)],
    [
      'nothing of this kind can happen in a simulation',
      { type: 'agent_retired', at: 1, agent: 'agent-0' },
    ],
  ];

  it.each(corrupted.map(([what, ...events]) => ({ what, events })))('counts: $what', (one) => {
    expect(violationsOf(...one.events)).toContain(one.what);
  });

  it('compares its counts with those of the pool', () => {
    const ledger = new Ledger(1, { agents: 1, maxAgentsPerTenant: 1 });
    ledger.note(agent(0));
    ledger.note(grant());
    ledger.compare({ live: 1, waiting: 0 });
    expect(ledger.violations).toBe(0);
    ledger.compare({ live: 0, waiting: 1 });
    expect(ledger.violations).toBe(2);
  });
});
