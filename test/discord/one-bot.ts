/** One music bot in the stand-in for Discord, and what the pool says of it. */
import type { MusicRunner } from '../../src/discord/index.ts';
import type { Lease, Pool } from '../../src/sdk/client.ts';
import type { TestServer } from '../server/support.ts';
import { until } from './music-support.ts';
import type { DiscordStandIn, StandInOptions } from './stand-in/discord-stand-in.ts';
import { guildSpec, startStandIn } from './support.ts';

export const GUILD = guildSpec(1);
export const OTHER = guildSpec(2);
export const BOT = { token: 'token-a', id: '501', name: 'bot a' };
export const LISTENER = '9001';

/** One bot in one guild, somebody in its voice channel. */
export async function smallWorld(options: StandInOptions = {}): Promise<DiscordStandIn> {
  const standIn = await startStandIn(options);
  standIn.addBot(BOT);
  standIn.addGuild(GUILD);
  standIn.addGuild(OTHER);
  standIn.invite(BOT.id, GUILD.id);
  standIn.userJoinsVoice(GUILD.id, GUILD.voice, LISTENER);
  return standIn;
}

export const ONE = { agentId: 'a', tools: ['music'] };

/** The state of a lease as the pool has it. */
export async function stateOf(server: TestServer, { leaseId }: Lease): Promise<string> {
  return (await server.call('GET', `/v1/leases/${leaseId}`)).json.state;
}

export function isState(server: TestServer, lease: Lease, state: string): Promise<void> {
  return until(async () => (await stateOf(server, lease)) === state, `the lease is ${state}`);
}

/** The bot takes work, and the pool knows its guilds. */
export function isReady(server: TestServer, runner: MusicRunner, guilds = 1): Promise<void> {
  return until(async () => {
    const { json } = await server.call('GET', '/v1/agents/a');
    return runner.bots[0]!.trouble === null && json.memberships.length === guilds;
  }, 'the bot is ready');
}

export function ask(pool: Pool, guild = GUILD): Promise<Lease> {
  return pool.lease({
    tenant: guild.id,
    purpose: 'music',
    metadata: { guild_id: guild.id, channel_id: guild.voice },
  });
}
