/**
 * The bot that people talk to. `/play` asks the pool for a music agent that sits in the voice channel
 * of whoever calls it; `/stop` sends the agent home. Start it with `node examples/discord-music/main-bot.ts`
 * and its token in `DISCORD_TOKEN`.
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import {
  type ChatInputCommandInteraction,
  Client,
  type ClientOptions,
  Events,
  GatewayIntentBits,
  MessageFlags,
} from 'discord.js';
import {
  AgentNotInstalledError,
  connect,
  type Lease,
  type LeaseRequest,
  type Pool,
  PoolExhaustedError,
  type TicketInfo,
} from 'remuda/client';

export interface MainBotOptions {
  readonly token: string;
  readonly pool: Pool;
  readonly client?: Partial<ClientOptions>;
}

type Call = ChatInputCommandInteraction<'cached'>;

/** Discord lets an answer be changed for 15 minutes. */
const WAIT_SEC = 600;
/** From the grant until the agent sits in the channel. */
const JOIN_MS = 30_000;
const LOOK_MS = 250;

export async function startMainBot(options: MainBotOptions): Promise<Client<true>> {
  const client = new Client({
    intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
    ...options.client,
  });
  const music = new Music(options.pool);
  client.on(Events.InteractionCreate, (interaction) => {
    if (!interaction.isChatInputCommand() || !interaction.inCachedGuild()) return;
    music
      .answer(interaction)
      .catch((error: unknown) => console.error(interaction.commandName, error));
  });
  const ready = once(client, Events.ClientReady);
  await client.login(options.token);
  await ready;
  await (client as Client<true>).application.commands.set([
    { name: 'play', description: 'Plays music in your voice channel' },
    { name: 'stop', description: 'Ends the music, or the wait for it' },
  ]);
  return client as Client<true>;
}

class Music {
  readonly #pool: Pool;
  /** Requests that wait, by guild. */
  readonly #waiting = new Map<string, AbortController>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async answer(call: Call): Promise<void> {
    // The pool may take longer than the 3 s that Discord waits for the first word.
    await call.deferReply({
      flags: call.commandName === 'stop' ? MessageFlags.Ephemeral : undefined,
    });
    const text =
      call.commandName === 'play' ? await this.#play(call) : await this.#stop(call.guildId);
    await call.editReply(text);
  }

  async #play(call: Call): Promise<string> {
    const { guildId } = call;
    const channelId = call.guild.voiceStates.cache.get(call.user.id)?.channelId;
    if (!channelId) return 'Join a voice channel first.';
    if (this.#waiting.has(guildId)) return 'This server is waiting for an agent already.';
    const stopped = new AbortController();
    this.#waiting.set(guildId, stopped);
    const place = new Place(call);
    try {
      const lease = await this.#lease({
        tenant: guildId,
        tools: ['music'],
        purpose: 'music',
        metadata: { guild_id: guildId, channel_id: channelId },
        queueTimeoutSec: WAIT_SEC,
        onQueued: (ticket) => place.show(ticket),
        signal: stopped.signal,
      });
      const isPlaying = await hasBegun(this.#pool, lease);
      const channel = `<#${String(lease.metadata.channel_id)}>`;
      return isPlaying ? `Playing in ${channel}.` : `No agent could join ${channel}.`;
    } catch (error) {
      if (stopped.signal.aborted) return 'Stopped before an agent was free.';
      return refusal(error);
    } finally {
      this.#waiting.delete(guildId);
      await place.shown;
    }
  }

  /** What has fallen silent begins anew, where the caller is. */
  async #lease(request: LeaseRequest): Promise<Lease> {
    const lease = await this.#pool.lease(request);
    if (lease.state !== 'idle') return lease;
    await lease.release();
    return this.#pool.lease(request);
  }

  /** Asks the pool, not this process: the leases outlive it. */
  async #stop(guildId: string): Promise<string> {
    const waiting = this.#waiting.get(guildId);
    waiting?.abort();
    let released = 0;
    for await (const { leaseId, purpose, state } of this.#pool.leases({ tenant: guildId })) {
      if (purpose !== 'music' || state === 'released' || state === 'releasing') continue;
      await (await this.#pool.getLease(leaseId)).release();
      released++;
    }
    return released > 0 || waiting !== undefined ? 'Stopped.' : 'Nothing plays here.';
  }
}

/** The place in the queue, as the answer shows it. */
class Place {
  readonly #call: Call;
  #last = '';
  /** Resolves when what was to be shown has been. */
  shown: Promise<unknown> = Promise.resolve();

  constructor(call: Call) {
    this.#call = call;
  }

  show({ position, etaSec }: TicketInfo): void {
    const wait = etaSec >= 1 ? `, about ${Math.round(etaSec)} s` : '';
    const text = `All agents are busy. Your place in the queue: ${position}${wait}.`;
    if (text === this.#last) return;
    this.#last = text;
    this.shown = this.shown.then(() => this.#call.editReply(text)).catch(() => {});
  }
}

/** False when the lease has ended before its agent sat in the channel. */
async function hasBegun(pool: Pool, { leaseId, signal }: Lease): Promise<boolean> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(JOIN_MS)]);
  while (!patience.aborted) {
    // The pool tells when a lease is lost or moves; that it has become active is asked for.
    const { state } = await pool.getLease(leaseId);
    if (state === 'active' || state === 'idle') return true;
    await setTimeout(LOOK_MS, undefined, { signal: patience }).catch(() => {});
  }
  return false;
}

function refusal(error: unknown): string {
  if (error instanceof AgentNotInstalledError) {
    const links = (error.invites ?? []).flatMap(({ inviteUrl }) => inviteUrl ?? []);
    if (links.length === 0) return 'No music agent can be invited to this server now.';
    return `No music agent is in this server yet. Invite one:\n${links.join('\n')}`;
  }
  if (error instanceof PoolExhaustedError) return 'No agent came free in time. Try again later.';
  console.error('play', error);
  return 'Something went wrong. Try again later.';
}

if (import.meta.main) {
  const { DISCORD_TOKEN: token, REMUDA_API_KEY: apiKey } = process.env;
  const { REMUDA_URL: url = 'http://127.0.0.1:8766' } = process.env;
  if (!token) throw new Error('Set DISCORD_TOKEN to the token of the main bot.');
  const pool = await connect(url, { apiKey });
  const client = await startMainBot({ token, pool });
  for (const name of ['SIGINT', 'SIGTERM']) {
    process.once(name, () => void client.destroy().then(() => pool.close()));
  }
}
