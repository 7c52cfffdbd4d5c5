/** The calls about leases, for every way in: HTTP routes and the client socket. */
import type { Granted, LeaseOutcome, Queued, Refusal, TicketView } from '../../core/outcome.ts';
import { NotReadyError } from '../../host/host-api.ts';
import {
  explainToJson,
  grantedTicketToJson,
  leaseQuery,
  leaseToJson,
  queuedToJson,
} from '../../protocol/lease-json.ts';
import type { LeaseFilter, LeasePage } from '../../protocol/lease-schemas.ts';
import { grantedText, leaseText } from '../../protocol/lease-text.ts';
import { problem, retryAfterSec } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { type Answer, answer, problemAnswer, refused, textAnswer } from '../http/answer.ts';
import type { LeaseAnswer } from '../metrics.ts';

export interface LeaseCallAnswer {
  readonly kind: LeaseAnswer;
  /** Null when nobody is left to answer. */
  readonly answer: Answer | null;
}

/** The answer to a lease request that does not wait. */
export function leaseAnswer(outcome: Granted | Queued | Refusal): LeaseCallAnswer {
  if (outcome.outcome === 'refused') return { kind: 'refused', answer: refused(outcome) };
  const isGranted = outcome.outcome === 'granted';
  if (!isGranted) {
    const body = queuedToJson(outcome);
    if (outcome.dryRun) return { kind: 'dry_run', answer: answer(200, body) };
    return { kind: 'queued', answer: answer(202, body) };
  }
  const text = grantedText(outcome);
  if (outcome.dryRun) return { kind: 'dry_run', answer: textAnswer(200, text) };
  if (outcome.reused) return { kind: 'reused', answer: textAnswer(200, text) };
  return { kind: 'granted', answer: textAnswer(201, text) };
}

/** The answer to a queued request once its ticket has ended, or the time is up. */
export async function waitForLease(
  context: ServerContext,
  queued: Queued,
  waitMs: number,
  gone: AbortSignal,
  canAskAgain: boolean,
): Promise<LeaseCallAnswer> {
  const id = queued.ticket.ticketId;
  const { ticket } = await context.waiters.wait(id, waitMs, gone);
  if (gone.aborted) {
    // Nobody will read the answer. With an idempotency key the client can come back for it.
    if (!canAskAgain) await cancelQuietly(context, id);
    return { kind: ticket?.state === 'granted' ? 'waited' : 'queued', answer: null };
  }
  switch (ticket?.state) {
    case 'granted':
      return { kind: 'waited', answer: await claimed(context, queued, ticket) };
    case 'expired':
      return { kind: 'expired', answer: expired(queued, ticket) };
    case 'cancelled':
      return { kind: 'queued', answer: cancelled(id) };
    default:
      return leaseAnswer({ ...queued, ticket: ticket ?? queued.ticket });
  }
}

export async function listLeases({ host }: ServerContext, filter: LeaseFilter): Promise<Answer> {
  const { items, nextCursor } = await host.read((pool) => pool.leases(leaseQuery(filter)));
  const page: LeasePage = { items: items.map(leaseToJson), next_cursor: nextCursor };
  return answer(200, page);
}

export async function getLease({ host }: ServerContext, id: string): Promise<Answer> {
  const lease = await host.read((pool) => pool.lease(id));
  if (lease) return answer(200, leaseToJson(lease));
  return problemAnswer(problem('NOT_FOUND', `There is no lease "${id}", or it ended long ago.`));
}

/** To a report and to a release. */
export function changeAnswer(outcome: LeaseOutcome | Refusal): Answer {
  if (outcome.outcome === 'refused') return refused(outcome);
  return textAnswer(200, leaseText(outcome.lease));
}

async function claimed(
  { host }: ServerContext,
  queued: Queued,
  granted: TicketView,
): Promise<Answer> {
  try {
    const outcome = await host.execute({ type: 'claim_ticket', ticket: granted.ticketId });
    const ticket = outcome.outcome === 'ticket' ? outcome.ticket : granted;
    return answer(201, grantedTicketToJson(ticket, queued.explain));
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    // The pool is stopping: the grant stands, and the ticket can be followed and claimed later.
    return answer(202, queuedToJson({ ...queued, ticket: granted }));
  }
}

async function cancelQuietly({ host, logger }: ServerContext, ticket: string): Promise<void> {
  try {
    await host.execute({ type: 'cancel_ticket', ticket });
  } catch (error) {
    // It stays in the queue until it expires; whatever it is granted is taken back unclaimed.
    logger.debug({ err: error, ticket }, 'an abandoned ticket was not cancelled');
  }
}

function expired({ explain }: Queued, ticket: TicketView): Answer {
  const waited = Math.round((ticket.expiresAt - ticket.queuedAt) / 100) / 10;
  const detail = `The request waited ${waited} s in the queue and no agent came free for it.`;
  return problemAnswer(
    problem('AGENT_POOL_EXHAUSTED', detail, {
      retry_after_sec: retryAfterSec('AGENT_POOL_EXHAUSTED'),
      ...(explain && { explain: explainToJson(explain) }),
    }),
  );
}

function cancelled(id: string): Answer {
  return problemAnswer(
    problem('TICKET_CANCELLED', `The ticket ${id} was cancelled while this request waited for it.`),
  );
}
