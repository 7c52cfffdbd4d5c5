import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Changes } from './changes.ts';
import { Faults } from './faults.ts';
import { type DropKind, Gateway } from './gateway.ts';
import { commandOf, Interactions, type OptionValue, type SlashCall } from './interactions.ts';
import { LimitBook, type Limits, type Violation } from './limits.ts';
import { channelJson, guildCreateJson } from './payloads.ts';
import { INTENT } from './protocol.ts';
import { Rest, type RestRecord } from './rest.ts';
import { Snowflakes } from './snowflakes.ts';
import { VoiceRooms } from './voice.ts';
import {
  type Bot,
  type BotSpec,
  type ChannelSpec,
  type Guild,
  type GuildSpec,
  type VoiceState,
  World,
} from './world.ts';

export interface StandInOptions {
  /** Limits that differ from those of the platform. */
  limits?: Partial<Limits>;
  /** Divides every duration of the limits; 1 (as on the platform) unless said. */
  timeScale?: number;
  /** Not scaled. 41,250 ms unless said. */
  heartbeatIntervalMs?: number;
  /** Unix time in milliseconds by which limits are judged. */
  now?: () => number;
}

/**
 * A stand-in for Discord on the loopback interface: the gateway and REST, version 10, as far as bots
 * need them that log in, sit in voice channels and answer slash commands. It tells clients only what
 * the platform tells them, holds them to the platform's limits, keeps a list of what broke those
 * (`violations`), and fails in the ways in which the platform fails.
 *
 * What it leaves out: sound, compression, lists of members, permissions, files, messages of users,
 * limits of single routes. Where the platform is silent about what it does, it does the simplest
 * thing: a bot leaves its voice channels when its session ends for good.
 */
export class DiscordStandIn {
  readonly faults = new Faults();
  readonly world = new World();
  readonly gateway: Gateway;
  readonly #changes = new Changes();
  readonly #limits: LimitBook;
  readonly #voice: VoiceRooms;
  readonly #interactions: Interactions;
  readonly #rest: Rest;
  readonly #server: Server;

