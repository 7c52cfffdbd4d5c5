/**
 * Tables are used again and again: rows of ended leases and tickets, of agents that left, and the
 * ring of recent leases. Only long runs get there.
 */
import { expect, test } from 'vitest';
import type { AgentSpec } from '../../src/core/command.ts';
import { ENDED_LEASES_KEPT, ENDED_TICKETS_KEPT } from '../../src/core/limits.ts';
import { DEFAULT_OPTIONS } from '../../src/core/options.ts';
import { Pool } from '../../src/core/pool.ts';
import { decodeDump, encodeDump } from '../../src/host/codec.ts';
import { checkInvariants, nothingSeen } from './invariants.ts';
import { START } from './scripts.ts';

const SPEC: Omit<AgentSpec, 'agentId'> = {
  ...{ specialization: 'general', tools: [], tier: 'standard', slots: 1, costPerHour: 0 },
  ...{ labels: {}, protected: false, memberships: [] },
};

function poolOf(agents: number): Pool {
  const pool = new Pool(DEFAULT_OPTIONS);
  const specs = Array.from({ length: agents }, (_, i) => ({ ...SPEC, agentId: `agent-${i}` }));
  pool.execute({ type: 'register', agents: specs }, START);
  return pool;
}

/** The same state in another pool, by way of events and of a dump. */
function agreesWithCopies(pool: Pool, events: Parameters<Pool['apply']>[0]): void {
  const bytes = () => encodeDump(pool.dump()).map((chunk) => chunk.slice());
  const repeated = new Pool(DEFAULT_OPTIONS);
  repeated.apply(events);
  expect(same(encodeDump(repeated.dump()), bytes())).toBe(true);
  const restored = new Pool(DEFAULT_OPTIONS);
  restored.restore(decodeDump(bytes()));
  expect(same(encodeDump(restored.dump()), bytes())).toBe(true);
  for (const copy of [pool, repeated, restored]) checkInvariants(copy.state, nothingSeen());
}

function same(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((chunk, i) => Buffer.compare(chunk, b[i]) === 0);
}

test('rows of ended leases are used again, under new ids', { timeout: 120_000 }, () => {
  const pool = poolOf(100);
  const events = [...pool.takeEvents()];
  const ids: string[] = [];
  let now = START;
  for (let i = 0; i < ENDED_LEASES_KEPT + 2_000; i++) {
    now += i % 100 === 0 ? 1_000 : 0;
    const answer = pool.execute({ type: 'lease', tenant: `t${i % 31}`, reuse: false }, now);
    if (answer.outcome !== 'granted') throw new Error(answer.outcome);
    const [{ leaseId, token }] = answer.leases;
    ids.push(leaseId);
    // Some are left to time out by themselves, so that old deadlines meet rows with new leases.
    if (i % 20_000 < 10) continue;
    if (i % 3 === 0) pool.execute({ type: 'report', lease: leaseId, state: 'active', token }, now);
    pool.execute({ type: 'release', lease: leaseId }, now);
    events.push(...pool.takeEvents());
  }
  events.push(...pool.takeEvents());
  expect(new Set(ids).size).toBe(ids.length);
  expect(pool.lease(ids[20])).toBeNull();
  expect(pool.execute({ type: 'release', lease: ids[20] }, now)).toMatchObject({
    code: 'NOT_FOUND',
  });
  expect(pool.lease(ids.at(-1) as string)).toMatchObject({ state: 'released' });
  agreesWithCopies(pool, events);
});

test('ended tickets are forgotten in the order in which they ended', { timeout: 120_000 }, () => {
  const pool = poolOf(1);
  const held = pool.execute({ type: 'lease', tenant: 'holder', lifetimeMs: 1e12 }, START);
  if (held.outcome !== 'granted') throw new Error(held.outcome);
  const { leaseId, token } = held.leases[0];
  const events = [...pool.takeEvents()];
  let now = START;
  for (let i = 0; i < ENDED_TICKETS_KEPT + 500; i++) {
    const answer = pool.execute({ type: 'lease', tenant: `t${i % 40}` }, now);
    if (answer.outcome !== 'queued') throw new Error(answer.outcome);
    // A tenth expire; the others are cancelled.
    if (i % 10 !== 0) {
      pool.execute({ type: 'cancel_ticket', ticket: answer.ticket.ticketId }, now);
    } else {
      now += 1_000;
      pool.execute({ type: 'report', lease: leaseId, state: 'active', token }, now);
    }
    events.push(...pool.takeEvents());
  }
  expect(pool.ticket('tkt-2')).toBeNull();
  expect(pool.ticket(`tkt-${ENDED_TICKETS_KEPT + 400}`)).not.toBeNull();
  agreesWithCopies(pool, events);
});

test('agents that come and go leave nothing behind', { timeout: 120_000 }, () => {
  const pool = poolOf(5);
  const events = [...pool.takeEvents()];
  let now = START;
  for (let i = 0; i < 5_000; i++) {
    now += 500;
    const agents = [{ ...SPEC, agentId: `new-${i}`, labels: { host: `h${i % 3}` } }];
    pool.execute({ type: 'register', agents }, now);
    pool.execute({ type: 'lease', tenant: `t${i % 50}` }, now);
    const oldest = i < 5 ? `agent-${i}` : `new-${i - 5}`;
    pool.execute({ type: 'retire_agent', agent: oldest, force: true }, now);
    if (i % 500 === 0) checkInvariants(pool.state, nothingSeen());
    events.push(...pool.takeEvents());
  }
  expect(pool.stats().agents.total).toBe(5);
  expect(pool.state.agents.names.end).toBeLessThan(10);
  agreesWithCopies(pool, events);
});
