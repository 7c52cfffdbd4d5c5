/**
 * The pool's rules by example. That they hold in every combination is the business of
 * test/property, where a naive model of the whole pool is asked the same questions.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import type { AgentSpec, LeaseCommand } from './command.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from './options.ts';
import type { Granted, LeaseView, Queued, Refusal, TicketView } from './outcome.ts';
import { Pool } from './pool.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Noon in Berlin on some day; the pool only ever sees differences and hours of the day. */
const NOON = Date.UTC(2025, 5, 2, 10);

let pool: Pool;
let now: number;

beforeEach(() => start());

function start(options: Partial<PoolOptions> = {}): void {
  pool = new Pool({ ...DEFAULT_OPTIONS, ...options });
  now = NOON;
}

function agent(agentId: string, more: Partial<AgentSpec> = {}): AgentSpec {
  return {
    agentId,
    specialization: 'general',
    tools: [],
    tier: 'standard',
    slots: 1,
    costPerHour: 0,
    labels: {},
    protected: false,
    memberships: [],
    ...more,
  };
}

function register(...agents: AgentSpec[]): void {
  expect(pool.execute({ type: 'register', agents }, now).outcome).toBe('registered');
}

function ask(tenant: string, more: Partial<LeaseCommand> = {}): Granted | Queued | Refusal {
  return pool.execute({ type: 'lease', tenant, ...more }, now);
}

/** The first lease of an answer that must be a grant. */
function lease(tenant: string, more: Partial<LeaseCommand> = {}): LeaseView {
  const answer = ask(tenant, more);
  if (answer.outcome !== 'granted') throw new Error(`${tenant}: ${JSON.stringify(answer)}`);
  return answer.leases[0];
}

function queue(tenant: string, more: Partial<LeaseCommand> = {}): TicketView {
  const answer = ask(tenant, more);
  if (answer.outcome !== 'queued') throw new Error(`${tenant}: ${JSON.stringify(answer)}`);
  return answer.ticket;
}

function refusal(tenant: string, more: Partial<LeaseCommand> = {}): Refusal {
  const answer = ask(tenant, more);
  if (answer.outcome !== 'refused') throw new Error(`${tenant}: ${JSON.stringify(answer)}`);
  return answer;
}

function report(held: LeaseView, state: 'active' | 'idle') {
  return pool.execute({ type: 'report', lease: held.leaseId, state, token: held.token }, now);
}

function release(held: LeaseView): void {
  pool.execute({ type: 'release', lease: held.leaseId }, now);
}

/** Time passes as a host lets it: everything happens when it is due. */
function wait(ms: number): void {
  const until = now + ms;
  while (pool.nextDeadline() <= until) {
    now = Math.max(now, pool.nextDeadline());
    pool.execute({ type: 'tick' }, now);
  }
  now = until;
  pool.execute({ type: 'tick' }, now);
}

function leaseOf(held: LeaseView): LeaseView {
  return pool.lease(held.leaseId) as LeaseView;
}

function ticketOf(waiting: TicketView): TicketView {
  return pool.ticket(waiting.ticketId) as TicketView;
}

