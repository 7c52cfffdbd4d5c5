/** The service itself: alive, ready, metrics, its own description, a page for people. */
import type { FastifyInstance } from 'fastify';
import type { PoolStats } from '../../core/queries.ts';
import { errorPage } from '../../protocol/errors.ts';
import { openApiDocument } from '../../protocol/openapi.ts';
import { poolEndpoints } from '../../protocol/pool-endpoints.ts';
import { problem } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { answer, problemAnswer, text } from '../http/answer.ts';
import { bind } from '../http/bind.ts';
import { notReady } from '../http/failures.ts';
import { homePage, PAGE_POLICY } from '../page.ts';

export function systemRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host, version, metrics, startedAt, stopping, clock } = context;

  bind(app, context, poolEndpoints.healthz, () => answer(200, { status: 'ok', version }));

  bind(app, context, poolEndpoints.readyz, () => {
    const { ready, detail } = host.readiness();
    if (ready && !stopping.isStopping) return answer(200, { status: 'ready', version });
    return problemAnswer(notReady(ready ? 'The pool is stopping.' : detail));
  });

  host.onCommitted((events) => {
    for (const { event } of events) {
      if (event.type === 'scaling_recorded') metrics.countScaling(event.kind);
    }
  });
  bind(app, context, poolEndpoints.metrics, async () => {
    const { ready } = host.readiness();
    const stats = await host.read((pool) => pool.stats()).catch(() => null);
    const body = await metrics.text(stats, fleetFigures(context, stats), {
      ready,
      uptimeSec: (clock.now() - startedAt) / 1_000,
      longPolls: context.waiters.size,
      eventStreams: context.streams.size,
      openAlerts: context.alerts.openCount,
      ...context.sockets.figures(),
    });
    return text(body, metrics.contentType);
  });

  let description: string | null = null;
  bind(app, context, poolEndpoints.openapi, () => {
    description ??= JSON.stringify(openApiDocument(version));
    return text(description, 'application/json; charset=utf-8');
  });

  bind(app, context, poolEndpoints.errorPage, ({ params: { code } }) => {
    const page = errorPage(code);
    if (page !== null) return text(page, 'text/markdown; charset=utf-8');
    return problemAnswer(problem('NOT_FOUND', `There is no error code "${code}".`));
  });

  const home = homePage(version);
  bind(app, context, poolEndpoints.home, () => ({
    ...text(home, 'text/html; charset=utf-8'),
    headers: { 'content-security-policy': PAGE_POLICY, 'cache-control': 'no-cache' },
  }));
}

/**
 * Null while the pool is starting. A client names specializations too, when it registers agents.
 * Taken from what is counted already: a scrape walks over the agents once.
 */
function fleetFigures({ fleet, config }: ServerContext, stats: PoolStats | null) {
  const brief = fleet.brief();
  if (brief === null || stats === null) return null;
  const { bySpecialization } = stats.agents;
  const names = new Set([
    ...brief.kinds.map(({ name }) => name),
    ...Object.keys(config.multi_agent.specializations),
  ]);
  const specializations = [...names].map((name) => ({
    name,
    ...(Object.hasOwn(bySpecialization, name) ? bySpecialization[name] : undefined),
  }));
  return { enabled: brief.enabled, specializations };
}
