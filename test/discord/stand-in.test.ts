import { once } from 'node:events';
import {
  ApplicationCommandOptionType,
  type ChatInputCommandInteraction,
  type Client,
  Events,
  GatewayOpcodes,
  type Interaction,
  type VoiceState,
} from 'discord.js';
import { describe, expect, it } from 'vitest';
import type { DiscordStandIn } from './stand-in/discord-stand-in.ts';
import type { DropKind } from './stand-in/gateway.ts';
import { endEverythingAfterEach, guildSpec, login, startStandIn } from './support.ts';

endEverythingAfterEach();

const GUILD = guildSpec(1);
const OTHER_GUILD = guildSpec(2);
const BOT = { token: 'token-a', id: '501', name: 'bot a' };
const OTHER_BOT = { token: 'token-b', id: '502', name: 'bot b' };
const USER = '9001';

/** A stand-in with two bots and two guilds; both bots are in the first guild. */
async function smallWorld(options?: Parameters<typeof startStandIn>[0]): Promise<DiscordStandIn> {
  const standIn = await startStandIn(options);
  for (const bot of [BOT, OTHER_BOT]) standIn.addBot(bot);
  for (const guild of [GUILD, OTHER_GUILD]) standIn.addGuild(guild);
  for (const bot of [BOT, OTHER_BOT]) standIn.invite(bot.id, GUILD.id);
  return standIn;
}

function askForVoice(client: Client, guildId: string, channelId: string | null): void {
  client.guilds.cache.get(guildId)!.shard.send({
    op: GatewayOpcodes.VoiceStateUpdate,
    d: { guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: true },
  });
}

describe('guilds', () => {
  it('lets a client log in and tells it its guilds, with who is in their voice channels', async () => {
    const standIn = await smallWorld();
    standIn.userJoinsVoice(GUILD.id, GUILD.voice, USER);
    const client = await login(standIn, BOT.token);
    expect(client.user.username).toBe('bot a');
    expect([...client.guilds.cache.keys()]).toEqual([GUILD.id]);
    const guild = client.guilds.cache.get(GUILD.id)!;
    expect(guild.available).toBe(true);
    expect(guild.voiceStates.cache.map((state) => [state.id, state.channelId])).toEqual([
      [USER, GUILD.voice],
    ]);
    expect(guild.channels.cache.get(GUILD.voice)?.isVoiceBased()).toBe(true);
    expect(standIn.violations).toEqual([]);
  });

  it('tells of invitations and kicks as they happen', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    const created = once(client, Events.GuildCreate);
    expect(standIn.invite(BOT.id, OTHER_GUILD.id)).toBe('added');
    expect((await created)[0].id).toBe(OTHER_GUILD.id);
    const deleted = once(client, Events.GuildDelete);
    standIn.kick(BOT.id, OTHER_GUILD.id);
    expect((await deleted)[0].id).toBe(OTHER_GUILD.id);
    expect([...client.guilds.cache.keys()]).toEqual([GUILD.id]);
  });

  it('tells of an outage, which is no kick', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    const unavailable = once(client, Events.GuildUnavailable);
    standIn.outage(GUILD.id);
    await unavailable;
    expect(client.guilds.cache.has(GUILD.id)).toBe(true);
    const available = once(client, Events.GuildAvailable);
    standIn.outageEnds(GUILD.id);
    await available;
  });

  it('lets a bot log in during an outage of a guild', async () => {
    const standIn = await smallWorld();
    standIn.outage(GUILD.id);
    const client = await login(standIn, BOT.token);
    expect(client.guilds.cache.get(GUILD.id)?.available).toBe(false);
  });

  it('answers over REST only for guilds of which the bot is a member', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    expect((await client.guilds.fetch(GUILD.id)).name).toBe(GUILD.name);
    expect([...(await client.guilds.fetch()).keys()]).toEqual([GUILD.id]);
    await expect(client.guilds.fetch(OTHER_GUILD.id)).rejects.toMatchObject({ code: 10004 });
    const guild = client.guilds.cache.get(GUILD.id)!;
    expect([...(await guild.channels.fetch()).keys()]).toEqual([GUILD.text, GUILD.voice]);
    expect((await guild.members.fetchMe()).id).toBe(BOT.id);
    await client.application.fetch();
    expect(client.application.approximateGuildCount).toBe(1);
    await guild.leave();
    await standIn.until(() => !standIn.world.guild(GUILD.id).members.has(BOT.id), 'the bot left');
  });
});