describe('who gets which agent', () => {
  test('what the tenant has comes first, and asking for it again keeps it alive', () => {
    register(agent('a'), agent('b'));
    const held = lease('guild');
    wait(14 * MINUTE);

    expect(ask('guild')).toMatchObject({ how: 'reused', reused: true, warm: true });
    expect(leaseOf(held).lastActivityAt).toBe(now);
    expect(ask('guild', { reuse: false })).toMatchObject({ how: 'score', reused: false });
  });

  test('only a lease for the same purpose, on a fitting agent, is given again', () => {
    register(agent('a'), agent('b', { tools: ['music'] }));
    const held = lease('guild', { purpose: 'moderation' });

    expect(lease('guild', { purpose: 'moderation' }).leaseId).toBe(held.leaseId);
    expect(lease('guild', { purpose: 'music' }).leaseId).not.toBe(held.leaseId);
  });

  test('then an agent that is still warm for the tenant, however its score', () => {
    register(agent('lite', { tier: 'lite' }), agent('premium', { tier: 'premium' }));
    release(lease('guild'));
    expect(pool.tenant('guild')?.warmAgents).toEqual(['premium']);
    pool.execute({ type: 'update_agent', agent: 'premium', changes: { tier: 'lite' } }, now);
    pool.execute({ type: 'update_agent', agent: 'lite', changes: { tier: 'premium' } }, now);

    expect(ask('guild')).toMatchObject({ how: 'affinity', leases: [{ agentId: 'premium' }] });
    expect(ask('other')).toMatchObject({ how: 'score', leases: [{ agentId: 'lite' }] });
  });

  test('an agent stays warm until somebody else takes it, also after a day', () => {
    register(agent('a'), agent('b'));
    release(lease('guild'));
    wait(24 * HOUR);
    expect(lease('guild', { dryRun: true }).warm).toBe(true);

    release(lease('other', { reuse: false }));
    release(lease('third', { reuse: false }));
    expect(pool.tenant('guild')?.warmAgents).toEqual([]);
  });

  test('with several slots, as many others must have come as there are slots', () => {
    register(agent('a', { slots: 2 }));
    release(lease('guild'));
    release(lease('other'));
    expect(pool.tenant('guild')?.warmAgents).toEqual(['a']);
    release(lease('third'));
    expect(pool.tenant('guild')?.warmAgents).toEqual([]);
  });

  test('then one beside the leases named as near', () => {
    const on = (host: string) => ({ labels: { host } });
    register(agent('a', on('left')), agent('b', on('right')), agent('c', on('left')));
    const first = lease('guild');
    expect(first.agentId).toBe('a');
    expect(ask('friend', { near: [first.leaseId] })).toMatchObject({
      how: 'near',
      leases: [{ agentId: 'c' }],
    });
    expect(refusal('friend', { near: ['lse-9-1'], reuse: false }).code).toBe('INVALID_REQUEST');
  });

  test('then the one with most points: 100 + health + tier + idle time + recent load', () => {
    register(agent('a', { tier: 'premium' }));
    const scored = () => {
      const answer = ask('guild', { dryRun: true, explain: true });
      return answer.outcome === 'granted' ? answer.explain?.score : null;
    };
    expect(scored()).toEqual({ total: 185, health: 40, tier: 30, idle: 5, load: 10 });
    wait(10 * MINUTE + 1);
    expect(scored()?.idle).toBe(10);
    wait(20 * MINUTE);
    expect(scored()?.idle).toBe(15);
    wait(30 * MINUTE);
    expect(scored()).toMatchObject({ idle: 20, total: 200 });

    pool.execute({ type: 'heartbeat', agents: [['a']], health: 'degraded' }, now);
    for (let i = 0; i < 5; i++) release(lease(`guild ${i}`));
    expect(scored()).toEqual({ total: 160, health: 20, tier: 30, idle: 5, load: 5 });
    for (let i = 0; i < 5; i++) release(lease(`guild ${i}`));
    expect(scored()?.load).toBe(0);
    wait(24 * HOUR);
    expect(scored()?.load).toBe(10);
  });

  test('of equals, the least recently used one', () => {
    register(agent('a'), agent('b'), agent('c'));
    release(lease('guild 1'));
    expect(lease('guild 2').agentId).toBe('b');
    expect(lease('guild 3').agentId).toBe('c');
    expect(lease('guild 4').agentId).toBe('a');
  });

  test('with `pack`, one on the busiest host that has room', () => {
    start({ selection: 'pack' });
    const on = (host: string) => ({ labels: { host } });
    register(
      agent('a', on('h1')),
      agent('b', on('h1')),
      agent('c', on('h2')),
      agent('d', on('h2')),
    );
    expect(lease('guild 1', { near: [] }).agentId).toBe('a');
    expect(ask('guild 2')).toMatchObject({ how: 'pack', leases: [{ agentId: 'b' }] });
    expect(lease('guild 3').agentId).toBe('c');
  });

  test('an agent must have all tools, the specialization, the tier and the price', () => {
    register(
      agent('cheap', { tools: ['music'], tier: 'lite' }),
      agent('dear', { tools: ['music', 'search'], tier: 'premium', costPerHour: 5 }),
      agent('expert', { specialization: 'research' }),
    );
    const agentFor = (more: Partial<LeaseCommand>) =>
      lease('guild', { ...more, dryRun: true }).agentId;
    expect(agentFor({ tools: ['search', 'music'] })).toBe('dear');
    expect(agentFor({ tools: ['music'], maxCostPerHour: 4 })).toBe('cheap');
    expect(agentFor({ specialization: 'research' })).toBe('expert');
    expect(agentFor({ minTier: 'premium' })).toBe('dear');
    expect(refusal('guild', { tools: ['video'] })).toMatchObject({
      code: 'NO_SUCH_CAPABILITY',
      detail: expect.stringContaining('tool "video"'),
    });
    expect(refusal('guild', { tools: ['music'], count: 3 }).detail).toContain('only 2 agents');
  });

  test('an agent serves as many tenants as it has slots, and none of them twice', () => {
    register(agent('a', { slots: 2 }));
    lease('guild 1');
    expect(ask('guild 1', { reuse: false }).outcome).toBe('queued');
    expect(lease('guild 2').agentId).toBe('a');
    expect(pool.agent('a')).toMatchObject({ usedSlots: 2, phase: 'leased' });
  });

  test('a group gets all it asks for, each from another agent, or nothing', () => {
    register(agent('a', { slots: 3 }), agent('b'), agent('c'));
    const answer = ask('guild', { count: 2 });
    if (answer.outcome !== 'granted') throw new Error('expected a grant');
    expect(new Set(answer.leases.map(({ agentId }) => agentId)).size).toBe(2);

    expect(queue('other', { count: 3 }).leases).toEqual([]);
    expect(pool.stats().leases.total).toBe(2);
  });

  test('a tenant has a limit, and what it waits for counts', () => {
    start({ maxAgentsPerTenant: 2 });
    register(agent('a'), agent('b'), agent('c'));
    lease('guild');
    lease('other', { count: 2 });
    queue('guild', { reuse: false });
    expect(refusal('guild', { reuse: false })).toMatchObject({
      code: 'TENANT_AT_LIMIT',
      detail: expect.stringContaining('holds 1 agent and waits for 1 more'),
    });
  });

  test('where membership is required, only members serve; others are offered as invites', () => {
    start({ membership: 'required' });
    register(
      agent('popular', { memberships: ['x', 'y'] }),
      agent('free', { labels: { invite_url: 'https://invite/free' } }),
    );
    expect(refusal('guild')).toMatchObject({
      code: 'AGENT_NOT_INSTALLED',
      invites: [
        { agentId: 'free', inviteUrl: 'https://invite/free' },
        { agentId: 'popular', inviteUrl: null },
      ],
    });
    pool.execute({ type: 'set_membership', agent: 'popular', tenant: 'guild', member: true }, now);
    expect(lease('guild').agentId).toBe('popular');
  });
});

