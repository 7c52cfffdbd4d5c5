import type { Changes } from './changes.ts';
import type { Faults } from './faults.ts';
import type { Gateway } from './gateway.ts';
import { voiceStateJson } from './payloads.ts';
import { INTENT, type JsonObject } from './protocol.ts';
import type { Session } from './session.ts';
import type { Snowflakes } from './snowflakes.ts';
import type { Guild, VoiceState, World } from './world.ts';

interface VoiceParts {
  world: World;
  faults: Faults;
  changes: Changes;
  snowflakes: Snowflakes;
  gateway: () => Gateway;
}

/** Who is in which voice channel, and who is told of it. No sound is carried. */
export class VoiceRooms {
  readonly #parts: VoiceParts;

  constructor(parts: VoiceParts) {
    this.#parts = parts;
  }

  /** A bot asks to join, move or leave (operation 4). Discord answers nothing to a wrong wish. */
  request(session: Session, data: JsonObject): void {
    const { world, faults, snowflakes } = this.#parts;
    const guild = world.guilds.get(String(data.guild_id));
    const botId = session.bot.id;
    if (!guild?.members.has(botId) || faults.deafToVoice.has(botId)) return;
    if (data.channel_id === null) {
      if (guild.voice.has(botId)) this.leave(guild, botId);
      return;
    }
    const channelId = String(data.channel_id);
    if (guild.channels.get(channelId)?.type !== 'voice') return;
    const moved = guild.voice.get(botId)?.channelId !== channelId;
    this.place(guild, {
      userId: botId,
      channelId,
      sessionId: session.id,
      selfMute: data.self_mute === true,
      selfDeaf: data.self_deaf === true,
    });
    if (!moved) return;
    const server = {
      token: `voice-${snowflakes.next()}`,
      guild_id: guild.id,
      endpoint: 'voice.invalid:443',
    };
    this.#parts.gateway().tell(botId, guild.id, 'VOICE_SERVER_UPDATE', server);
  }

  /** Puts somebody into a channel of the guild. */
  place(guild: Guild, state: VoiceState): void {
    if (guild.channels.get(state.channelId)?.type !== 'voice') {
      throw new Error(`guild ${guild.id} has no voice channel ${state.channelId}`);
    }
    guild.voice.set(state.userId, state);
    this.#tell(guild, state.userId, state, state.sessionId);
  }

  /** Takes somebody out of the voice channels of the guild. */
  leave(guild: Guild, userId: string): void {
    const before = guild.voice.get(userId);
    if (!before) throw new Error(`user ${userId} is in no voice channel of guild ${guild.id}`);
    guild.voice.delete(userId);
    this.#tell(guild, userId, undefined, before.sessionId);
  }

  /** A bot whose session has ended leaves all channels that it joined in it. */
  sessionEnded(session: Session): void {
    for (const guild of this.#parts.world.guildsOf(session.bot.id)) {
      const state = guild.voice.get(session.bot.id);
      if (state?.sessionId === session.id) this.leave(guild, session.bot.id);
    }
  }

  #tell(guild: Guild, userId: string, state: VoiceState | undefined, sessionId: string): void {
    const { world, changes } = this.#parts;
    const payload = voiceStateJson(world, guild, userId, state, sessionId);
    this.#parts.gateway().tellAll(guild, 'VOICE_STATE_UPDATE', payload, INTENT.guildVoiceStates);
    changes.notify();
  }
}
