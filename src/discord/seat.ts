/** A bot's place in a voice channel of one guild, for as long as a lease lasts. */
import type { GatewayVoiceServerUpdateDispatchData, GatewayVoiceState, Guild } from 'discord.js';

/** What a voice library needs to speak in the channel. */
export interface VoiceConnectionData {
  readonly guildId: string;
  readonly channelId: string;
  readonly sessionId: string;
  /** As in `host:443`. */
  readonly endpoint: string;
  /** A secret of this connection. */
  readonly token: string;
}

/** Takes the packets themselves. */
export interface PacketReader {
  state(state: GatewayVoiceState): void;
  server(server: GatewayVoiceServerUpdateDispatchData): void;
}

interface VoicePackets {
  readonly state: GatewayVoiceState | null;
  readonly server: GatewayVoiceServerUpdateDispatchData | null;
}

export interface VoiceWish {
  readonly channel_id: string | null;
  readonly self_mute: boolean;
  readonly self_deaf: boolean;
}

interface SeatOwner {
  guild(): Guild | null;
  botId(): string | null;
  send(wish: VoiceWish): boolean;
}

/** The way to the voice server is told right after the place; without it, a place is still a place. */
const VOICE_DATA_MS = 2_000;

export class Seat {
  readonly guildId: string;
  channelId: string;
  readonly #owner: SeatOwner;
  readonly #lost = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #readers = new Set<PacketReader>();
  #seatedAt: number | null = null;
  #packets: VoicePackets = { state: null, server: null };

  constructor(guildId: string, channelId: string, owner: SeatOwner) {
    this.guildId = guildId;
    this.channelId = channelId;
    this.#owner = owner;
  }

  /** Aborted when the bot may not stay, with the reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The platform says that the bot is there. */
  get isSeated(): boolean {
    return this.#seatedAt !== null;
  }

  /** There, and ready to speak. */
  get isJoined(): boolean {
    if (this.#seatedAt === null) return false;
    return this.voice !== null || performance.now() - this.#seatedAt > VOICE_DATA_MS;
  }

  get voice(): VoiceConnectionData | null {
    const { state, server } = this.#packets;
    if (!this.isSeated || !server?.endpoint || state === null) return null;
    const { guildId, channelId } = this;
    const { endpoint, token } = server;
    return { guildId, channelId, sessionId: state.session_id, endpoint, token };
  }

  /** People, not bots, in the channel. */
  get listenerCount(): number {
    const states = this.#owner.guild()?.voiceStates.cache;
    const here = states?.filter(
      ({ channelId, id, member }) =>
        channelId === this.channelId && id !== this.#owner.botId() && member?.user.bot !== true,
    );
    return here?.size ?? 0;
  }

  /** Changes how the bot is in the channel. */
  send(wish: VoiceWish): boolean {
    return this.isSeated && this.#owner.send({ ...wish, channel_id: this.channelId });
  }

  /** Told of whatever changes: listeners, the channel, the data. Returns the end of it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Hands on the packets, those that came already in the next turn. Returns the end of it. */
  onPacket(reader: PacketReader): () => void {
    queueMicrotask(() => {
      const { state, server } = this.#packets;
      if (!this.#readers.has(reader)) return;
      if (state !== null) reader.state(state);
      if (server !== null) reader.server(server);
    });
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  takeState(state: GatewayVoiceState): void {
    this.#packets = { ...this.#packets, state };
    for (const reader of [...this.#readers]) reader.state(state);
    this.changed();
  }

  takeServer(server: GatewayVoiceServerUpdateDispatchData): void {
    this.#packets = { ...this.#packets, server };
    for (const reader of [...this.#readers]) reader.server(server);
    this.changed();
  }

  arrive(): void {
    if (this.isSeated) return;
    this.#seatedAt = performance.now();
    this.changed();
  }

  /** Its session is over, and with it the data. */
  unseat(): void {
    this.#seatedAt = null;
    this.#packets = { state: null, server: null };
    this.changed();
  }

  move(channelId: string): void {
    this.channelId = channelId;
    this.changed();
  }

  lose(reason: string): void {
    this.#lost.abort(new Error(reason));
  }
}