describe('how a lease lives and ends', () => {
  test('it is allocated, then active or idle; a report needs the present token', () => {
    register(agent('a'));
    const held = lease('guild', { purpose: 'music', metadata: { song: 'x' } });
    expect(held).toMatchObject({ state: 'allocated', token: 1, metadata: { song: 'x' } });
    expect(report(held, 'active')).toMatchObject({ lease: { state: 'active' } });
    expect(report(held, 'idle')).toMatchObject({ lease: { state: 'idle' } });
    expect(report({ ...held, token: 0 }, 'active')).toMatchObject({ code: 'LEASE_TOKEN_STALE' });

    release(held);
    expect(report(held, 'active')).toMatchObject({ code: 'INVALID_TRANSITION' });
    expect(leaseOf(held)).toMatchObject({ state: 'released', reason: 'released' });
  });

  test('releasing it again gives the same answer', () => {
    register(agent('a'));
    const held = lease('guild');
    const first = pool.execute({ type: 'release', lease: held.leaseId }, now);
    wait(MINUTE);
    expect(pool.execute({ type: 'release', lease: held.leaseId }, now)).toEqual(first);
  });

  test('quiet, it ends by the idle timeout of its purpose; active, after a day of silence', () => {
    register(agent('a'), agent('b'));
    const tool = lease('guild', { purpose: 'utility' });
    const song = lease('guild', { purpose: 'music' });
    report(song, 'active');
    wait(5 * MINUTE);
    expect(leaseOf(tool)).toMatchObject({ reason: 'idle_timeout', releasedAt: NOON + 5 * MINUTE });
    wait(24 * HOUR - 5 * MINUTE - 1);
    expect(leaseOf(song).state).toBe('active');
    wait(1);
    expect(leaseOf(song).reason).toBe('idle_timeout');
  });

  test('a lifetime ends it whatever it does', () => {
    register(agent('a'));
    const held = lease('guild', { lifetimeMs: HOUR });
    report(held, 'active');
    wait(HOUR);
    expect(leaseOf(held).reason).toBe('expired');
  });

  test('under the pressure policy, timeouts shrink in a full pool and grow in an empty one', () => {
    start({ idlePolicy: 'pressure' });
    register(agent('a'), agent('b'), agent('c'), agent('d'), agent('e'));
    const held = lease('guild', { purpose: 'music' });
    report(held, 'idle');
    const stays = () => (leaseOf(held).expiresAt - NOON) / MINUTE;
    expect(stays()).toBe(30 * (2 - 0.2 / 0.5));
    for (const other of ['1', '2']) report(lease(other), 'active');
    expect(stays()).toBe(30);
    for (const other of ['3', '4']) report(lease(other), 'active');
    expect(stays()).toBe(5);
    wait(6 * MINUTE);
    expect(leaseOf(held).reason).toBe('idle_timeout');
  });
});

