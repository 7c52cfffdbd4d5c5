import type { CHANNEL_TYPE, JsonObject } from './protocol.ts';

/** A bot as a test adds it. */
export interface BotSpec {
  token: string;
  /** Of the user and of the application, which are the same for bots made since 2016. */
  id: string;
  name: string;
  /** Unverified bots (the default) can be in 100 guilds at most. */
  verified?: boolean;
  /** Bits of privileged intents that its owner has switched on; none unless said. */
  privilegedIntents?: number;
}

export interface ChannelSpec {
  id: string;
  name: string;
  type: keyof typeof CHANNEL_TYPE;
}

export interface GuildSpec {
  id: string;
  name: string;
  channels: readonly ChannelSpec[];
}

/** Where somebody is in a guild's voice channels. */
export interface VoiceState {
  userId: string;
  channelId: string;
  sessionId: string;
  selfMute: boolean;
  selfDeaf: boolean;
}

export interface Bot {
  readonly id: string;
  readonly name: string;
  readonly verified: boolean;
  readonly privilegedIntents: number;
  token: string;
  /** Registered slash commands: by guild, or under '' for those of all guilds. */
  readonly commands: Map<string, JsonObject[]>;
}

export interface Guild {
  readonly id: string;
  readonly name: string;
  readonly channels: Map<string, ChannelSpec>;
  /** Ids of users and bots. */
  readonly members: Set<string>;
  readonly voice: Map<string, VoiceState>;
  /** False during an outage of this guild. */
  available: boolean;
}

/** Who and what exists. Holds state only; what follows from a change is told by others. */
export class World {
  readonly bots = new Map<string, Bot>();
  readonly guilds = new Map<string, Guild>();
  readonly #botsByToken = new Map<string, Bot>();

  addBot(spec: BotSpec): Bot {
    if (this.bots.has(spec.id)) throw new Error(`there is a bot ${spec.id} already`);
    if (this.#botsByToken.has(spec.token)) throw new Error(`bot ${spec.id}: its token is taken`);
    const bot: Bot = {
      id: spec.id,
      name: spec.name,
      verified: spec.verified ?? false,
      privilegedIntents: spec.privilegedIntents ?? 0,
      token: spec.token,
      commands: new Map(),
    };
    this.bots.set(bot.id, bot);
    this.#botsByToken.set(bot.token, bot);
    return bot;
  }

  addGuild(spec: GuildSpec): Guild {
    if (this.guilds.has(spec.id)) throw new Error(`there is a guild ${spec.id} already`);
    const guild: Guild = {
      id: spec.id,
      name: spec.name,
      channels: new Map(spec.channels.map((channel) => [channel.id, { ...channel }])),
      members: new Set(),
      voice: new Map(),
      available: true,
    };
    this.guilds.set(guild.id, guild);
    return guild;
  }

  bot(id: string): Bot {
    const bot = this.bots.get(id);
    if (!bot) throw new Error(`no bot ${id}`);
    return bot;
  }

  guild(id: string): Guild {
    const guild = this.guilds.get(id);
    if (!guild) throw new Error(`no guild ${id}`);
    return guild;
  }

  botOfToken(token: string): Bot | undefined {
    return this.#botsByToken.get(token);
  }

  /** Makes the old token worthless. */
  changeToken(bot: Bot, token: string): void {
    this.#botsByToken.delete(bot.token);
    bot.token = token;
    this.#botsByToken.set(token, bot);
  }

  guildsOf(botId: string): Guild[] {
    return [...this.guilds.values()].filter((guild) => guild.members.has(botId));
  }

  guildOfChannel(channelId: string): Guild | undefined {
    return [...this.guilds.values()].find((guild) => guild.channels.has(channelId));
  }
}
