/**
 * The client protocol, `GET /v1/connect`, subprotocol `remuda.client.v1`: the lease and ticket
 * calls of the HTTP API, pipelined on one connection. A frame is a JSON array of calls, or a single
 * call; answers come as arrays, in any order, each with the id of its call, and with the status and
 * the body that the HTTP call has.
 *
 *   → [{"id":1,"call":"lease","body":{"tenant":"g1"}},{"id":2,"call":"release","lease_id":"lse-7-1"}]
 *   ← [{"id":1,"status":201,"body":{…}},{"id":2,"status":200,"body":{…}}]
 *   ← [{"push":"lease.lost","lease":{…}}]
 */
import { type Static, Type } from 'typebox';
import { LeaseId, strict, TicketId, Token } from './fields.ts';
import { IdempotencyKey } from './lease-endpoints.ts';
import {
  Lease,
  LeaseFilter,
  LeaseRequest,
  StateReport,
  Ticket,
  TicketQuery,
} from './lease-schemas.ts';
import { LIMITS } from './limits.ts';

export const CLIENT_SUBPROTOCOL = 'remuda.client.v1';

const id = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Comes back with the answer; no two calls that are under way share one.',
});
const call = <T extends string>(name: T) => Type.Literal(name);

export const CLIENT_CALLS = {
  lease: strict(
    {
      id,
      call: call('lease'),
      body: LeaseRequest,
      idempotency_key: Type.Optional(IdempotencyKey),
    },
    { title: 'lease', description: 'POST /v1/leases' },
  ),
  'lease.list': strict(
    { id, call: call('lease.list'), query: Type.Optional(LeaseFilter) },
    { title: 'lease.list', description: 'GET /v1/leases' },
  ),
  'lease.get': strict(
    { id, call: call('lease.get'), lease_id: LeaseId },
    { title: 'lease.get', description: 'GET /v1/leases/{lease_id}' },
  ),
  'lease.state': strict(
    { id, call: call('lease.state'), lease_id: LeaseId, body: StateReport },
    { title: 'lease.state', description: 'POST /v1/leases/{lease_id}/state' },
  ),
  release: strict(
    { id, call: call('release'), lease_id: LeaseId },
    { title: 'release', description: 'DELETE /v1/leases/{lease_id}' },
  ),
  'ticket.get': strict(
    { id, call: call('ticket.get'), ticket_id: TicketId, query: Type.Optional(TicketQuery) },
    { title: 'ticket.get', description: 'GET /v1/tickets/{ticket_id}' },
  ),
  'ticket.cancel': strict(
    { id, call: call('ticket.cancel'), ticket_id: TicketId },
    { title: 'ticket.cancel', description: 'DELETE /v1/tickets/{ticket_id}' },
  ),
  watch: strict(
    {
      id,
      call: call('watch'),
      leases: Type.Optional(
        Type.Array(strict({ lease_id: LeaseId, token: Token }), { maxItems: LIMITS.pageItems }),
      ),
      tickets: Type.Optional(Type.Array(TicketId, { maxItems: LIMITS.pageItems })),
    },
    {
      title: 'watch',
      description:
        'Push what happens to these from now on, as after a reconnect; what a connection has asked for is watched by itself. What happened since the client last heard is pushed at once; `missing` of the answer names what the pool does not know.',
    },
  ),
  auth: strict(
    {
      id,
      call: call('auth'),
      api_key: Type.String({ minLength: 1, maxLength: LIMITS.credentialLength }),
    },
    {
      title: 'auth',
      description: 'The first call of clients that cannot send an Authorization header.',
    },
  ),
} as const;

export type ClientCallName = keyof typeof CLIENT_CALLS;
export type ClientCall = {
  [C in ClientCallName]: Static<(typeof CLIENT_CALLS)[C]>;
}[ClientCallName];

/** What the pool answers: `body` is that of the HTTP call, or a problem with its `code`. */
export interface ClientAnswer {
  readonly id: number;
  readonly status: number;
  readonly body: unknown;
}

/** What the pool tells without being asked. */
export const CLIENT_PUSHES = {
  'ticket.granted': strict(
    { push: Type.Literal('ticket.granted'), ticket: Ticket },
    {
      title: 'ticket.granted',
      description:
        'The ticket got its leases. They are taken back unless the client shows that it has read this, with `ticket.get`.',
    },
  ),
  'ticket.ended': strict(
    { push: Type.Literal('ticket.ended'), ticket: Ticket },
    { title: 'ticket.ended', description: 'The ticket expired or was cancelled.' },
  ),
  'lease.lost': strict(
    { push: Type.Literal('lease.lost'), lease: Lease },
    { title: 'lease.lost', description: 'The lease has ended; `reason` says why.' },
  ),
  'lease.replaced': strict(
    { push: Type.Literal('lease.replaced'), lease: Lease },
    {
      title: 'lease.replaced',
      description: 'The lease goes on with another agent, under a new token.',
    },
  ),
} as const;

export type ClientPushName = keyof typeof CLIENT_PUSHES;
export type ClientPush = {
  [P in ClientPushName]: Static<(typeof CLIENT_PUSHES)[P]>;
}[ClientPushName];