describe('taking back idle leases', () => {
  test('the longest idle goes to new work, once it is idle for 30 minutes', () => {
    start({ purposes: { default: { idleTimeoutMs: 2 * HOUR, priorityWeight: 10 } } });
    register(...['a', 'b', 'c', 'd', 'e', 'f'].map((id) => agent(id)));
    for (let i = 0; i < 4; i++) report(lease(`busy ${i}`, { specialization: 'general' }), 'active');
    const older = lease('older');
    report(older, 'idle');
    wait(SECOND);
    const newer = lease('newer');
    report(newer, 'idle');
    wait(5 * MINUTE);

    // The pool is full, so five minutes are enough; below 80 % it would take half an hour.
    expect(ask('guild')).toMatchObject({ how: 'reclaim', leases: [{ agentId: older.agentId }] });
    expect(leaseOf(older).reason).toBe('reclaimed');
    expect(leaseOf(newer).state).toBe('idle');
  });

  test('active work is never taken, nor work of a higher priority, nor a lease just granted', () => {
    start({ purposes: { default: { idleTimeoutMs: 2 * HOUR, priorityWeight: 10 } } });
    register(agent('a'));
    const held = lease('guild', { priority: 'high' });
    report(held, 'active');
    wait(6 * MINUTE);
    expect(refusal('other', { priority: 'critical', queue: false }).code).toBe(
      'AGENT_POOL_EXHAUSTED',
    );
    report(held, 'idle');
    wait(6 * MINUTE);
    expect(refusal('other', { queue: false }).retryAfterMs).toBeGreaterThanOrEqual(SECOND);
    expect(ask('other', { priority: 'high' })).toMatchObject({ how: 'reclaim' });
  });

  test('those who wait are looked at once a second, and age makes them more urgent', () => {
    start({ purposes: { default: { idleTimeoutMs: 2 * HOUR, priorityWeight: 10 } } });
    register(agent('a'));
    report(lease('guild', { priority: 'high' }), 'idle');
    const ticket = queue('other', { queueTimeoutMs: HOUR });
    wait(5 * MINUTE);
    // Four intervals of 30 s make one step of priority: normal has been high for three minutes.
    expect(ticketOf(ticket)).toMatchObject({ state: 'granted', leases: [{ agentId: 'a' }] });
  });
});

