/**
 * One client of discord.js under one token, from its login to its end. A token, a lost session, a
 * closed runner: whatever ends it, another login is another client.
 *
 *   starting ──► up ⇄ away ──► over        `over` from anywhere, and for good
 */
import {
  Client,
  type ClientOptions,
  Events,
  GatewayIntentBits,
  type RateLimitData,
  RESTEvents,
  type RESTGetAPIGatewayBotResult,
  Routes,
  Status,
  type WebSocketOptions,
} from 'discord.js';
import { sleep } from '../sdk/net/wait.ts';
import { EndableSharding } from './endable-sharding.ts';
import { GuildList, type Packet } from './guild-list.ts';
import type { IdentifyGate } from './identify-gate.ts';

/** Why a login is over. `token` and `refused` last until somebody changes something. */
export interface LoginEnd {
  readonly kind: 'asked' | 'token' | 'refused' | 'identifies' | 'network';
  readonly reason: string;
  /** With `identifies`: when the platform gives new ones. */
  readonly retryAfterMs?: number;
}

export interface LoginListeners {
  /** It is up, or it is not any more; `isUp` and `trouble` say which. */
  changed(): void;
  /** The bot is in other guilds than before. */
  guilds(): void;
  packet(packet: Packet): void;
  /** REST calls are held back for so long. */
  restLimited(forMs: number): void;
  error(error: Error): void;
}

type Manager = Parameters<NonNullable<WebSocketOptions['buildIdentifyThrottler']>>[0];

const INTENTS = [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates];
/** How long a failed question about the limits waits for the next one. */
const ASK_AGAIN_MS = 5_000;
/** How long the goodbye to the platform may take. */
const CLOSE_MS = 3_000;
const AUTHENTICATION_FAILED = 4_004;

export class Login {
  readonly token: string;
  readonly client: Client;
  readonly guilds = new GuildList();
  readonly ended: Promise<LoginEnd>;
  readonly #gate: IdentifyGate;
  readonly #listeners: LoginListeners;
  #sharding: EndableSharding | null = null;
  #finish: (end: LoginEnd) => void = () => {};
  #isOver = false;
  #identifies = 0;
  /** It has been up once, so the list of guilds is complete. */
  wasUp = false;
  /** Why it is not up. */
  trouble = 'logging in';

