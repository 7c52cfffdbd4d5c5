/**
 * The music agents: every agent of the pool whose id is given, each with the token that the pool keeps
 * for it. Start it with `node examples/discord-music/agents.ts music_1 music_2 …`.
 */
import { once } from 'node:events';
import type { ClientOptions } from 'discord.js';
import { type MusicRunner, type MusicSession, runMusicAgents } from 'remuda/discord';

export interface AgentsOptions {
  readonly url: string;
  readonly apiKey?: string;
  readonly agentIds: readonly string[];
  readonly client?: Partial<ClientOptions>;
}

export function startAgents({
  url,
  apiKey,
  agentIds,
  client,
}: AgentsOptions): Promise<MusicRunner> {
  return runMusicAgents({
    url,
    apiKey,
    bots: agentIds.map((agentId) => ({ agentId })),
    play,
    client,
    onError: (error, { agentId = 'runner' }) => console.error(`${agentId}: ${error.message}`),
  });
}

/** Sits in the channel until it is over. Your player goes here; README.md shows how to attach one. */
async function play(session: MusicSession, { signal }: { signal: AbortSignal }): Promise<void> {
  const { guildId, channelId, lease } = session;
  console.log(`${lease.agentId} plays in channel ${channelId} of guild ${guildId}`);
  if (!signal.aborted) await once(signal, 'abort');
  console.log(`${lease.agentId} leaves guild ${guildId}`);
}

if (import.meta.main) {
  const agentIds = process.argv.slice(2);
  if (agentIds.length === 0) throw new Error('Name the agents: agents.ts music_1 music_2 …');
  const { REMUDA_URL: url = 'http://127.0.0.1:8766', REMUDA_API_KEY: apiKey } = process.env;
  const runner = await startAgents({ url, apiKey, agentIds });
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => void runner.close());
}
