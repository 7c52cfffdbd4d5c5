/**
 * A request for leases, from the call to the grant. It ends in exactly one of three ways: the caller
 * has the leases; the pool has refused; or the caller does not want them any more, and then
 * whatever the pool grants is given back.
 */
import { ClosedError, ConnectionError, NotFoundError } from '../errors.ts';
import { makeError } from '../make-error.ts';
import { raced } from '../net/wait.ts';
import { type CallOf, leaseRequest, type WireLease, type WireTicket } from '../wire.ts';
import type { HeldLease } from './lease.ts';
import type { Leases } from './leases.ts';
import type { Session, Started } from './session.ts';
import type { Tickets } from './tickets.ts';
import type { LeaseRequest } from './types.ts';

export interface AcquireContext {
  readonly session: Session;
  readonly leases: Leases;
  readonly tickets: Tickets;
  /** Aborted when the pool is being closed, before its connection is. */
  readonly closing: AbortSignal;
  /** Work that `close` waits for. */
  background(work: Promise<void>): void;
}

export async function acquire(
  context: AcquireContext,
  request: LeaseRequest & { readonly count?: number },
): Promise<HeldLease[]> {
  const { session, leases, tickets, closing } = context;
  const { signal, onQueued, idempotencyKey, ...fields } = request;
  signal?.throwIfAborted();
  closing.throwIfAborted();
  const call: CallOf<'lease'> = {
    call: 'lease',
    body: leaseRequest(fields),
    idempotency_key: idempotencyKey ?? crypto.randomUUID(),
  };
  const started = session.start(call);
  let ticketId: string | null = null;
  try {
    const answer = await raced(started.answer, signal, closing);
    // An answer that was first given earlier may have been overtaken by events.
    const isOld = started.timesSent > 1 || idempotencyKey !== undefined;
    let granted: readonly WireLease[];
    if (answer.outcome === 'granted') granted = answer.leases;
    else {
      ticketId = answer.ticket.ticket_id;
      const following = tickets.follow(answer.ticket, onQueued);
      if (isOld) tickets.check(ticketId);
      granted = leasesOf(await raced(following, signal, closing));
    }
    const held = granted.map((lease) => leases.adopt(lease));
    for (const lease of held) lease.explainedBy(answer.explain);
    if (isOld && ticketId === null) leases.watch(held);
    return held;
  } catch (error) {
    if (mayBeGranted(error, signal, closing)) {
      context.background(giveBack(context, started, call, ticketId).catch(() => {}));
    }
    throw error;
  }
}

/** The pool has not said no: the caller has left, or the answer never came. */
function mayBeGranted(error: unknown, ...signals: readonly (AbortSignal | undefined)[]): boolean {
  return signals.some((signal) => signal?.aborted) || error instanceof ConnectionError;
}

function leasesOf(ticket: WireTicket): readonly WireLease[] {
  const { state, leases = [] } = ticket;
  if (state === 'granted') {
    if (leases.every((lease) => lease.state !== 'released')) return leases;
    const detail = 'The request was granted, but the grant was taken back before it could be read.';
    throw makeError('GRANT_LOST', `${detail} Ask again.`);
  }
  if (state === 'expired') {
    const detail = 'No agent came free in time, and the request has left the queue.';
    throw makeError('AGENT_POOL_EXHAUSTED', detail, { status: 503 });
  }
  throw makeError('TICKET_CANCELLED', 'The request was taken out of the queue.', { status: 409 });
}

/** Takes the request back, for as long as that needs: what is granted and not used blocks an agent. */
async function giveBack(
  { session, tickets }: AcquireContext,
  started: Started<CallOf<'lease'>>,
  call: CallOf<'lease'>,
  ticketId: string | null,
): Promise<void> {
  const forLong = { retryForMs: Number.POSITIVE_INFINITY };
  const release = async (leases: readonly WireLease[] = []) => {
    await Promise.all(
      leases.map((lease) => {
        return session.call({ call: 'release', lease_id: lease.lease_id }, forLong).catch(forgive);
      }),
    );
  };
  if (ticketId === null) {
    if (started.timesSent === 0) {
      started.forget();
      return;
    }
    // The key makes the pool answer what it has answered, or would have.
    const answer = await started.answer.catch((error: unknown) => {
      if (error instanceof ConnectionError) return session.call(call, forLong);
      throw error;
    });
    if (answer.outcome === 'granted') {
      // What the tenant had before is not this request's to give back.
      return answer.reused ? undefined : release(answer.leases);
    }
    ticketId = answer.ticket.ticket_id;
  }
  tickets.drop(ticketId);
  const ticket = await session
    .call({ call: 'ticket.cancel', ticket_id: ticketId }, forLong)
    .catch(forgive);
  await release(ticket?.leases);
}

/** What the pool does not know any more is given back. */
function forgive(error: unknown): undefined {
  if (!(error instanceof NotFoundError || error instanceof ClosedError)) throw error;
}