describe('voice channels', () => {
  it('lets a bot join and leave over the gateway, and tells everybody', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    const witness = await login(standIn, OTHER_BOT.token);

    const seen = once(witness, Events.VoiceStateUpdate);
    const server = once(client, Events.VoiceServerUpdate);
    const own = once(client, Events.VoiceStateUpdate);
    askForVoice(client, GUILD.id, GUILD.voice);
    expect((await own)[1]).toMatchObject({ id: BOT.id, channelId: GUILD.voice, selfDeaf: true });
    expect((await server)[0].guildId).toBe(GUILD.id);
    expect((await seen)[1]).toMatchObject({ id: BOT.id, channelId: GUILD.voice });
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBe(GUILD.voice);
    expect(client.guilds.cache.get(GUILD.id)?.members.me?.voice.channelId).toBe(GUILD.voice);

    const left = once(witness, Events.VoiceStateUpdate);
    askForVoice(client, GUILD.id, null);
    expect((await left)[1]).toMatchObject({ id: BOT.id, channelId: null });
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBeNull();
  });

  it('tells bots of users who come and go', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    const joined = once(client, Events.VoiceStateUpdate);
    standIn.userJoinsVoice(GUILD.id, GUILD.voice, USER);
    const state: VoiceState = (await joined)[1];
    expect(state).toMatchObject({ id: USER, channelId: GUILD.voice });
    expect(state.member?.user.bot).toBe(false);
    const left = once(client, Events.VoiceStateUpdate);
    standIn.userLeavesVoice(GUILD.id, USER);
    expect((await left)[1]).toMatchObject({ id: USER, channelId: null });
  });

  it('takes a bot out of its channel when it is moved, or the channel deleted', async () => {
    const standIn = await smallWorld();
    standIn.addChannel(GUILD.id, { id: '77', name: 'second', type: 'voice' });
    const client = await login(standIn, BOT.token);
    const joined = once(client, Events.VoiceStateUpdate);
    askForVoice(client, GUILD.id, GUILD.voice);
    await joined;
    const moved = once(client, Events.VoiceStateUpdate);
    standIn.moveBot(BOT.id, GUILD.id, '77');
    expect((await moved)[1].channelId).toBe('77');
    const out = once(client, Events.VoiceStateUpdate);
    const deleted = once(client, Events.ChannelDelete);
    standIn.removeChannel(GUILD.id, '77');
    expect((await out)[1].channelId).toBeNull();
    expect((await deleted)[0].id).toBe('77');
  });

  it('answers nothing to a wish that cannot be granted', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    const updates: (string | null)[] = [];
    client.on(Events.VoiceStateUpdate, (_, state) => updates.push(state.channelId));
    askForVoice(client, GUILD.id, GUILD.text);
    standIn.faults.deafToVoice.add(BOT.id);
    askForVoice(client, GUILD.id, GUILD.voice);
    // What is heard next comes after both wishes, because a connection keeps the order.
    await client.guilds.cache.get(GUILD.id)!.fetch();
    standIn.userJoinsVoice(GUILD.id, GUILD.voice, USER);
    await once(client, Events.VoiceStateUpdate);
    expect(updates).toEqual([GUILD.voice]);
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBeNull();
  });

  it('takes a bot out of voice channels when its session ends for good', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    askForVoice(client, GUILD.id, GUILD.voice);
    await once(client, Events.VoiceServerUpdate);
    await client.destroy();
    await standIn.until(() => standIn.voiceOf(BOT.id, GUILD.id) === null, 'the bot has left');
    expect(standIn.gateway.connections).toBe(0);
  });
});

