import type { FastifyInstance } from 'fastify';
import type { AgentOutcome, Refusal } from '../../core/outcome.ts';
import { agentEndpoints } from '../../protocol/agent-endpoints.ts';
import { agentChanges, agentQuery, agentToJson } from '../../protocol/agent-json.ts';
import type { AgentPage } from '../../protocol/agent-schemas.ts';
import { problem } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { type Answer, answer, problemAnswer, refused } from '../http/answer.ts';
import { bind } from '../http/bind.ts';
import { registerAgents, sealOne } from './registration.ts';

export function agentRoutes(app: FastifyInstance, context: ServerContext): void {
  const { host } = context;

  bind(app, context, agentEndpoints.registerAgents, ({ body }) => registerAgents(context, body));

  bind(app, context, agentEndpoints.listAgents, async ({ query }) => {
    const { items, nextCursor } = await host.read((pool) => pool.agents(agentQuery(query)));
    const page: AgentPage = { items: items.map(agentToJson), next_cursor: nextCursor };
    return answer(200, page);
  });

  bind(app, context, agentEndpoints.getAgent, async ({ params: { agent_id: id } }) => {
    const agent = await host.read((pool) => pool.agent(id));
    if (agent) return answer(200, agentToJson(agent));
    return problemAnswer(problem('NOT_FOUND', `There is no agent "${id}".`));
  });

  bind(app, context, agentEndpoints.updateAgent, async ({ params, body }) => {
    const { agent_id: id } = params;
    const sealed = sealOne(context, id, body.credential);
    if (typeof sealed === 'object') return sealed;
    const changes = agentChanges(body, sealed);
    return agentAnswer(await host.execute({ type: 'update_agent', agent: id, changes }));
  });

  bind(app, context, agentEndpoints.retireAgent, async ({ params, query: { force } }) =>
    agentAnswer(await host.execute({ type: 'retire_agent', agent: params.agent_id, force })),
  );

  bind(app, context, agentEndpoints.drainAgent, async ({ params }) =>
    agentAnswer(await host.execute({ type: 'drain_agent', agent: params.agent_id })),
  );

  bind(app, context, agentEndpoints.resumeAgent, async ({ params }) =>
    agentAnswer(await host.execute({ type: 'resume_agent', agent: params.agent_id })),
  );

  for (const member of [true, false]) {
    const { putMembership, deleteMembership } = agentEndpoints;
    bind(app, context, member ? putMembership : deleteMembership, async ({ params }) => {
      const { agent_id: agent, tenant } = params;
      const outcome = await host.execute({ type: 'set_membership', agent, tenant, member });
      if (outcome.outcome === 'refused') return refused(outcome);
      return answer(200, { agent_id: agent, tenant, member: outcome.member });
    });
  }
}

function agentAnswer(outcome: AgentOutcome | Refusal): Answer {
  return outcome.outcome === 'refused' ? refused(outcome) : answer(200, agentToJson(outcome.agent));
}
