import type { FastifyInstance } from 'fastify';
import { LIMITS } from '../../protocol/limits.ts';
import { poolEndpoints } from '../../protocol/pool-endpoints.ts';
import type { ServerContext } from '../context.ts';
import { answer } from '../http/answer.ts';
import { bind } from '../http/bind.ts';

export function alertRoutes(app: FastifyInstance, context: ServerContext): void {
  bind(app, context, poolEndpoints.listAlerts, ({ query }) => {
    const { limit = LIMITS.pageItemsDefault, cursor = '0' } = query;
    const { items, next } = context.alerts.list(limit, Number(cursor));
    return answer(200, { items, next_cursor: next === null ? null : String(next) });
  });
}
