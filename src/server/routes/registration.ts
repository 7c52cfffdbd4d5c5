/** POST /v1/agents: one agent or many; credentials are sealed before they go any further. */
import type { AgentSpec } from '../../core/command.ts';
import { agentSpec, agentToJson } from '../../protocol/agent-json.ts';
import type { AgentRegistration, RegisterBody } from '../../protocol/agent-schemas.ts';
import { type Fault, faultAt } from '../../protocol/faults.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { invalidRequest, problem } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { type Answer, answer, problemAnswer, refused } from '../http/answer.ts';

const NO_KEY = 'cannot be stored: set REMUDA_KEY or REMUDA_KEY_FILE, the key that encrypts it';

export async function registerAgents(context: ServerContext, body: RegisterBody): Promise<Answer> {
  const isMany = Array.isArray(body);
  const registrations = isMany ? body : [body];
  const specs = sealed(context, registrations, isMany);
  if ('problem' in specs) return specs.problem;
  const outcome = await context.host.execute({ type: 'register', agents: specs.agents });
  if (outcome.outcome === 'refused') {
    // The core speaks of a list; for a single agent the body itself is meant.
    const errors = outcome.errors?.map(({ path, message }) => ({
      path: isMany ? path : path.replace(/^\/0(?=\/|$)/, ''),
      message,
    }));
    return refused(errors ? { ...outcome, errors: errors.slice(0, LIMITS.faults) } : outcome);
  }
  const { registered, unchanged } = outcome;
  if (isMany) return answer(201, { registered, unchanged });
  const id = registrations[0]?.agent_id ?? '';
  const agent = await context.host.read((pool) => pool.agent(id));
  if (agent) return answer(registered > 0 ? 201 : 200, agentToJson(agent));
  return problemAnswer(problem('NOT_FOUND', `The agent "${id}" was registered and retired since.`));
}

/** The credential as it may be stored, or why it cannot be. */
export function sealOne(
  { sealer }: ServerContext,
  agentId: string,
  credential: string | undefined,
): string | undefined | Answer {
  if (credential === undefined) return undefined;
  if (sealer) return sealer.seal(agentId, credential);
  return problemAnswer(invalidRequest({ faults: [faultAt(['credential'], NO_KEY)], total: 1 }));
}

function sealed(
  { sealer }: ServerContext,
  registrations: readonly AgentRegistration[],
  isMany: boolean,
): { agents: AgentSpec[] } | { problem: Answer } {
  const faults: Fault[] = [];
  let total = 0;
  const agents = registrations.map((registration, index) => {
    const { agent_id: id, credential } = registration;
    if (credential === undefined) return agentSpec(registration);
    if (sealer) return agentSpec(registration, sealer.seal(id, credential));
    total += 1;
    if (faults.length < LIMITS.faults) {
      const steps = isMany ? [index, 'credential'] : ['credential'];
      faults.push(faultAt(steps, NO_KEY));
    }
    return agentSpec(registration);
  });
  return total > 0 ? { problem: problemAnswer(invalidRequest({ faults, total })) } : { agents };
}
