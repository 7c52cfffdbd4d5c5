/** What `remuda/discord` does with a lease, seen from the pool and from the platform. */
import { describe, expect, it } from 'vitest';
import { AgentNotInstalledError, type MusicSession } from '../../src/discord/index.ts';
import {
  agents,
  connected,
  endMusicAfterEach,
  startPool,
  until,
  untilAborted,
} from './music-support.ts';
import {
  ask,
  BOT,
  GUILD,
  isReady,
  isState,
  LISTENER,
  ONE,
  OTHER,
  smallWorld,
  stateOf,
} from './one-bot.ts';
import type { DiscordStandIn } from './stand-in/discord-stand-in.ts';
import { endEverythingAfterEach } from './support.ts';

endEverythingAfterEach();
endMusicAfterEach();

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

describe('a session', () => {
  async function playing(overrides: Partial<Parameters<typeof agents>[2]> = {}) {
    const standIn = await smallWorld();
    const server = await startPool();
    const sessions: MusicSession[] = [];
    const signals: AbortSignal[] = [];
    const runner = await agents(server, standIn, {
      bots: [{ ...ONE, token: BOT.token }],
      play: (session, { signal }) => {
        sessions.push(session);
        signals.push(signal);
        return untilAborted(signal);
      },
      ...overrides,
    });
    await isReady(server, runner);
    const pool = await connected(server);
    const lease = await ask(pool);
    await isState(server, lease, 'active');
    return { standIn, server, runner, pool, lease, session: sessions[0]!, signal: signals[0]! };
  }

  it('ends when the bot is taken out of the guild, and the guild gets no agent any more', async () => {
    const { standIn, server, lease, pool, signal } = await playing();
    standIn.kick(BOT.id, GUILD.id);
    await isState(server, lease, 'released');
    expect(String(signal.reason)).toMatch(/taken out of the guild|disconnected/);
    await expect(ask(pool)).rejects.toThrow(AgentNotInstalledError);
  });

  it('ends when somebody disconnects the bot', async () => {
    const { standIn, server, lease, signal } = await playing();
    standIn.moveBot(BOT.id, GUILD.id, null);
    await isState(server, lease, 'released');
    expect(String(signal.reason)).toContain('disconnected');
  });

  it('goes on where somebody has moved the bot', async () => {
    const { standIn, server, lease, session } = await playing();
    const lounge = '1000199';
    standIn.addChannel(GUILD.id, { id: lounge, name: 'lounge', type: 'voice' });
    standIn.moveBot(BOT.id, GUILD.id, lounge);
    await isState(server, lease, 'idle');
    expect(session.channelId).toBe(lounge);
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBe(lounge);
    standIn.userJoinsVoice(GUILD.id, lounge, LISTENER);
    await isState(server, lease, 'active');
  });

  it('gives voice libraries the packets, and keeps joining and leaving to itself', async () => {
    const { standIn, server, lease, session } = await playing();
    const told: string[] = [];
    const adapter = session.adapterCreator({
      onVoiceStateUpdate: ({ session_id }) => told.push(`state ${session_id}`),
      onVoiceServerUpdate: ({ endpoint }) => told.push(`server ${endpoint}`),
      destroy: () => told.push('destroy'),
    });
    await until(() => told.length === 2, 'the packets');
    expect(told).toEqual([`state ${session.voice!.sessionId}`, 'server voice.invalid:443']);
    const leave = { op: 4, d: { guild_id: GUILD.id, channel_id: null } };
    expect(adapter.sendPayload(leave)).toBe(true);
    const mute = { channel_id: GUILD.voice, self_mute: true, self_deaf: true };
    expect(adapter.sendPayload({ op: 4, d: { guild_id: GUILD.id, ...mute } })).toBe(true);
    const isMuted = () => standIn.voiceStates(GUILD.id).some(({ selfMute }) => selfMute);
    await standIn.until(isMuted, 'the bot is muted');
    await lease.release();
    await isState(server, lease, 'released');
    await until(() => told.at(-1) === 'destroy', 'the library is told');
    expect(adapter.sendPayload({ op: 4, d: { guild_id: GUILD.id, ...mute } })).toBe(false);
  });

  it('is rejoined after a lost session, and tells the new data', async () => {
    const { standIn, server, lease, session } = await playing();
    const voices: string[] = [];
    session.onVoice(({ sessionId }) => voices.push(sessionId));
    standIn.drop(BOT.id, 'invalid');
    await until(() => new Set(voices).size === 2, 'the data of the new session');
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBe(GUILD.voice);
    expect(await stateOf(server, lease)).toBe('active');
    expect(standIn.violations).toEqual([]);
  });

  it('that ends while the bot is away is left as soon as it is back', async () => {
    const { standIn, server, runner, lease } = await playing();
    standIn.drop(BOT.id, 'abrupt');
    await until(() => /reconnecting/.test(runner.bots[0]!.trouble ?? ''), 'the loss is noticed');
    await lease.release();
    await isState(server, lease, 'released');
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBe(GUILD.voice);
    await until(() => standIn.voiceOf(BOT.id, GUILD.id) === null, 'the bot leaves');
    expect(standIn.gateway.sessions.map(({ resumes }) => resumes)).toEqual([1]);
  });

  it('whose bot does not come back is given back', async () => {
    const { standIn, server, lease } = await playing({ awayTimeoutSec: 0.2 });
    standIn.resetToken(BOT.id, 'token-b');
    await isState(server, lease, 'released');
  });

  it('is given back when its play fails', async () => {
    const errors: string[] = [];
    const fail = Promise.withResolvers<void>();
    const { standIn, server, lease } = await playing({
      play: () => fail.promise,
      onError: ({ message }) => errors.push(message),
    });
    fail.reject(new Error('the player broke'));
    await isState(server, lease, 'released');
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBeNull();
    expect(errors).toEqual(['the player broke']);
  });

  it('is idle when its play has ended, and keeps its place', async () => {
    const ended = Promise.withResolvers<void>();
    const { standIn, server, lease } = await playing({ play: () => ended.promise });
    ended.resolve();
    await isState(server, lease, 'idle');
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBe(GUILD.voice);
  });
});

describe('a request that cannot be met', () => {
  async function refused(
    metadata: { [name: string]: string },
    prepare: (standIn: DiscordStandIn) => void = () => {},
  ) {
    const standIn = await smallWorld();
    prepare(standIn);
    const lines: string[] = [];
    const server = await startPool({}, (line) => lines.push(line));
    const bots = [{ ...ONE, token: BOT.token }];
    const runner = await agents(server, standIn, { bots, joinTimeoutSec: 0.5 });
    await isReady(server, runner);
    const pool = await connected(server);
    const lease = await pool.lease({ tenant: GUILD.id, metadata });
    await isState(server, lease, 'released');
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBeNull();
    return lines.find((line) => line.includes('rejected a lease'));
  }

  it('is rejected when it names no channel', async () => {
    expect(await refused({ guild_id: GUILD.id })).toContain('metadata.channel_id must be');
  });

  it('is rejected when its guild is not the tenant', async () => {
    const metadata = { guild_id: OTHER.id, channel_id: OTHER.voice };
    expect(await refused(metadata)).toContain('both must be the guild');
  });

  it('is rejected when the platform does not answer', async () => {
    const deaf = (standIn: DiscordStandIn) => void standIn.faults.deafToVoice.add(BOT.id);
    expect(await refused({ channel_id: GUILD.voice }, deaf)).toContain('permissions');
  });
});
