import type { FastifyInstance } from 'fastify';
import { leaseEndpoints } from '../../protocol/lease-endpoints.ts';
import { toMs } from '../../protocol/time.ts';
import { cancelTicket, getTicket } from '../calls/ticket-calls.ts';
import type { ServerContext } from '../context.ts';
import { bind } from '../http/bind.ts';
import { goneSignal } from '../http/gone.ts';

export function ticketRoutes(app: FastifyInstance, context: ServerContext): void {
  bind(app, context, leaseEndpoints.getTicket, ({ params, query }, { request, reply }) => {
    const waitMs = toMs(query.wait_sec ?? 0);
    return getTicket(context, params.ticket_id, {
      waitMs,
      // Only those who wait can leave meanwhile; a plain read is answered to half-closed ones too.
      gone: waitMs > 0 ? goneSignal(reply.raw) : null,
      // Whoever asks with HEAD does not see the leases.
      claims: request.method !== 'HEAD',
    });
  });

  bind(app, context, leaseEndpoints.cancelTicket, ({ params }) =>
    cancelTicket(context, params.ticket_id),
  );
}
