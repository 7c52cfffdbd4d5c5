/** What exists, in the shapes in which Discord sends it. */
import { CHANNEL_TYPE, type JsonObject } from './protocol.ts';
import type { Bot, ChannelSpec, Guild, VoiceState, World } from './world.ts';

const JOINED_AT = '2024-01-01T00:00:00.000000+00:00';

/** CONNECT, SPEAK, VIEW_CHANNEL, SEND_MESSAGES, USE_APPLICATION_COMMANDS. */
const PERMISSIONS = (
  (1n << 20n) |
  (1n << 21n) |
  (1n << 10n) |
  (1n << 11n) |
  (1n << 31n)
).toString();

export function userJson(world: World, id: string): JsonObject {
  const bot = world.bots.get(id);
  return {
    id,
    username: bot?.name ?? `user-${id}`,
    discriminator: bot ? '0001' : '0',
    global_name: null,
    avatar: null,
    bot: bot !== undefined,
    flags: bot?.verified ? 1 << 16 : 0,
    public_flags: bot?.verified ? 1 << 16 : 0,
  };
}

export function memberJson(world: World, id: string): JsonObject {
  return {
    user: userJson(world, id),
    nick: null,
    avatar: null,
    roles: [],
    joined_at: JOINED_AT,
    deaf: false,
    mute: false,
    flags: 0,
    pending: false,
    permissions: PERMISSIONS,
  };
}

export function channelJson(guild: Guild, channel: ChannelSpec): JsonObject {
  const voice = { bitrate: 64_000, user_limit: 0, rtc_region: null };
  return {
    id: channel.id,
    guild_id: guild.id,
    name: channel.name,
    type: CHANNEL_TYPE[channel.type],
    position: [...guild.channels.keys()].indexOf(channel.id),
    permission_overwrites: [],
    parent_id: null,
    nsfw: false,
    last_message_id: null,
    rate_limit_per_user: 0,
    ...(channel.type === 'voice' ? voice : { topic: null }),
  };
}

/** A voice state; without one, that of somebody who is in no channel. */
export function voiceStateJson(
  world: World,
  guild: Guild,
  userId: string,
  state: VoiceState | undefined,
  sessionId: string,
): JsonObject {
  return {
    guild_id: guild.id,
    channel_id: state?.channelId ?? null,
    user_id: userId,
    member: memberJson(world, userId),
    session_id: state?.sessionId ?? sessionId,
    deaf: false,
    mute: false,
    self_deaf: state?.selfDeaf ?? false,
    self_mute: state?.selfMute ?? false,
    self_video: false,
    suppress: false,
    request_to_speak_timestamp: null,
  };
}

/** What REST says of a guild. */
export function guildJson(guild: Guild): JsonObject {
  return {
    id: guild.id,
    name: guild.name,
    icon: null,
    splash: null,
    discovery_splash: null,
    owner_id: '1',
    afk_channel_id: null,
    afk_timeout: 300,
    verification_level: 0,
    default_message_notifications: 0,
    explicit_content_filter: 0,
    roles: [everyoneJson(guild)],
    emojis: [],
    stickers: [],
    features: [],
    mfa_level: 0,
    application_id: null,
    system_channel_id: null,
    system_channel_flags: 0,
    rules_channel_id: null,
    vanity_url_code: null,
    description: null,
    banner: null,
    premium_tier: 0,
    premium_subscription_count: 0,
    preferred_locale: 'en-US',
    public_updates_channel_id: null,
    nsfw_level: 0,
    premium_progress_bar_enabled: false,
    safety_alerts_channel_id: null,
  };
}

function everyoneJson(guild: Guild): JsonObject {
  return {
    id: guild.id,
    name: '@everyone',
    color: 0,
    colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
    hoist: false,
    icon: null,
    unicode_emoji: null,
    position: 0,
    permissions: PERMISSIONS,
    managed: false,
    mentionable: false,
    flags: 0,
  };
}

/** The data of GUILD_CREATE for one bot: it sees itself and those who are in voice channels. */
export function guildCreateJson(world: World, guild: Guild, botId: string): JsonObject {
  const seen = new Set([botId, ...guild.voice.keys()]);
  const voiceStates = [...guild.voice.values()].map((state) => {
    // The guild is known here; the real payload leaves its id and the member out as well.
    const {
      guild_id: _,
      member: __,
      ...rest
    } = voiceStateJson(world, guild, state.userId, state, '');
    return rest;
  });
  return {
    ...guildJson(guild),
    joined_at: JOINED_AT,
    large: false,
    unavailable: false,
    member_count: guild.members.size,
    voice_states: voiceStates,
    members: [...seen].map((id) => memberJson(world, id)),
    channels: [...guild.channels.values()].map((channel) => channelJson(guild, channel)),
    threads: [],
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
  };
}

export function applicationJson(world: World, bot: Bot): JsonObject {
  return {
    id: bot.id,
    name: bot.name,
    icon: null,
    description: '',
    bot_public: true,
    bot_require_code_grant: false,
    bot: userJson(world, bot.id),
    verify_key: '0'.repeat(64),
    flags: 0,
    team: null,
    owner: userJson(world, '1'),
    approximate_guild_count: world.guildsOf(bot.id).length,
  };
}