describe('dropped connections', () => {
  it.each<DropKind>(['abrupt', 'reconnect', 'invalid_resumable'])(
    'resumes the same session after a drop (%s), with what was missed',
    async (kind) => {
      const standIn = await smallWorld();
      const client = await login(standIn, BOT.token);
      askForVoice(client, GUILD.id, GUILD.voice);
      await once(client, Events.VoiceServerUpdate);
      const events: string[] = [];
      client.on(Events.GuildCreate, (guild) => events.push(`guild ${guild.id}`));
      client.on(Events.VoiceStateUpdate, (_, state) => events.push(`voice ${state.id}`));

      const resumed = once(client, Events.ShardResume);
      standIn.drop(BOT.id, kind);
      standIn.invite(BOT.id, OTHER_GUILD.id);
      standIn.userJoinsVoice(GUILD.id, GUILD.voice, USER);
      await resumed;
      expect(events).toEqual([`guild ${OTHER_GUILD.id}`, `voice ${USER}`]);
      expect(standIn.gateway.identifies).toBe(1);
      expect(standIn.gateway.sessions.map((session) => session.resumes)).toEqual([1]);
      expect(standIn.voiceOf(BOT.id, GUILD.id)).toBe(GUILD.voice);
      expect(standIn.violations).toEqual([]);
    },
  );

  it('lets a client notice that its heartbeats are not answered', async () => {
    const standIn = await smallWorld({ heartbeatIntervalMs: 40 });
    const client = await login(standIn, BOT.token);
    standIn.faults.acksPaused = true;
    await once(client, Events.ShardReconnecting);
    standIn.faults.acksPaused = false;
    await once(client, Events.ShardResume);
    expect(standIn.gateway.identifies).toBe(1);
    expect(standIn.violations).toEqual([]);
  });
});

