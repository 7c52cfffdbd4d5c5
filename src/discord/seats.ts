/**
 * Where a bot should be in voice, and what is done about it. A wish can get lost with a connection,
 * and a wish that is sent between two connections is carried out at any later time. So wishes are sent
 * only while the bot is up, and are compared with what the platform says until both are the same:
 *
 *   not wished, but there ──► leave
 *   wished, not there     ──► join, once the bot has left all places that are not wished
 */
import {
  Events,
  GatewayOpcodes,
  type GatewayVoiceServerUpdateDispatchData,
  type GatewayVoiceState,
  type Guild,
} from 'discord.js';
import type { Packet } from './guild-list.ts';
import type { Login } from './login.ts';
import { Seat } from './seat.ts';

/** The platform answers nothing to a wish that it does not grant. */
const SEND_AGAIN_MS = 3_000;
const LOOK_AGAIN_MS = 500;

export class Seats {
  readonly #seats = new Map<string, Seat>();
  /** The last wish that was sent, by guild, until it is granted. */
  readonly #sent = new Map<string, { readonly channelId: string | null; readonly at: number }>();
  readonly #watchers = new Set<() => void>();
  #login: Login | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The client that the bot has since now. */
  attach(login: Login): void {
    this.#login = login;
    this.#forget();
    login.client.on(Events.VoiceStateUpdate, (before, after) => {
      if (this.#login !== login) return;
      if (after.id !== login.client.user?.id) this.#seats.get(after.guild.id)?.changed();
      else this.#moved(after.guild.id, before.channelId, after.channelId);
    });
  }

  /** The client has ended, and with its session every place in voice. */
  detach(): void {
    this.#login = null;
    this.#forget();
    this.tend();
  }

  packet({ t, d }: Packet): void {
    if (t === 'READY') this.#forget();
    else if (t === 'VOICE_STATE_UPDATE') {
      const state = d as GatewayVoiceState;
      if (state.user_id !== this.#login?.client.user?.id) return;
      this.#seats.get(state.guild_id ?? '')?.takeState(state);
    } else if (t === 'VOICE_SERVER_UPDATE') {
      const server = d as GatewayVoiceServerUpdateDispatchData;
      this.#seats.get(server.guild_id)?.takeServer(server);
      // What was missing to be ready.
      this.tend();
    }
  }

  /** Guilds in which the bot is to be. */
  get guildIds(): string[] {
    return [...this.#seats.keys()];
  }

  loseAll(reason: string): void {
    for (const seat of this.#seats.values()) seat.lose(reason);
  }

  /** The bot is up, or no more; or its guilds are other ones. */
  changed(): void {
    // What was under way when a connection ended may be lost.
    if (this.#login?.isUp !== true) this.#sent.clear();
    for (const seat of this.#seats.values()) {
      if (this.#login?.wasUp === true && !this.#login.guilds.has(seat.guildId)) {
        seat.lose('the bot was taken out of the guild');
      }
      seat.changed();
    }
    this.tend();
  }

  take(guildId: string, channelId: string): Seat {
    const seat = new Seat(guildId, channelId, {
      guild: () => this.#login?.client.guilds.cache.get(guildId) ?? null,
      botId: () => this.#login?.client.user?.id ?? null,
      send: (data) => this.#login?.isUp === true && this.#send(guildId, data),
    });
    this.#seats.set(guildId, seat);
    this.tend();
    return seat;
  }

  leave(seat: Seat): void {
    if (this.#seats.get(seat.guildId) === seat) this.#seats.delete(seat.guildId);
    this.tend();
  }

  /** Whether the platform says that the bot is in no channel of the guild. */
  isAway(guildId: string): boolean {
    return this.#place(this.#login?.client.guilds.cache.get(guildId)) === null;
  }

  /** True as soon as the condition holds; false when the time or the signal ends before. */
  until(condition: () => boolean, ms: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (holds: boolean) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        signal?.removeEventListener('abort', abort);
        resolve(holds);
      };
      const look = () => {
        if (condition()) end(true);
      };
      const abort = () => end(condition());
      const timer = setTimeout(abort, ms);
      this.#watchers.add(look);
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) abort();
      else look();
    });
  }

  /** Compares and does what is to be done. */
  tend(): void {
    clearTimeout(this.#timer);
    const login = this.#login;
    let isSettled = true;
    if (login?.isUp === true) {
      let strays = 0;
      for (const guild of login.client.guilds.cache.values()) {
        if (this.#seats.has(guild.id) || this.#place(guild) === null) continue;
        strays++;
        this.#wish(guild.id, null);
      }
      isSettled = strays === 0;
      for (const seat of this.#seats.values()) {
        const place = this.#place(login.client.guilds.cache.get(seat.guildId));
        // Still there, but on the way out: an earlier work has just ended.
        const isLeaving = this.#sent.get(seat.guildId)?.channelId === null && place !== null;
        if (place === seat.channelId && !isLeaving) {
          this.#sent.delete(seat.guildId);
          seat.arrive();
        } else if (strays === 0) this.#wish(seat.guildId, seat.channelId);
        isSettled &&= seat.isJoined;
      }
    }
    for (const look of [...this.#watchers]) look();
    if (!isSettled) this.#timer = setTimeout(() => this.tend(), LOOK_AGAIN_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#login = null;
  }

  /** A new session: the bot is nowhere until it says so again. */
  #forget(): void {
    this.#sent.clear();
    for (const seat of this.#seats.values()) seat.unseat();
  }

  #moved(guildId: string, before: string | null, after: string | null): void {
    const seat = this.#seats.get(guildId);
    const wasLeaving = this.#sent.get(guildId)?.channelId === null;
    if (after === null && wasLeaving) this.#sent.delete(guildId);
    if (seat?.isSeated && !wasLeaving && before === seat.channelId && after !== before) {
      // Somebody who may has sent the bot elsewhere, or away.
      if (after === null) seat.lose('the bot was disconnected from the channel');
      else seat.move(after);
    }
    seat?.changed();
    this.tend();
  }

  #place(guild: Guild | undefined): string | null {
    const botId = this.#login?.client.user?.id ?? '';
    return guild?.voiceStates.cache.get(botId)?.channelId ?? null;
  }

  #wish(guildId: string, channelId: string | null): void {
    const last = this.#sent.get(guildId);
    const now = performance.now();
    if (last?.channelId === channelId && now - last.at < SEND_AGAIN_MS) return;
    const wish = { channel_id: channelId, self_mute: false, self_deaf: channelId !== null };
    if (this.#send(guildId, wish)) this.#sent.set(guildId, { channelId, at: now });
  }

  #send(
    guildId: string,
    wish: { channel_id: string | null; self_mute: boolean; self_deaf: boolean },
  ): boolean {
    const guild = this.#login?.client.guilds.cache.get(guildId);
    guild?.shard.send({ op: GatewayOpcodes.VoiceStateUpdate, d: { guild_id: guildId, ...wish } });
    return guild !== undefined;
  }
}
