/**
 * `remuda/discord`: music bots as agents, on discord.js (an optional peer dependency).
 *
 *     await runMusicAgents({ url, bots: [{ agentId: 'bot_1', token }], async play(session, { signal }) { … } });
 */
import { MusicAgents } from './music-agents.ts';
import type { MusicAgentOptions, MusicRunner, RunMusicAgentsOptions } from './types.ts';

export * from '../sdk/errors.ts';
export type { VoiceConnectionData } from './seat.ts';
export type {
  BotSpec,
  MusicAgentOptions,
  MusicBotStatus,
  MusicOptions,
  MusicRunner,
  MusicSession,
  PlayContext,
  RunMusicAgentsOptions,
} from './types.ts';

/**
 * Hosts bots as agents until the runner is closed: logs each of them in, reports its guilds as
 * memberships, joins the voice channel of each lease (`metadata: { guild_id, channel_id }`, the tenant
 * is the guild) and calls `play`. Resolves once the pool has welcomed the agents; the logins follow.
 * Rejects when the pool refuses the key or the agents.
 */
export async function runMusicAgents(options: RunMusicAgentsOptions): Promise<MusicRunner> {
  const agents = new MusicAgents(options);
  await agents.start();
  return agents;
}

/** The same for one bot. */
export function musicAgent(options: MusicAgentOptions): Promise<MusicRunner> {
  const { agentId, specialization, tools, tier, slots, costPerHour, labels, token } = options;
  const { protected: isProtected, verified, ...rest } = options;
  const bot = {
    agentId,
    specialization,
    tools,
    tier,
    slots,
    costPerHour,
    labels,
    token,
    verified,
    protected: isProtected,
  };
  return runMusicAgents({ ...rest, bots: [bot] });
}
