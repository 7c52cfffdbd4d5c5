/** Guilds, their members, channels and voice states. */
import { messageJson } from '../interactions.ts';
import { channelJson, guildJson, memberJson, voiceStateJson } from '../payloads.ts';
import { API_ERROR } from '../protocol.ts';
import type { Guild } from '../world.ts';
import { type BotCall, bodyObject, ok, type Reply, type Route } from './route.ts';

export const GUILD_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/guilds/:guild',
    auth: true,
    handle: inGuild((_, guild) => guildOk(guild)),
  },
  {
    method: 'GET',
    path: '/guilds/:guild/channels',
    auth: true,
    handle: inGuild((_, guild) =>
      ok([...guild.channels.values()].map((channel) => channelJson(guild, channel))),
    ),
  },
  {
    method: 'GET',
    path: '/guilds/:guild/members/:user',
    auth: true,
    handle: inGuild(({ platform, params }, guild) =>
      guild.members.has(params.user!)
        ? ok(memberJson(platform.world, params.user!))
        : { error: API_ERROR.unknownMember },
    ),
  },
  {
    method: 'PATCH',
    path: '/guilds/:guild/members/:user',
    auth: true,
    handle: inGuild(moveMember),
  },
  {
    method: 'GET',
    path: '/guilds/:guild/voice-states/:user',
    auth: true,
    handle: inGuild(voiceState),
  },
  { method: 'GET', path: '/channels/:channel', auth: true, handle: channel },
  { method: 'POST', path: '/channels/:channel/messages', auth: true, handle: postMessage },
];

/** Hands on only calls to guilds of which the bot is a member. */
function inGuild(handle: (call: BotCall, guild: Guild) => Reply): (call: BotCall) => Reply {
  return (call) => {
    const guild = call.platform.world.guilds.get(call.params.guild!);
    if (!guild?.members.has(call.bot.id)) return { error: API_ERROR.unknownGuild };
    return handle(call, guild);
  };
}

function guildOk(guild: Guild): Reply {
  return ok({ ...guildJson(guild), approximate_member_count: guild.members.size });
}

/** Moves a member to another voice channel, or out of all. */
function moveMember(call: BotCall, guild: Guild): Reply {
  const { platform, params } = call;
  const userId = params.user === '@me' ? call.bot.id : params.user!;
  if (!guild.members.has(userId)) return { error: API_ERROR.unknownMember };
  const body = bodyObject(call);
  if ('channel_id' in body) {
    const state = guild.voice.get(userId);
    // Discord moves nobody who is not connected.
    if (!state)
      return {
        error: { status: 400, code: 40032, message: 'Target user is not connected to voice.' },
      };
    if (body.channel_id === null) {
      platform.voice.leave(guild, userId);
    } else {
      const channelId = String(body.channel_id);
      if (guild.channels.get(channelId)?.type !== 'voice')
        return { error: API_ERROR.unknownChannel };
      platform.voice.place(guild, { ...state, channelId });
    }
  }
  return ok(memberJson(platform.world, userId));
}

function voiceState(call: BotCall, guild: Guild): Reply {
  const userId = call.params.user === '@me' ? call.bot.id : call.params.user!;
  const state = guild.voice.get(userId);
  if (!state) return { error: API_ERROR.unknownVoiceState };
  return ok(voiceStateJson(call.platform.world, guild, userId, state, state.sessionId));
}

function channelOf(call: BotCall): Guild | undefined {
  const guild = call.platform.world.guildOfChannel(call.params.channel!);
  return guild?.members.has(call.bot.id) ? guild : undefined;
}

function channel(call: BotCall): Reply {
  const guild = channelOf(call);
  if (!guild) return { error: API_ERROR.unknownChannel };
  return ok(channelJson(guild, guild.channels.get(call.params.channel!)!));
}

function postMessage(call: BotCall): Reply {
  const guild = channelOf(call);
  if (!guild) return { error: API_ERROR.unknownChannel };
  const { world, snowflakes } = call.platform;
  const id = snowflakes.next();
  return ok(messageJson(world, call.bot.id, call.params.channel!, id, bodyObject(call)));
}
