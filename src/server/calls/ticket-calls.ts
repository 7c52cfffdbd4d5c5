/** The calls about tickets, for every way in: HTTP routes and the client socket. */
import type { TicketView } from '../../core/outcome.ts';
import { NotReadyError } from '../../host/host-api.ts';
import { ticketToJson } from '../../protocol/lease-json.ts';
import { problem } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { type Answer, answer, problemAnswer, refused } from '../http/answer.ts';

export interface TicketRead {
  readonly waitMs: number;
  /** Fires when whoever waits has hung up. */
  readonly gone: AbortSignal | null;
  /** The reader sees the leases, and has them from then on. */
  readonly claims: boolean;
}

/** Null when nobody is left to answer. */
export async function getTicket(
  context: ServerContext,
  id: string,
  { waitMs, gone, claims }: TicketRead,
): Promise<Answer | null> {
  const { host, waiters } = context;
  const ticket =
    gone === null || waitMs === 0
      ? await host.read((pool) => pool.ticket(id))
      : (await waiters.wait(id, waitMs, gone)).ticket;
  if (gone?.aborted) return null;
  if (ticket === null) {
    return problemAnswer(problem('NOT_FOUND', `There is no ticket "${id}", or it ended long ago.`));
  }
  const isRead = ticket.state === 'granted' && claims;
  return answer(200, ticketToJson(isRead ? await claim(context, ticket) : ticket));
}

export async function cancelTicket({ host }: ServerContext, id: string): Promise<Answer> {
  const outcome = await host.execute({ type: 'cancel_ticket', ticket: id });
  return outcome.outcome === 'refused'
    ? refused(outcome)
    : answer(200, ticketToJson(outcome.ticket));
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
