import type { FastifyInstance } from 'fastify';
import { poolEndpoints } from '../../protocol/pool-endpoints.ts';
import { tenantToJson } from '../../protocol/pool-json.ts';
import type { ServerContext } from '../context.ts';
import { answer } from '../http/answer.ts';
import { bind } from '../http/bind.ts';

export function tenantRoutes(app: FastifyInstance, context: ServerContext): void {
  bind(app, context, poolEndpoints.getTenant, async ({ params: { tenant: id } }) => {
    const tenant = await context.host.read((pool) => pool.tenant(id));
    return answer(200, tenantToJson(id, tenant));
  });
}
