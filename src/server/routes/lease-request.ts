/** POST /v1/leases: the answer at once, or after a wait in the queue. */
import { leaseCommand } from '../../protocol/lease-json.ts';
import type { LeaseRequest } from '../../protocol/lease-schemas.ts';
import { toMs } from '../../protocol/time.ts';
import { leaseAnswer, waitForLease } from '../calls/lease-calls.ts';
import type { ServerContext } from '../context.ts';
import { fingerprint } from '../fingerprint.ts';
import type { Answer } from '../http/answer.ts';
import type { Exchange } from '../http/bind.ts';
import { goneSignal } from '../http/gone.ts';

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
  const { kind, answer } =
    outcome.outcome === 'queued' && !outcome.dryRun && waitMs > 0
      ? await waitForLease(
          context,
          outcome,
          waitMs,
          goneSignal(exchange.reply.raw),
          key !== undefined,
        )
      : leaseAnswer(outcome);
  context.metrics.observeLease(kind, (performance.now() - started) / 1_000);
  return answer;
}
