/** A lease in the hands of the user's `play`. */
import type { Client, InternalDiscordGatewayAdapterCreator } from 'discord.js';
import type { AssignedLease } from '../sdk/agent.ts';
import { surface } from '../sdk/net/wait.ts';
import type { Metadata } from '../sdk/words.ts';
import type { Seat, VoiceConnectionData, VoiceWish } from './seat.ts';
import type { MusicSession } from './types.ts';

/** The pool takes a lease back that was not reported active for 24 h; music may play for longer. */
const RENEW_MS = 3_600_000;

type Methods = Parameters<InternalDiscordGatewayAdapterCreator>[0];

export class SeatedSession implements MusicSession {
  readonly lease: AssignedLease;
  readonly #seat: Seat;
  readonly #client: () => Client;
  readonly #adapters = new Set<{ end(): void }>();
  readonly #stop: () => void;
  readonly #renewal: ReturnType<typeof setInterval>;
  #isPlaying = true;
  #hasEnded = false;
  #reported: 'active' | 'idle' = 'active';

  constructor(lease: AssignedLease, seat: Seat, client: () => Client) {
    this.lease = lease;
    this.#seat = seat;
    this.#client = client;
    this.#stop = seat.onChange(() => this.#report());
    this.#renewal = setInterval(() => {
      if (this.#reported === 'active') lease.active();
    }, RENEW_MS);
    this.#report();
  }

  get client(): Client {
    return this.#client();
  }

  get guildId(): string {
    return this.#seat.guildId;
  }

  get channelId(): string {
    return this.#seat.channelId;
  }

  get metadata(): Metadata {
    return this.lease.metadata;
  }

  get voice(): VoiceConnectionData | null {
    return this.#seat.voice;
  }

  get listenerCount(): number {
    return this.#seat.listenerCount;
  }

  setActive(): void {
    this.#isPlaying = true;
    this.#report();
  }

  setIdle(): void {
    this.#isPlaying = false;
    this.#report();
  }

  onVoice(listener: (voice: VoiceConnectionData) => void): () => void {
    let last = '';
    const look = () => {
      const { voice } = this;
      if (voice === null || JSON.stringify(voice) === last) return;
      last = JSON.stringify(voice);
      try {
        listener(voice);
      } catch (error) {
        surface(error);
      }
    };
    queueMicrotask(look);
    return this.#seat.onChange(look);
  }

  readonly adapterCreator: InternalDiscordGatewayAdapterCreator = (methods: Methods) => {
    let isOver = false;
    const stop = this.#seat.onPacket({
      // One state in two declarations of its type.
      state: (state) =>
        methods.onVoiceStateUpdate(state as Parameters<Methods['onVoiceStateUpdate']>[0]),
      server: (server) => methods.onVoiceServerUpdate(server),
    });
    const adapter = {
      end: () => {
        if (isOver) return;
        destroy();
        methods.destroy();
      },
    };
    this.#adapters.add(adapter);
    const destroy = () => {
      isOver = true;
      stop();
      this.#adapters.delete(adapter);
    };
    return { sendPayload: (payload) => !isOver && this.#adapted(payload), destroy };
  };

  /** The music is over; the bot stays until its lease ends. */
  rest(): void {
    this.setIdle();
    this.#endAdapters();
  }

  end(): void {
    this.#hasEnded = true;
    clearInterval(this.#renewal);
    this.#stop();
    this.#endAdapters();
  }

  /** A library wants to join or leave by itself: the bot is there, and leaves with its lease. */
  #adapted(payload: unknown): boolean {
    const { d: wish } = payload as { readonly d?: VoiceWish };
    if (wish === undefined || this.#hasEnded) return false;
    return wish.channel_id === null || this.#seat.send(wish);
  }

  #endAdapters(): void {
    for (const adapter of [...this.#adapters]) adapter.end();
  }

  #report(): void {
    if (this.#hasEnded) return;
    // Between two connections nobody is seen, and that means nothing.
    if (!this.#seat.isSeated) return;
    const state = this.#isPlaying && this.listenerCount > 0 ? 'active' : 'idle';
    if (state === this.#reported) return;
    this.#reported = state;
    this.lease[state]();
  }
}
