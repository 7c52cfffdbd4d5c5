import type { FastifyInstance } from 'fastify';
import { leaseEndpoints } from '../../protocol/lease-endpoints.ts';
import { leaseQuery, leaseToJson } from '../../protocol/lease-json.ts';
import type { LeasePage } from '../../protocol/lease-schemas.ts';
import { problem } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { answer, problemAnswer, refused } from '../http/answer.ts';
import { bind } from '../http/bind.ts';
import { requestLease } from './lease-request.ts';

export function leaseRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host } = context;

  bind(app, context, leaseEndpoints.createLease, ({ body }, exchange) =>
    requestLease(context, body, exchange),
  );

  bind(app, context, leaseEndpoints.listLeases, async ({ query }) => {
    const { items, nextCursor } = await host.read((pool) => pool.leases(leaseQuery(query)));
    const page: LeasePage = { items: items.map(leaseToJson), next_cursor: nextCursor };
    return answer(200, page);
  });

  bind(app, context, leaseEndpoints.getLease, async ({ params: { lease_id: id } }) => {
    const lease = await host.read((pool) => pool.lease(id));
    if (lease) return answer(200, leaseToJson(lease));
    return problemAnswer(problem('NOT_FOUND', `There is no lease "${id}", or it ended long ago.`));
  });

  bind(app, context, leaseEndpoints.reportLease, async ({ params, body: { state, token } }) => {
    const outcome = await host.execute({ type: 'report', lease: params.lease_id, state, token });
    return outcome.outcome === 'refused'
      ? refused(outcome)
      : answer(200, leaseToJson(outcome.lease));
  });

  bind(app, context, leaseEndpoints.releaseLease, async ({ params }) => {
    const outcome = await host.execute({ type: 'release', lease: params.lease_id });
    return outcome.outcome === 'refused'
      ? refused(outcome)
      : answer(200, leaseToJson(outcome.lease));
  });
}