  constructor(
    token: string,
    options: Partial<ClientOptions>,
    gate: IdentifyGate,
    listeners: LoginListeners,
  ) {
    this.token = token.replace(/^Bot\s+/i, '');
    this.#gate = gate;
    this.#listeners = listeners;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.client = new Client({
      shards: 'auto',
      ...options,
      intents: options.intents ?? INTENTS,
      ws: {
        ...options.ws,
        buildStrategy: (manager) => {
          this.#sharding = new EndableSharding(manager);
          return this.#sharding;
        },
        buildIdentifyThrottler: async (manager) => ({
          waitForIdentify: (shard, signal) => this.#mayIdentify(manager, shard, signal),
        }),
      },
    });
    this.#listen();
  }

  /** Whether everything is connected that the bot needs. */
  get isUp(): boolean {
    const { shards } = this.client.ws;
    return (
      !this.#isOver &&
      this.client.isReady() &&
      shards.size > 0 &&
      shards.every(({ status }) => status === Status.Ready)
    );
  }

  async start(): Promise<void> {
    const { client, token } = this;
    try {
      client.rest.setToken(token);
      const answer = (await client.rest.get(Routes.gatewayBot())) as RESTGetAPIGatewayBotResult;
      if (this.#isOver) return;
      const { remaining, reset_after } = answer.session_start_limit;
      if (remaining < answer.shards) return this.#finish(noIdentifies(reset_after));
      await client.login(token);
    } catch (error) {
      this.#finish(endOf(error as Error));
    }
  }

  /** Ends it from this side; `ended` resolves. */
  leave(reason: string): void {
    this.#finish({ kind: 'asked', reason });
  }

  /** Logs out. Nothing of this login talks to the platform when it has resolved, or later. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#sharding?.end();
    // The library forgets to answer when a connection is ended while it waits for a greeting.
    const patience = new AbortController();
    await Promise.race([this.client.destroy(), sleep(CLOSE_MS, patience.signal)]);
    patience.abort();
  }

  #listen(): void {
    const { client } = this;
    const look = () => this.#look();
    client.once(Events.ClientReady, look);
    client.on(Events.ShardReady, look);
    client.on(Events.ShardResume, look);
    client.on(Events.ShardReconnecting, () => {
      this.trouble = 'reconnecting to Discord';
      look();
    });
    client.on(Events.ShardDisconnect, ({ code }) => {
      const isToken = code === AUTHENTICATION_FAILED;
      const reason = isToken ? 'Discord does not take the token' : `Discord closed with ${code}`;
      this.trouble = reason;
      look();
      this.#finish({ kind: isToken ? 'token' : 'refused', reason });
    });
    client.on(Events.ShardError, (error) => this.#listeners.error(error));
    client.on(Events.Error, (error) => this.#listeners.error(error));
    client.on(Events.Raw, (packet: Packet, shard: number) => {
      const isOther = this.guilds.take(packet, shard);
      this.#listeners.packet(packet);
      if (isOther && this.wasUp) this.#listeners.guilds();
    });
    client.rest.on(RESTEvents.RateLimited, ({ global, timeToReset }: RateLimitData) => {
      if (global) this.#listeners.restLimited(timeToReset);
    });
  }

  #look(): void {
    if (this.#isOver) return;
    const isFirst = this.isUp && !this.wasUp;
    if (isFirst) this.wasUp = true;
    this.#listeners.changed();
    if (isFirst) this.#listeners.guilds();
  }

  /** Every identify comes through here. A rejection without an aborted signal would let it pass. */
  async #mayIdentify(manager: Manager, shard: number, signal: AbortSignal): Promise<void> {
    const buckets = await this.#identifyBuckets(manager, signal);
    if (!this.#isOver) await this.#gate.pass(shard % buckets, signal);
    if (this.#isOver && this.#sharding !== null) await this.#sharding.refuse(signal);
  }

  /** Waits until the day has an identify left; how many shards may identify side by side. */
  async #identifyBuckets(manager: Manager, signal: AbortSignal): Promise<number> {
    while (!this.#isOver) {
      signal.throwIfAborted();
      try {
        // The library remembers its first answer for as long as the day lasts.
        const isKnown = this.#identifies++ === 0;
        const { session_start_limit } = await manager.fetchGatewayInformation(!isKnown);
        if (session_start_limit.remaining > 0) return session_start_limit.max_concurrency;
        const { reason, retryAfterMs } = noIdentifies(session_start_limit.reset_after);
        this.trouble = reason;
        this.#look();
        await sleep(retryAfterMs, signal);
      } catch (error) {
        const end = endOf(error as Error);
        if (end.kind === 'token') this.#finish(end);
        else if (!signal.aborted) this.#listeners.error(error as Error);
        await sleep(ASK_AGAIN_MS, signal);
      }
    }
    return 1;
  }
}

function noIdentifies(resetAfterMs: number) {
  const at = new Date(Date.now() + resetAfterMs).toISOString();
  const reason = `no identify is left today; the next at ${at}`;
  return { kind: 'identifies', reason, retryAfterMs: Math.max(1_000, resetAfterMs) } as const;
}

function endOf(error: Error & { code?: unknown; status?: unknown }): LoginEnd {
  if (error.status === 401 || error.code === 'TokenInvalid') {
    return { kind: 'token', reason: 'Discord does not take the token' };
  }
  if (error.message.startsWith('Not enough sessions')) {
    return { kind: 'identifies', reason: error.message, retryAfterMs: 60_000 };
  }
  return { kind: 'network', reason: `the login failed: ${error.message}` };
}
