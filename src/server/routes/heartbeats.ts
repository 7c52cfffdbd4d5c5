import type { FastifyInstance } from 'fastify';
import { agentEndpoints } from '../../protocol/agent-endpoints.ts';
import { heartbeatCommand } from '../../protocol/agent-json.ts';
import { problem } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { answer, problemAnswer, refused } from '../http/answer.ts';
import { bind } from '../http/bind.ts';

export function heartbeatRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host } = context;

  bind(app, context, agentEndpoints.heartbeats, async ({ body }) => {
    const outcome = await host.execute(heartbeatCommand(body));
    if (outcome.outcome === 'refused') return refused(outcome);
    return answer(200, { accepted: outcome.accepted, unknown: outcome.unknown });
  });

  bind(app, context, agentEndpoints.agentHeartbeat, async ({ params, body: { load, health } }) => {
    const id = params.agent_id;
    const entry: [string, number?] = load === undefined ? [id] : [id, load];
    const outcome = await host.execute({ type: 'heartbeat', agents: [entry], health });
    if (outcome.outcome === 'refused') return refused(outcome);
    if (outcome.unknown.length > 0) {
      return problemAnswer(problem('NOT_FOUND', `There is no agent "${id}"; register it first.`));
    }
    return answer(200, { accepted: outcome.accepted, unknown: [] });
  });
}
