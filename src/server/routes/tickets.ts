import type { FastifyInstance } from 'fastify';
import type { TicketView } from '../../core/outcome.ts';
import { NotReadyError } from '../../host/host-api.ts';
import { leaseEndpoints } from '../../protocol/lease-endpoints.ts';
import { ticketToJson } from '../../protocol/lease-json.ts';
import { problem } from '../../protocol/problem.ts';
import { toMs } from '../../protocol/time.ts';
import type { ServerContext } from '../context.ts';
import { answer, problemAnswer, refused } from '../http/answer.ts';
import { bind } from '../http/bind.ts';
import { goneSignal } from '../http/gone.ts';

export function ticketRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host, waiters } = context;

  bind(app, context, leaseEndpoints.getTicket, async ({ params, query }, { request, reply }) => {
    const id = params.ticket_id;
    const waitMs = toMs(query.wait_sec ?? 0);
    // Only those who wait can leave meanwhile; a plain read is answered to half-closed ones too.
    const gone = waitMs > 0 ? goneSignal(reply.raw) : null;
    const ticket =
      gone === null
        ? await host.read((pool) => pool.ticket(id))
        : (await waiters.wait(id, waitMs, gone)).ticket;
    if (gone?.aborted) return null;
    if (ticket === null) {
      return problemAnswer(
        problem('NOT_FOUND', `There is no ticket "${id}", or it ended long ago.`),
      );
    }
    // Whoever asks with HEAD does not see the leases.
    const isRead = ticket.state === 'granted' && request.method !== 'HEAD';
    return answer(200, ticketToJson(isRead ? await claim(context, ticket) : ticket));
  });

  bind(app, context, leaseEndpoints.cancelTicket, async ({ params }) => {
    const outcome = await host.execute({ type: 'cancel_ticket', ticket: params.ticket_id });
    return outcome.outcome === 'refused'
      ? refused(outcome)
      : answer(200, ticketToJson(outcome.ticket));
  });
}

/** Whoever reads a grant has it. While the pool takes no commands it stays unclaimed for now. */
async function claim({ host }: ServerContext, ticket: TicketView): Promise<TicketView> {
  try {
    const outcome = await host.execute({ type: 'claim_ticket', ticket: ticket.ticketId });
    return outcome.outcome === 'ticket' ? outcome.ticket : ticket;
  } catch (error) {
    if (error instanceof NotReadyError) return ticket;
    throw error;
  }
}
