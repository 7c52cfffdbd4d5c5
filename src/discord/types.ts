/** What users of `remuda/discord` see. */
import type { Client, ClientOptions, InternalDiscordGatewayAdapterCreator } from 'discord.js';
import type { AgentSpec, AssignedLease, Metadata, RunAgentsOptions, Runner } from '../sdk/agent.ts';
import type { VoiceConnectionData } from './seat.ts';

/** Work: a lease whose agent sits in the voice channel that was asked for. */
export interface MusicSession {
  readonly lease: AssignedLease;
  /** The tenant. */
  readonly guildId: string;
  /** `metadata.channel_id`; another one once somebody has moved the bot. */
  readonly channelId: string;
  /** Whatever the request came with. */
  readonly metadata: Metadata;
  /** The bot's client now: after a change of the token it is another one. */
  readonly client: Client;
  /** People in the channel. */
  readonly listenerCount: number;
  /** What a voice library needs; null while the bot is not connected. */
  readonly voice: VoiceConnectionData | null;
  /**
   * Tells the data of the connection, now and whenever they change: after a lost session the bot
   * joins again by itself. Returns a function that ends it.
   */
  onVoice(listener: (voice: VoiceConnectionData) => void): () => void;
  /** For `joinVoiceChannel` of `@discordjs/voice`. Joining and leaving stay with the agent. */
  readonly adapterCreator: InternalDiscordGatewayAdapterCreator;
  /** Music plays (as at the beginning). Reported only while somebody listens. */
  setActive(): void;
  /** Nothing plays: the lease may be taken back. */
  setIdle(): void;
}

export interface PlayContext {
  /** Aborted when the bot is to leave: released, moved, kicked, disconnected, closing. */
  readonly signal: AbortSignal;
}

/** A bot and the agent that it is in the pool. */
export interface BotSpec extends AgentSpec {
  /** The bot's token. Without one: the credential that the pool keeps for the agent. */
  readonly token?: string;
  /**
   * Whether Discord has verified the bot; read from its own account unless given. One that is not
   * verified can be in 100 guilds, and is offered to no other guild then.
   */
  readonly verified?: boolean;
}

type Hosting = Pick<
  RunAgentsOptions,
  | 'url'
  | 'apiKey'
  | 'runnerId'
  | 'signal'
  | 'closeDeadlineSec'
  | 'webSocket'
  | 'onDrain'
  | 'onError'
>;

export interface MusicOptions extends Hosting {
  /**
   * Serves a guild; called when the bot sits in the channel. While it runs the lease is active, as
   * long as somebody listens. When it ends the lease is idle and the bot stays, until the lease ends.
   * When it throws, `onError` is told and the lease is given back.
   */
  play(session: MusicSession, context: PlayContext): Promise<void> | void;
  /** For the clients of discord.js: presence, caches, `rest`, more intents. */
  readonly client?: Partial<ClientOptions>;
  /** How long joining a channel may take, the login included; default 8, less than the pool waits. */
  readonly joinTimeoutSec?: number;
  /** How long work waits for a bot that is not logged in any more; default 60. */
  readonly awayTimeoutSec?: number;
  /** Keeps the label `invite_url` of the agents in the pool; default true. */
  readonly invites?: boolean;
}

export interface RunMusicAgentsOptions extends MusicOptions {
  readonly bots: readonly BotSpec[];
}

export interface MusicAgentOptions extends MusicOptions, BotSpec {}

export interface MusicBotStatus {
  readonly agentId: string;
  /** Why it takes no new work; null while it does. */
  readonly trouble: string | null;
  /** Guilds that it is in. */
  readonly guilds: number;
  /** Guilds that it serves now. */
  readonly serving: readonly string[];
}

export interface MusicRunner extends AsyncDisposable {
  /** What hosts the agents. */
  readonly runner: Runner;
  readonly bots: readonly MusicBotStatus[];
  /** Leaves all channels, gives the leases back, logs the bots out, disconnects. */
  close(): Promise<void>;
}
