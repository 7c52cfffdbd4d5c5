import { HttpClient } from '../lib/http-client.ts';

const PER_CALL = 10_000;

/** Agents `agent-0` … of three tiers; every one can do everything that the load asks for. */
export async function registerAgents(port: number, agents: number): Promise<void> {
  const client = new HttpClient(port, 1);
  for (let from = 0; from < agents; from += PER_CALL) {
    const batch = Array.from({ length: Math.min(PER_CALL, agents - from) }, (_, i) => ({
      agent_id: `agent-${from + i}`,
      tools: ['music', 'chat'],
      tier: ['lite', 'standard', 'premium'][(from + i) % 3],
    }));
    const { status, body } = await client.call('POST', '/v1/agents', JSON.stringify(batch));
    if (status !== 201) throw new Error(`the agents were not registered: ${status} ${body}`);
  }
  client.close();
}
