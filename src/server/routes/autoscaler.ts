import type { FastifyInstance } from 'fastify';
import { autoscalerEndpoints } from '../../protocol/autoscaler-endpoints.ts';
import {
  autoscalerCheckToJson,
  autoscalerStatsToJson,
  scalingEventToJson,
} from '../../protocol/autoscaler-json.ts';
import type { AutoscalerSwitch, ScalingEvents } from '../../protocol/autoscaler-schemas.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { ServerContext } from '../context.ts';
import { answer } from '../http/answer.ts';
import { bind } from '../http/bind.ts';

export function autoscalerRoutes(app: FastifyInstance, context: ServerContext): void {
  const { fleet, config } = context;

  bind(app, context, autoscalerEndpoints.getAutoscalerStats, async () =>
    answer(200, autoscalerStatsToJson(await fleet.status(), config.multi_agent.autoscaling)),
  );

  bind(app, context, autoscalerEndpoints.listScalingEvents, async ({ query }) => {
    const records = await fleet.records(query.limit ?? LIMITS.pageItemsDefault);
    const body: ScalingEvents = { events: records.map(scalingEventToJson) };
    return answer(200, body);
  });

  bind(app, context, autoscalerEndpoints.checkAutoscaler, async () => {
    const { actions, skipped } = await fleet.check();
    return answer(200, autoscalerCheckToJson(actions, skipped));
  });

  for (const wanted of [true, false]) {
    const { enableAutoscaler, disableAutoscaler } = autoscalerEndpoints;
    bind(app, context, wanted ? enableAutoscaler : disableAutoscaler, async () => {
      const body: AutoscalerSwitch = { enabled: await fleet.switchTo(wanted) };
      return answer(200, body);
    });
  }
}
