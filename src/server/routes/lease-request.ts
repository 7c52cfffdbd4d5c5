/** POST /v1/leases: the answer at once, or after a wait in the queue. */
import type { Granted, Queued, Refusal, TicketView } from '../../core/outcome.ts';
import { NotReadyError } from '../../host/host-api.ts';
import {
  explainToJson,
  grantedTicketToJson,
  grantedToJson,
  leaseCommand,
  queuedToJson,
} from '../../protocol/lease-json.ts';
import type { LeaseRequest } from '../../protocol/lease-schemas.ts';
import { problem, retryAfterSec } from '../../protocol/problem.ts';
import { toMs } from '../../protocol/time.ts';
import type { ServerContext } from '../context.ts';
import { fingerprint } from '../fingerprint.ts';
import { type Answer, answer, problemAnswer, refused } from '../http/answer.ts';
import type { Exchange } from '../http/bind.ts';
import { goneSignal } from '../http/gone.ts';
import type { LeaseAnswer } from '../metrics.ts';

interface Outcome {
  readonly kind: LeaseAnswer;
  /** Null when nobody is left to answer. */
  readonly answer: Answer | null;
}

export async function requestLease(
  context: ServerContext,
  request: LeaseRequest,
  exchange: Exchange,
): Promise<Answer | null> {
  const started = performance.now();
  const key = exchange.header('idempotency-key');
  const outcome = await context.host.execute(
    leaseCommand(
      request,
      key === undefined ? undefined : { key, fingerprint: fingerprint(request) },
    ),
  );
  const waitMs = toMs(request.wait_sec ?? 0);
  const { kind, answer: reply } =
    outcome.outcome === 'queued' && !outcome.dryRun && waitMs > 0
      ? await waitFor(context, outcome, waitMs, exchange, key !== undefined)
      : answerTo(outcome);
  context.metrics.observeLease(kind, (performance.now() - started) / 1_000);
  return reply;
}

function answerTo(outcome: Granted | Queued | Refusal): Outcome {
  if (outcome.outcome === 'refused') return { kind: 'refused', answer: refused(outcome) };
  const isGranted = outcome.outcome === 'granted';
  const body = isGranted ? grantedToJson(outcome) : queuedToJson(outcome);
  if (outcome.dryRun) return { kind: 'dry_run', answer: answer(200, body) };
  if (!isGranted) return { kind: 'queued', answer: answer(202, body) };
  if (outcome.reused) return { kind: 'reused', answer: answer(200, body) };
  return { kind: 'granted', answer: answer(201, body) };
}

async function waitFor(
  context: ServerContext,
  queued: Queued,
  waitMs: number,
  exchange: Exchange,
  canAskAgain: boolean,
): Promise<Outcome> {
  const id = queued.ticket.ticketId;
  const gone = goneSignal(exchange.reply.raw);
  const { ticket } = await context.waiters.wait(id, waitMs, gone);
  if (gone.aborted) {
    // Nobody will read the answer. With an idempotency key the client can come back for it.
    if (!canAskAgain) await cancel(context, id);
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
      return answerTo({ ...queued, ticket: ticket ?? queued.ticket });
  }
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

async function cancel({ host, logger }: ServerContext, ticket: string): Promise<void> {
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
