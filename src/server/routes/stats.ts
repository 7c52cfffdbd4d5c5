import type { FastifyInstance } from 'fastify';
import { poolEndpoints } from '../../protocol/pool-endpoints.ts';
import { statsToJson } from '../../protocol/pool-json.ts';
import type { ServerContext } from '../context.ts';
import { answer } from '../http/answer.ts';
import { bind } from '../http/bind.ts';

export function statsRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host, version, startedAt, clock } = context;
  bind(app, context, poolEndpoints.getStats, async () => {
    const stats = await host.read((pool) => pool.stats());
    return answer(200, statsToJson(stats, { version, uptimeMs: clock.now() - startedAt }));
  });
}
