/** The calls about leases and tickets. */
import { Type } from 'typebox';
import { endpoint } from './endpoint.ts';
import {
  Granted,
  Lease,
  LeaseFilter,
  LeasePage,
  LeaseParams,
  LeaseRequest,
  Queued,
  StateReport,
  Ticket,
  TicketParams,
  TicketQuery,
} from './lease-schemas.ts';
import { LIMITS } from './limits.ts';

export const IdempotencyKey = Type.String({
  minLength: 1,
  maxLength: LIMITS.idempotencyKeyLength,
  pattern: '^[\\x20-\\x7e]+$',
  'x-rule': 'must consist of printable ASCII characters',
  description:
    'The same key with the same body gets the same answer for 24 hours, across restarts.',
});

export const leaseEndpoints = {
  createLease: endpoint({
    id: 'createLease',
    method: 'POST',
    path: '/v1/leases',
    tag: 'leases',
    summary: 'Ask for an agent',
    description:
      'With `wait_sec`, a request that is queued stays open until its ticket ends or the time is up. If the client goes away while it waits, the ticket is cancelled, unless an `Idempotency-Key` was sent.',
    headers: [{ name: 'Idempotency-Key', schema: IdempotencyKey }],
    body: LeaseRequest,
    responses: {
      200: {
        description: 'A dry run, or leases that the tenant already had (`reused: true`).',
        schema: Type.Union([Granted, Queued]),
      },
      201: { description: 'Granted.', schema: Granted },
      202: { description: 'Queued: follow the ticket.', schema: Queued },
    },
    errors: [
      'AGENT_POOL_EXHAUSTED',
      'TENANT_AT_LIMIT',
      'AGENT_NOT_INSTALLED',
      'NO_SUCH_CAPABILITY',
      'IDEMPOTENCY_MISMATCH',
      'TICKET_CANCELLED',
    ],
  }),
  listLeases: endpoint({
    id: 'listLeases',
    method: 'GET',
    path: '/v1/leases',
    tag: 'leases',
    summary: 'List leases',
    query: LeaseFilter,
    responses: { 200: { description: 'A page of leases.', schema: LeasePage } },
  }),
  getLease: endpoint({
    id: 'getLease',
    method: 'GET',
    path: '/v1/leases/{lease_id}',
    tag: 'leases',
    summary: 'Read a lease',
    params: LeaseParams,
    responses: { 200: { description: 'The lease; one that has ended too.', schema: Lease } },
  }),
  reportLease: endpoint({
    id: 'reportLease',
    method: 'POST',
    path: '/v1/leases/{lease_id}/state',
    tag: 'leases',
    summary: 'Report a lease active or idle',
    description: 'Reporting the same state again renews `last_activity_at`.',
    params: LeaseParams,
    body: StateReport,
    responses: { 200: { description: 'The lease as it is now.', schema: Lease } },
    errors: ['LEASE_TOKEN_STALE', 'INVALID_TRANSITION'],
  }),
  releaseLease: endpoint({
    id: 'releaseLease',
    method: 'DELETE',
    path: '/v1/leases/{lease_id}',
    tag: 'leases',
    summary: 'Release a lease',
    description: 'Repeating it gets the same answer.',
    params: LeaseParams,
    responses: { 200: { description: 'The lease, ended or ending.', schema: Lease } },
  }),
  getTicket: endpoint({
    id: 'getTicket',
    method: 'GET',
    path: '/v1/tickets/{ticket_id}',
    tag: 'tickets',
    summary: 'Follow a ticket',
    description:
      'With `wait_sec` the call stays open while the ticket waits. Reading a granted ticket claims its leases.',
    params: TicketParams,
    query: TicketQuery,
    responses: {
      200: { description: 'The ticket; with its leases once granted.', schema: Ticket },
    },
  }),
  cancelTicket: endpoint({
    id: 'cancelTicket',
    method: 'DELETE',
    path: '/v1/tickets/{ticket_id}',
    tag: 'tickets',
    summary: 'Leave the queue',
    params: TicketParams,
    responses: { 200: { description: 'The ticket, as it ended.', schema: Ticket } },
    errors: [],
  }),
} as const;
