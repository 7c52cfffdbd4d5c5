/** What `remuda/discord` does for one bot, seen from the pool and from the platform. */
import { describe, expect, it } from 'vitest';
import { AgentNotInstalledError, type MusicRunner, type MusicSession } from '../../src/discord/index.ts';
import type { Lease, Pool } from '../../src/sdk/client.ts';
import type { TestServer } from '../server/support.ts';
import { agents, connected, endMusicAfterEach, startPool, until } from './music-support.ts';
import type { DiscordStandIn, StandInOptions } from './stand-in/discord-stand-in.ts';
import { endEverythingAfterEach, guildSpec, startStandIn } from './support.ts';

endEverythingAfterEach();
endMusicAfterEach();

const GUILD = guildSpec(1);
const OTHER = guildSpec(2);
const BOT = { token: 'token-a', id: '501', name: 'bot a' };
const LISTENER = '9001';

/** One bot in one guild, somebody in its voice channel. */
async function smallWorld(options: StandInOptions = {}): Promise<DiscordStandIn> {
  const standIn = await startStandIn(options);
  standIn.addBot(BOT);
  standIn.addGuild(GUILD);
  standIn.addGuild(OTHER);
  standIn.invite(BOT.id, GUILD.id);
  standIn.userJoinsVoice(GUILD.id, GUILD.voice, LISTENER);
  return standIn;
}

const ONE = { agentId: 'a', tools: ['music'] };

/** The state of a lease as the pool has it. */
async function stateOf(server: TestServer, { leaseId }: Lease): Promise<string> {
  return (await server.call('GET', `/v1/leases/${leaseId}`)).json.state;
}

function isState(server: TestServer, lease: Lease, state: string): Promise<void> {
  return until(async () => (await stateOf(server, lease)) === state, `the lease is ${state}`);
}

/** The bot takes work, and the pool knows its guilds. */
function isReady(server: TestServer, runner: MusicRunner, guilds = 1): Promise<void> {
  return until(async () => {
    const { json } = await server.call('GET', '/v1/agents/a');
    return runner.bots[0]!.trouble === null && json.memberships.length === guilds;
  }, 'the bot is ready');
}

function ask(pool: Pool, guild = GUILD): Promise<Lease> {
  return pool.lease({
    tenant: guild.id,
    purpose: 'music',
    metadata: { guild_id: guild.id, channel_id: guild.voice },
  });
}

describe('a lease', () => {
  it('brings the bot into the channel, and its end takes it out', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const sessions: MusicSession[] = [];
    const runner = await agents(server, standIn, {
      bots: [{ ...ONE, token: BOT.token }],
      play: (session, { signal }) => {
        sessions.push(session);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
    await isReady(server, runner);
    const pool = await connected(server);
    const lease = await ask(pool);
    await isState(server, lease, 'active');
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBe(GUILD.voice);
    expect(sessions[0]).toMatchObject({
      guildId: GUILD.id,
      channelId: GUILD.voice,
      listenerCount: 1,
      metadata: { channel_id: GUILD.voice },
      voice: { endpoint: 'voice.invalid:443' },
    });
    standIn.userLeavesVoice(GUILD.id, LISTENER);
    await isState(server, lease, 'idle');
    standIn.userJoinsVoice(GUILD.id, GUILD.voice, LISTENER);
    await isState(server, lease, 'active');
    sessions[0]!.setIdle();
    await isState(server, lease, 'idle');
    await lease.release();
    await until(() => standIn.voiceOf(BOT.id, GUILD.id) === null, 'the bot leaves');
    expect(standIn.violations).toEqual([]);
  });
});