describe('the queue', () => {
  test('a ticket has a position, and is granted when an agent becomes free', () => {
    register(agent('a'));
    const held = lease('guild');
    const first = queue('second');
    expect([first.position, queue('third').position]).toEqual([1, 2]);
    release(held);
    expect(ticketOf(first)).toMatchObject({ state: 'granted', position: 0 });
    expect(pool.tenant('third')?.tickets).toMatchObject([{ position: 1 }]);
  });

  test('urgent requests go first; purposes rank within a priority; then who holds least', () => {
    register(agent('a'), agent('b'));
    const [held] = [lease('guild'), lease('rich')];
    const rich = queue('rich', { reuse: false });
    const poor = queue('poor');
    const music = queue('music', { purpose: 'music' });
    const high = queue('urgent', { priority: 'high' });
    expect([high, music, poor, rich].map((each) => ticketOf(each).position)).toEqual([1, 2, 3, 4]);
    release(held);
    expect(ticketOf(high).state).toBe('granted');
  });

  test('age outweighs priority, so nobody starves', () => {
    register(agent('a'));
    const held = lease('guild');
    report(held, 'active');
    const patient = queue('patient', { priority: 'low', queueTimeoutMs: HOUR });
    // Four intervals of 30 s are worth a priority: at two minutes the low is a normal's equal.
    wait(2 * MINUTE - SECOND);
    expect(queue('later').position).toBe(1);
    wait(SECOND);
    expect(queue('even later').position).toBe(3);
    expect(ticketOf(patient).position).toBe(2);
  });

  test('nobody waits behind a request that cannot be served', () => {
    register(agent('a', { tools: ['music'] }), agent('b'));
    const [music, other] = [lease('guild', { tools: ['music'] }), lease('other')];
    const first = queue('first', { tools: ['music'], priority: 'critical' });
    const second = queue('second');
    release(other);
    expect([ticketOf(first).state, ticketOf(second).state]).toEqual(['queued', 'granted']);
    release(music);
    expect(ticketOf(first).state).toBe('granted');
  });

  test('a group collects: what it waits for is withheld from those it outranks', () => {
    register(agent('a'), agent('b'), agent('c'));
    const [one, two] = [lease('guild 1'), lease('guild 2')];
    const group = queue('group', { count: 2 });
    // An agent is free, but the group comes first; something more urgent does not wait.
    expect(queue('small').position).toBe(2);
    expect(refusal('small 2', { queue: false, explain: true }).explain?.rejected).toEqual({
      LEASED: 2,
      WITHHELD_FOR_GROUP: 1,
    });
    lease('urgent', { priority: 'critical' });
    release(one);
    expect(ticketOf(group).state).toBe('queued');
    release(two);
    expect(ticketOf(group)).toMatchObject({ state: 'granted', leases: [{}, {}] });
  });

  test('a ticket ends once: granted, expired or cancelled', () => {
    register(agent('a'));
    lease('guild');
    const [left, late] = [queue('left'), queue('late', { queueTimeoutMs: 5 * SECOND })];
    pool.execute({ type: 'cancel_ticket', ticket: left.ticketId }, now);
    wait(5 * SECOND);
    expect([ticketOf(left).state, ticketOf(late).state]).toEqual(['cancelled', 'expired']);
    expect(pool.execute({ type: 'cancel_ticket', ticket: late.ticketId }, now)).toMatchObject({
      ticket: { state: 'expired' },
    });
  });

  test('a grant that nobody claims or uses is taken back', () => {
    register(agent('a'), agent('b'));
    const held = [lease('guild 1'), lease('guild 2')];
    const [forgotten, claimed] = [queue('forgotten'), queue('claimed')];
    held.forEach(release);
    pool.execute({ type: 'claim_ticket', ticket: claimed.ticketId }, now);
    wait(MINUTE);
    expect(ticketOf(forgotten).leases[0].reason).toBe('idle_timeout');
    expect(ticketOf(claimed).leases[0].state).toBe('allocated');
  });

  test('a full queue, or a request that will not wait, is refused with a time to come back', () => {
    start({ queue: { ...DEFAULT_OPTIONS.queue, maxLength: 1 } });
    register(agent('a'));
    lease('guild');
    expect(refusal('other', { queue: false }).detail).toContain('asked not to be queued');
    queue('other');
    expect(refusal('third').detail).toContain('the queue is full');
  });
});

