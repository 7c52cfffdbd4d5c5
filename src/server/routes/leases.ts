import type { FastifyInstance } from 'fastify';
import { leaseEndpoints } from '../../protocol/lease-endpoints.ts';
import { changeAnswer, getLease, listLeases } from '../calls/lease-calls.ts';
import type { ServerContext } from '../context.ts';
import { bind } from '../http/bind.ts';
import { requestLease } from './lease-request.ts';

export function leaseRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host } = context;

  bind(app, context, leaseEndpoints.createLease, ({ body }, exchange) =>
    requestLease(context, body, exchange),
  );

  bind(app, context, leaseEndpoints.listLeases, ({ query }) => listLeases(context, query));

  bind(app, context, leaseEndpoints.getLease, ({ params }) => getLease(context, params.lease_id));

  bind(app, context, leaseEndpoints.reportLease, async ({ params, body: { state, token } }) =>
    changeAnswer(await host.execute({ type: 'report', lease: params.lease_id, state, token })),
  );

  bind(app, context, leaseEndpoints.releaseLease, async ({ params }) =>
    changeAnswer(await host.execute({ type: 'release', lease: params.lease_id })),
  );
}
