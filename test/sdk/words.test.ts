/** The SDK's own types and tables say what the protocol's schemas say. */
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { HostedAgent } from '../../src/protocol/agent-frames.ts';
import { AGENT_SUBPROTOCOL } from '../../src/protocol/agent-frames.ts';
import { CLIENT_SUBPROTOCOL } from '../../src/protocol/client-frames.ts';
import { ERRORS, type ErrorCode } from '../../src/protocol/errors.ts';
import type {
  Explain as WireExplain,
  LeaseFilter as WireFilter,
  Lease as WireLease,
  LeaseRequest as WireRequest,
  Ticket as WireTicket,
} from '../../src/protocol/lease-schemas.ts';
import { runAgents } from '../../src/sdk/agent.ts';
import type { LeaseFilter, RequestFields } from '../../src/sdk/client/types.ts';
import { connect } from '../../src/sdk/client.ts';
import type { PoolErrorCode } from '../../src/sdk/errors.ts';
import { makeError, problemError } from '../../src/sdk/make-error.ts';
import { camel, snake } from '../../src/sdk/wire.ts';
import type { AgentSpec, Explain, LeaseInfo, TicketInfo } from '../../src/sdk/words.ts';

type Camel<T extends object> = ReturnType<typeof camel<T>>;
test('the types name the fields of the schemas', () => {
  expectTypeOf<keyof Camel<WireLease>>().toEqualTypeOf<keyof LeaseInfo>();
  expectTypeOf<keyof Camel<Omit<WireTicket, 'leases'>>>().toEqualTypeOf<keyof TicketInfo>();
  expectTypeOf<keyof Camel<WireExplain>>().toEqualTypeOf<keyof Explain>();
  expectTypeOf<keyof Camel<HostedAgent>>().toEqualTypeOf<keyof AgentSpec>();
  expectTypeOf<keyof Camel<Omit<WireRequest, 'count' | 'dry_run' | 'wait_sec'>>>().toEqualTypeOf<
    keyof RequestFields
  >();
  expectTypeOf<keyof Camel<WireFilter>>().toEqualTypeOf<keyof LeaseFilter>();
  expectTypeOf<Camel<WireLease>>().toExtend<LeaseInfo>();
  expectTypeOf<Camel<Omit<WireTicket, 'leases'>>>().toExtend<TicketInfo>();
  expectTypeOf<Camel<WireExplain>>().toExtend<Explain>();
  expectTypeOf<LeaseInfo['state']>().toEqualTypeOf<WireLease['state']>();
  expectTypeOf<LeaseInfo['reason']>().toEqualTypeOf<WireLease['reason']>();
  expectTypeOf<TicketInfo['state']>().toEqualTypeOf<WireTicket['state']>();
  expectTypeOf<TicketInfo['priority']>().toEqualTypeOf<WireTicket['priority']>();
  expectTypeOf<RequestFields['minTier']>().toEqualTypeOf<WireRequest['min_tier']>();
  expectTypeOf<RequestFields['priority']>().toEqualTypeOf<WireRequest['priority']>();
  expectTypeOf<AgentSpec['tier']>().toEqualTypeOf<HostedAgent['tier']>();
  expectTypeOf<PoolErrorCode>().toEqualTypeOf<ErrorCode>();
});

describe('names', () => {
  test('become camelCase, and times dates; what lies deeper stays', () => {
    const wire = { lease_id: 'x', allocated_at: '2026-01-02T03:04:05.678Z', a: { b_c: 1 } };
    expect(camel(wire)).toEqual({
      ...{ leaseId: 'x', a: { b_c: 1 } },
      allocatedAt: new Date('2026-01-02T03:04:05.678Z'),
    });
  });

  test('become snake_case; what is undefined is left out', () => {
    const fields = { maxCostPerHour: 2, metadata: { someKey: 1 }, tools: undefined };
    expect(snake(fields)).toEqual({ max_cost_per_hour: 2, metadata: { someKey: 1 } });
  });
});

test.each(Object.entries(ERRORS))('%s is an error of its class', (code, entry) => {
  const error = problemError({ code, detail: 'Why.', retry_after_sec: 3 }, entry.status);
  expect(error).toMatchObject({ code, status: entry.status, retryable: entry.retryable });
  expect(error).toMatchObject({ detail: 'Why.', retryAfterSec: 3, message: `${code}: Why.` });
  expect(error?.name).toBe(error?.constructor.name);
});

test('a code of a later pool is an error all the same', () => {
  expect(makeError('NEW_CODE', 'Why.').name).toBe('RemudaError');
  expect(problemError('<html>', 502)).toBeNull();
  expect(problemError(null, 502)).toBeNull();
});

test('the subprotocols are those of the protocol', async () => {
  const asked: string[] = [];
  class Refused {
    constructor(_: string, protocol: string) {
      asked.push(protocol);
      throw new TypeError('not in this test');
    }
    send(): void {}
    close(): void {}
    addEventListener(): void {}
  }
  const more = { webSocket: Refused };
  const url = 'http://127.0.0.1:1';
  await connect(url, { ...more, transport: 'socket', retryForSec: 0 }).catch(() => {});
  const agents = [{ agentId: 'a' }];
  const end = new AbortController();
  const onError = () => end.abort();
  const { signal } = end;
  await runAgents({ ...more, url, agents, onAssign: () => {}, onError, signal }).catch(() => {});
  expect(asked).toEqual([CLIENT_SUBPROTOCOL, AGENT_SUBPROTOCOL]);
});