  private constructor(options: StandInOptions) {
    const { world, faults } = this;
    const changes = this.#changes;
    const now = options.now ?? Date.now;
    const snowflakes = new Snowflakes(now);
    const gateway = () => this.gateway;
    const gatewayUrl = () => `ws://127.0.0.1:${this.port}`;
    const limits = new LimitBook(options.limits ?? {}, options.timeScale ?? 1, changes);
    const voice = new VoiceRooms({ world, faults, changes, snowflakes, gateway });
    this.#limits = limits;
    this.#voice = voice;
    this.gateway = new Gateway(
      {
        world,
        limits,
        faults,
        changes,
        snowflakes,
        now,
        heartbeatIntervalMs: options.heartbeatIntervalMs ?? 41_250,
        resumeUrl: gatewayUrl,
      },
      {
        voiceRequest: (session, data) => voice.request(session, data),
        sessionEnded: (session) => voice.sessionEnded(session),
      },
    );
    this.#interactions = new Interactions({ world, limits, changes, snowflakes, gateway });
    this.#rest = new Rest(
      {
        world,
        limits,
        changes,
        snowflakes,
        gateway: this.gateway,
        voice,
        interactions: this.#interactions,
        now,
        gatewayUrl,
        leaveGuild: (botId, guildId) => this.kick(botId, guildId),
      },
      faults,
    );
    this.#server = createServer((request, response) => void this.#rest.serve(request, response));
    this.#server.on('upgrade', (request, socket, head) =>
      this.gateway.upgrade(request, socket, head),
    );
  }

  /** Starts a stand-in on a free port of 127.0.0.1. */
  static async start(options: StandInOptions = {}): Promise<DiscordStandIn> {
    const standIn = new DiscordStandIn(options);
    await new Promise<void>((resolve, reject) => {
      standIn.#server.once('error', reject);
      standIn.#server.listen(0, '127.0.0.1', resolve);
    });
    return standIn;
  }

  /** Ends all connections and frees the port. */
  async stop(): Promise<void> {
    this.#rest.stop();
    this.#interactions.stop();
    this.gateway.stop();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What a client takes for `https://discord.com/api`. */
  get apiUrl(): string {
    return `http://127.0.0.1:${this.port}/api`;
  }

  /** What went beyond the limits so far. */
  get violations(): readonly Violation[] {
    return this.#limits.violations;
  }

  /** REST calls so far. */
  get restCalls(): readonly RestRecord[] {
    return this.#rest.calls;
  }

  /** Resolves as soon as a condition on the stand-in holds; it is looked at after each change. */
  until(condition: () => boolean, what: string, timeoutMs?: number): Promise<void> {
    return this.#changes.until(condition, what, timeoutMs);
  }

  addBot(spec: BotSpec): Bot {
    return this.world.addBot(spec);
  }

  addGuild(spec: GuildSpec): Guild {
    return this.world.addGuild(spec);
  }

  /**
   * Adds a bot to a guild; it is told at once. `guild_limit`: an unverified bot is in as many guilds as
   * it can be, which is recorded too, because whoever handed out the invitation should have known.
   */
  invite(botId: string, guildId: string): 'added' | 'member_already' | 'guild_limit' {
    const bot = this.world.bot(botId);
    const guild = this.world.guild(guildId);
    if (guild.members.has(botId)) return 'member_already';
    const { guildsPerUnverifiedBot } = this.#limits.limits;
    if (!bot.verified && this.world.guildsOf(botId).length >= guildsPerUnverifiedBot) {
      this.#limits.record('guild_limit', botId, `is in ${guildsPerUnverifiedBot} guilds already`);
      return 'guild_limit';
    }
    guild.members.add(botId);
    const payload = guildCreateJson(this.world, guild, botId);
    this.gateway.tell(botId, guildId, 'GUILD_CREATE', payload, INTENT.guilds);
    this.#changes.notify();
    return 'added';
  }

  /** Takes a bot out of a guild, and out of its voice channel. */
  kick(botId: string, guildId: string): void {
    const guild = this.world.guild(guildId);
    if (!guild.members.has(botId)) throw new Error(`bot ${botId} is not in guild ${guildId}`);
    if (guild.voice.has(botId)) this.#voice.leave(guild, botId);
    guild.members.delete(botId);
    this.gateway.tell(botId, guildId, 'GUILD_DELETE', { id: guildId }, INTENT.guilds);
    this.#changes.notify();
  }

  /** Makes a guild unavailable: its bots are told so, and are still members. */
  outage(guildId: string): void {
    const guild = this.world.guild(guildId);
    guild.available = false;
    const payload = { id: guildId, unavailable: true };
    this.gateway.tellAll(guild, 'GUILD_DELETE', payload, INTENT.guilds);
  }

  /** Ends the outage of a guild. */
  outageEnds(guildId: string): void {
    const guild = this.world.guild(guildId);
    guild.available = true;
    for (const id of guild.members) {
      const payload = guildCreateJson(this.world, guild, id);
      this.gateway.tell(id, guildId, 'GUILD_CREATE', payload, INTENT.guilds);
    }
  }

  addChannel(guildId: string, channel: ChannelSpec): void {
    const guild = this.world.guild(guildId);
    guild.channels.set(channel.id, channel);
    this.gateway.tellAll(guild, 'CHANNEL_CREATE', channelJson(guild, channel), INTENT.guilds);
  }

  /** Deletes a channel; whoever was in it is in none. */
  removeChannel(guildId: string, channelId: string): void {
    const guild = this.world.guild(guildId);
    const channel = guild.channels.get(channelId);
    if (!channel) throw new Error(`guild ${guildId} has no channel ${channelId}`);
    for (const { userId } of this.voiceStates(guildId, channelId)) this.#voice.leave(guild, userId);
    const payload = channelJson(guild, channel);
    guild.channels.delete(channelId);
    this.gateway.tellAll(guild, 'CHANNEL_DELETE', payload, INTENT.guilds);
  }

  /** A user joins a voice channel or moves to it. Users are in one channel of all guilds at most. */
  userJoinsVoice(guildId: string, channelId: string, userId: string): void {
    const guild = this.world.guild(guildId);
    for (const other of this.world.guilds.values()) {
      if (other !== guild && other.voice.has(userId)) this.#voice.leave(other, userId);
    }
    guild.members.add(userId);
    const sessionId = `user-session-${userId}`;
    this.#voice.place(guild, { userId, channelId, sessionId, selfMute: false, selfDeaf: false });
  }

  userLeavesVoice(guildId: string, userId: string): void {
    this.#voice.leave(this.world.guild(guildId), userId);
  }

  /** Somebody moves a bot to another voice channel, or disconnects it (null). */
  moveBot(botId: string, guildId: string, channelId: string | null): void {
    const guild = this.world.guild(guildId);
    const state = guild.voice.get(botId);
    if (!state) throw new Error(`bot ${botId} is in no voice channel of guild ${guildId}`);
    if (channelId === null) this.#voice.leave(guild, botId);
    else this.#voice.place(guild, { ...state, channelId });
  }

  /** The voice channel in which a bot (or user) is in a guild. */
  voiceOf(botId: string, guildId: string): string | null {
    return this.world.guild(guildId).voice.get(botId)?.channelId ?? null;
  }

  /** Who is in the voice channels of a guild, or in one of them. */
  voiceStates(guildId: string, channelId?: string): VoiceState[] {
    const states = [...this.world.guild(guildId).voice.values()];
    return states.filter((state) => channelId === undefined || state.channelId === channelId);
  }

  /**
   * A user of a guild calls a slash command.
   * @param botId whose command; without it, of the one bot of the guild that has such a command
   */
  slash(
    guildId: string,
    channelId: string,
    userId: string,
    name: string,
    options: Readonly<Record<string, OptionValue>> = {},
    botId?: string,
  ): SlashCall {
    const guild = this.world.guild(guildId);
    guild.members.add(userId);
    const bots = [...this.world.bots.values()].filter(
      (bot) =>
        guild.members.has(bot.id) &&
        (botId === undefined || bot.id === botId) &&
        commandOf(bot, guildId, name) !== undefined,
    );
    if (bots.length !== 1) {
      throw new Error(`${bots.length} bots of guild ${guildId} have the command ${name}`);
    }
    return this.#interactions.call(bots[0]!, guild, channelId, userId, name, options);
  }

  /** Breaks the gateway connection of a bot. */
  drop(botId: string, kind: DropKind): void {
    this.gateway.drop(botId, kind);
  }

  /** The owner resets a bot's token: the old one is worthless, and its sessions end. */
  resetToken(botId: string, token: string): void {
    this.world.changeToken(this.world.bot(botId), token);
    this.gateway.revoke(botId);
  }
}