describe('agents come, fail and go', () => {
  test('registering is all or nothing, and twice the same is once', () => {
    register(agent('a'));
    const again = pool.execute({ type: 'register', agents: [agent('a'), agent('b')] }, now);
    expect(again).toEqual({ outcome: 'registered', registered: 1, unchanged: 1 });
    const clash = { type: 'register', agents: [agent('c'), agent('a', { slots: 2 })] } as const;
    expect(pool.execute(clash, now)).toMatchObject({
      code: 'AGENT_EXISTS',
      errors: [{ path: '/1/slots' }],
    });
    expect(pool.agent('c')).toBeNull();
  });

  test('a draining agent finishes its work: idle leases end at once, active ones when idle', () => {
    register(agent('a', { slots: 2 }));
    const [quiet, busy] = [lease('quiet'), lease('busy')];
    report(quiet, 'idle');
    report(busy, 'active');
    pool.execute({ type: 'drain_agent', agent: 'a' }, now);
    expect(leaseOf(quiet).reason).toBe('drained');
    expect(ask('third').outcome).toBe('queued');
    report(busy, 'idle');
    expect(leaseOf(busy).reason).toBe('drained');

    expect(pool.agent('a')?.phase).toBe('draining');
    pool.execute({ type: 'resume_agent', agent: 'a' }, now);
    expect(pool.tenant('third')?.leases).toHaveLength(1);
  });

  test('a retiring agent leaves with its last lease; by force, at once', () => {
    register(agent('a'), agent('b'));
    const [held, other] = [lease('guild'), lease('other')];
    for (const each of [held, other]) report(each, 'active');
    pool.execute({ type: 'retire_agent', agent: held.agentId }, now);
    expect(pool.agent(held.agentId)?.phase).toBe('draining');
    release(held);
    expect(pool.agent(held.agentId)).toBeNull();

    const gone = pool.execute({ type: 'retire_agent', agent: other.agentId, force: true }, now);
    expect(gone).toMatchObject({ agent: { phase: 'retired', leases: [] } });
    expect(leaseOf(other)).toMatchObject({ reason: 'drained', agentId: other.agentId });
  });

  test('three missed heartbeats lose an agent; its leases move under new tokens, or end', () => {
    register(agent('a'), agent('b'));
    const held = lease('guild');
    report(held, 'active');
    const check = () => {
      wait(MINUTE);
      pool.execute({ type: 'heartbeat', agents: [['b', 0.5]] }, now);
      return pool.execute({ type: 'check_health' }, now);
    };
    wait(MINUTE);
    check();
    expect(check()).toEqual({ outcome: 'checked', degraded: 1, unhealthy: 0 });
    check();
    expect(check()).toEqual({ outcome: 'checked', degraded: 0, unhealthy: 1 });
    expect(pool.agent('a')).toMatchObject({ phase: 'offline', health: 'unhealthy' });
    expect(leaseOf(held)).toMatchObject({ agentId: 'b', state: 'allocated', token: 2 });
    expect(report(held, 'active')).toMatchObject({ code: 'LEASE_TOKEN_STALE' });

    pool.execute({ type: 'heartbeat', agents: [['b']], health: 'unhealthy' }, now);
    expect(leaseOf(held).reason).toBe('agent_lost');
    pool.execute({ type: 'heartbeat', agents: [['a']] }, now);
    expect(pool.agent('a')).toMatchObject({ phase: 'available', health: 'healthy' });
  });

  test('what an agent says of its own health, only it takes back', () => {
    register(agent('a'));
    pool.execute({ type: 'heartbeat', agents: [['a']], health: 'degraded' }, now);
    const answer = pool.execute({ type: 'heartbeat', agents: [['a'], ['stranger']] }, now);
    expect(answer).toEqual({ outcome: 'heartbeats', accepted: 1, unknown: ['stranger'] });
    expect(pool.agent('a')?.health).toBe('degraded');
    pool.execute({ type: 'heartbeat', agents: [['a']], health: 'healthy' }, now);
    expect(pool.agent('a')?.health).toBe('healthy');
  });
});