describe('slash commands', () => {
  const PLAY = {
    name: 'play',
    description: 'plays',
    options: [
      { name: 'query', description: 'what', type: ApplicationCommandOptionType.String } as const,
    ],
  };

  /** A client that has registered /play and answers it as told. */
  async function player(
    standIn: DiscordStandIn,
    answer: (interaction: ChatInputCommandInteraction) => Promise<void>,
  ): Promise<Client<true>> {
    const client = await login(standIn, BOT.token);
    await client.application.commands.set([PLAY]);
    client.on(Events.InteractionCreate, (interaction: Interaction) => {
      if (interaction.isChatInputCommand()) void answer(interaction);
    });
    return client;
  }

  it('carries a call to the bot, and its answers back', async () => {
    const standIn = await smallWorld();
    await player(standIn, async (interaction) => {
      await interaction.deferReply();
      await interaction.editReply(`playing ${interaction.options.getString('query')}`);
      await interaction.followUp(`for ${interaction.user.id} in ${interaction.guild?.name}`);
    });
    const call = standIn.slash(GUILD.id, GUILD.text, USER, 'play', { query: 'a song' });
    expect(await call.answer(0)).toMatchObject({ kind: 'callback', callbackType: 5 });
    expect(await call.text()).toBe('playing a song');
    expect(await call.answer(2)).toMatchObject({
      kind: 'follow_up',
      message: { content: `for ${USER} in ${GUILD.name}` },
    });
    expect(standIn.violations).toEqual([]);
  });

  it('shows the caller where they sit', async () => {
    const standIn = await smallWorld();
    standIn.userJoinsVoice(GUILD.id, GUILD.voice, USER);
    await player(standIn, async (interaction) => {
      if (!interaction.inCachedGuild()) throw new Error('the guild is not known');
      const response = await interaction.reply({
        content: `you are in ${interaction.member.voice.channelId}`,
        withResponse: true,
      });
      expect((await interaction.fetchReply()).id).toBe(response.resource?.message?.id);
      await interaction.deleteReply();
    });
    const call = standIn.slash(GUILD.id, GUILD.text, USER, 'play');
    expect(await call.text()).toBe(`you are in ${GUILD.voice}`);
    expect(await call.answer(1)).toMatchObject({ kind: 'delete' });
  });

  it('gives up on a bot that does not answer, and refuses what comes late', async () => {
    const standIn = await smallWorld({ limits: { firstAnswerMs: 20 } });
    const client = await player(standIn, async () => {});
    const heard = once(client, Events.InteractionCreate);
    const call = standIn.slash(GUILD.id, GUILD.text, USER, 'play');
    const interaction: ChatInputCommandInteraction = (await heard)[0];
    await expect(call.answer(0)).rejects.toThrow('The application did not respond');
    await expect(interaction.reply('late')).rejects.toMatchObject({ code: 10062 });
    expect(standIn.violations.map(({ kind }) => kind)).toEqual(['interaction_late']);
  });

  it('takes one first answer only', async () => {
    const standIn = await smallWorld();
    const client = await player(standIn, async () => {});
    const heard = once(client, Events.InteractionCreate);
    const call = standIn.slash(GUILD.id, GUILD.text, USER, 'play');
    const interaction: ChatInputCommandInteraction = (await heard)[0];
    const both = await Promise.allSettled([interaction.reply('one'), interaction.reply('two')]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(call.answers).toHaveLength(1);
    expect(standIn.violations.map(({ kind }) => kind)).toEqual(['interaction_answered_twice']);
  });

  it('prefers the command of the guild, and knows no command that is not registered', async () => {
    const standIn = await smallWorld();
    const client = await player(standIn, async (interaction) => {
      await interaction.reply(interaction.commandGuildId ?? 'global');
    });
    expect(await standIn.slash(GUILD.id, GUILD.text, USER, 'play').text()).toBe('global');
    await client.application.commands.set([PLAY], GUILD.id);
    expect(await standIn.slash(GUILD.id, GUILD.text, USER, 'play').text()).toBe(GUILD.id);
    expect(() => standIn.slash(GUILD.id, GUILD.text, USER, 'stop')).toThrow('0 bots');
  });
});

describe('a fleet', () => {
  it('serves 20 clients at once, each in 60 guilds', async () => {
    const standIn = await startStandIn();
    const guilds = Array.from({ length: 60 }, (_, number) => guildSpec(number));
    for (const guild of guilds) standIn.addGuild(guild);
    const bots = Array.from({ length: 20 }, (_, number) => ({
      token: `token-${number}`,
      id: String(600 + number),
      name: `bot ${number}`,
    }));
    for (const bot of bots) {
      standIn.addBot(bot);
      for (const guild of guilds) standIn.invite(bot.id, guild.id);
    }
    const clients = await Promise.all(bots.map((bot) => login(standIn, bot.token)));
    expect(clients.map((client) => client.guilds.cache.size)).toEqual(bots.map(() => 60));
    expect(clients.every((client) => client.guilds.cache.every((one) => one.available))).toBe(true);

    await Promise.all(
      clients.map(async (client, index) => {
        const joined = once(client, Events.VoiceServerUpdate);
        askForVoice(client, guilds[index].id, guilds[index].voice);
        await joined;
      }),
    );
    for (const [index, bot] of bots.entries()) {
      expect(standIn.voiceOf(bot.id, guilds[index].id)).toBe(guilds[index].voice);
    }
    const resumed = clients.map((client) => once(client, Events.ShardResume));
    for (const bot of bots) standIn.drop(bot.id, 'abrupt');
    await Promise.all(resumed);
    expect(standIn.gateway.identifies).toBe(20);
    expect(standIn.violations).toEqual([]);
  });
});
