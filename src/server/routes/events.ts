import type { FastifyInstance } from 'fastify';
import { NotReadyError } from '../../host/host-api.ts';
import { JournalError } from '../../host/ports.ts';
import { PUBLIC_EVENT_TYPES } from '../../protocol/event-schemas.ts';
import { faultAt } from '../../protocol/faults.ts';
import { quote } from '../../protocol/json-words.ts';
import { poolEndpoints } from '../../protocol/pool-endpoints.ts';
import { invalidRequest, problem, retryAfterSec } from '../../protocol/problem.ts';
import { didYouMean } from '../../protocol/suggest.ts';
import type { ServerContext } from '../context.ts';
import { problemAnswer } from '../http/answer.ts';
import { bind } from '../http/bind.ts';
import { notReady } from '../http/failures.ts';

export function eventRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host, streams, stopping } = context;
  bind(app, context, poolEndpoints.followEvents, async ({ query }, { reply, header }) => {
    const types = query.types?.split(',').map((type) => type.trim()) ?? null;
    const unknown = types?.filter((type) => !(PUBLIC_EVENT_TYPES as string[]).includes(type)) ?? [];
    if (unknown.length > 0) return problemAnswer(unknownTypes(unknown));
    if (stopping.isStopping) return problemAnswer(notReady('The pool is stopping.'));
    if (streams.isFull) {
      return problemAnswer(
        problem('RATE_LIMITED', 'The pool serves as many event streams as it can.', {
          retry_after_sec: retryAfterSec('RATE_LIMITED'),
        }),
      );
    }
    // A browser that reconnects sends the header beside the query that it began with.
    const lastId = header('last-event-id');
    const after = lastId === undefined ? query.last_event_id : Number(lastId);
    const past = after === undefined ? null : { after, events: await pastEvents(context, after) };
    if (past?.events === null) return problemAnswer(eventsGone(after ?? 0));
    if (!past && !host.readiness().ready) throw new NotReadyError(host.readiness().detail);
    const filter = types && new Set(types);
    streams.open(reply.raw, filter, past && { after: past.after, events: past.events });
    return null;
  });
}

/** Null when they are no longer kept. */
async function pastEvents({ streams, logger }: ServerContext, after: number) {
  try {
    return await streams.historyAfter(after);
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    logger.info({ err: error, after }, 'events were asked for that are not kept');
    return null;
  }
}

function unknownTypes(unknown: readonly string[]) {
  const faults = unknown.map((type) =>
    faultAt(
      ['types'],
      `${quote(type)} is not a type of event${didYouMean(type, PUBLIC_EVENT_TYPES)}`,
    ),
  );
  return invalidRequest({ faults: faults.slice(0, 100), total: faults.length });
}

function eventsGone(after: number) {
  return problem(
    'EVENTS_GONE',
    `The events after ${after} are no longer kept. Read the present state, then follow without Last-Event-ID.`,
  );
}