describe('asking twice, and asking what if', () => {
  test('the same key gives the same answer for 24 hours, and no second agent', () => {
    register(agent('a'), agent('b'));
    const more = { idempotencyKey: 'key', fingerprint: 'body', reuse: false };
    const first = ask('guild', more);
    wait(MINUTE);
    expect(ask('guild', more)).toEqual({ ...first, repeated: true });
    expect(refusal('guild', { ...more, fingerprint: 'other body' }).code).toBe(
      'IDEMPOTENCY_MISMATCH',
    );
    expect(pool.stats().leases.total).toBe(1);
    wait(24 * HOUR);
    expect(ask('guild', more)).not.toHaveProperty('repeated');
  });

  test('a dry run decides, explains and changes nothing', () => {
    register(agent('a', { tools: ['music'] }), agent('b', { slots: 2 }), agent('c'));
    lease('guild', { tools: ['music'] });
    pool.execute({ type: 'drain_agent', agent: 'c' }, now);
    pool.takeEvents();

    const answer = ask('other', { dryRun: true, explain: true });
    expect(answer).toMatchObject({
      outcome: 'granted',
      dryRun: true,
      leases: [{ leaseId: '', agentId: 'b' }],
      explain: {
        considered: 3,
        eligible: 1,
        chosen: 'b',
        rejected: { LEASED: 1, DRAINING: 1 },
      },
    });
    expect(pool.takeEvents()).toEqual([]);
    expect(pool.stats().leases.total).toBe(1);
  });

  test('every agent is counted under exactly one reason', () => {
    start({ membership: 'required' });
    register(
      agent('a', { memberships: ['guild'], slots: 2 }),
      agent('b', { memberships: ['guild'], tier: 'lite' }),
      agent('c', { specialization: 'research' }),
      agent('d'),
    );
    lease('guild', { minTier: 'standard' });
    const answer = refusal('guild', {
      ...{ specialization: 'general', minTier: 'standard', reuse: false },
      ...{ queue: false, explain: true },
    } as const);
    expect(answer.explain).toEqual({
      considered: 4,
      eligible: 0,
      chosen: null,
      score: null,
      rejected: { SERVES_TENANT: 1, TIER_TOO_LOW: 1, WRONG_SPECIALIZATION: 1, NOT_INSTALLED: 1 },
    });
  });
});
