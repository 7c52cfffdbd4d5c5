/**
 * What unmodified clients do when a connection is lost, where it is not what one would expect. Whoever
 * builds on them has to work around it; when a new version of discord.js changes it, these tests say so.
 */
import { once } from 'node:events';
import {
  type Client,
  type ClientOptions,
  Events,
  GatewayOpcodes,
  SimpleShardingStrategy,
  Status,
} from 'discord.js';
import { describe, expect, it } from 'vitest';
import type { DiscordStandIn } from './stand-in/discord-stand-in.ts';
import {
  endEverythingAfterEach,
  guildSpec,
  login,
  makeClient,
  startStandIn,
  UNTHROTTLED,
} from './support.ts';

endEverythingAfterEach();

const GUILD = guildSpec(1);
const OTHER_GUILD = guildSpec(2);
const BOT = { token: 'token-a', id: '501', name: 'bot a' };

async function smallWorld(): Promise<DiscordStandIn> {
  const standIn = await startStandIn({ limits: { identifySpacingMs: 10 } });
  standIn.addBot(BOT);
  standIn.addGuild(GUILD);
  standIn.addGuild(OTHER_GUILD);
  standIn.invite(BOT.id, GUILD.id);
  return standIn;
}

/** Ends a shard that is between two connections as soon as it says that it is back. */
class EndingStrategy extends SimpleShardingStrategy {
  override async destroy(...options: Parameters<SimpleShardingStrategy['destroy']>): Promise<void> {
    // Declared private, and the only way to the shards.
    const shards = [...(this as unknown as { shards: Map<number, EndableShard> }).shards.values()];
    await super.destroy(...options);
    for (const shard of shards) shard.once('hello', () => void shard.destroy({ code: 1000 }));
  }
}

interface EndableShard {
  once(event: 'hello', listener: () => void): void;
  destroy(options: { code: number }): Promise<void>;
}

const ENDING: Partial<ClientOptions> = {
  ws: { ...UNTHROTTLED.ws, buildStrategy: (manager) => new EndingStrategy(manager) },
};

/** Destroys a client in the half second between a lost connection and the next one. */
async function destroyBetweenConnections(standIn: DiscordStandIn, client: Client): Promise<void> {
  const reconnecting = once(client, Events.ShardReconnecting);
  standIn.drop(BOT.id, 'abrupt');
  await reconnecting;
  await client.destroy();
  await standIn.until(() => standIn.gateway.connections === 1, 'the client connects again');
}

describe('a client that is destroyed between two connections', () => {
  it('comes back', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    await destroyBetweenConnections(standIn, client);
    await standIn.until(() => standIn.gateway.isLive(BOT.id), 'the session is resumed');
    // Nothing but its end on the other side stops it now.
    standIn.resetToken(BOT.id, 'token-new');
    await standIn.until(() => standIn.gateway.connections === 0, 'the connection is closed');
  });

  it('stays away when its shards are ended once more at the next hello', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token, ENDING);
    await destroyBetweenConnections(standIn, client);
    await standIn.until(() => standIn.gateway.connections === 0, 'the connection is closed');
    expect(standIn.gateway.sessions.map(({ resumes }) => resumes)).toEqual([0]);
  });
});

describe('a login that is refused by the gateway', () => {
  it('is rejected, and succeeds behind the back of whoever asked', async () => {
    const standIn = await smallWorld();
    const client = makeClient(standIn, UNTHROTTLED);
    client.on(Events.ShardError, () => {});
    standIn.faults.refuseGateway = 503;
    await expect(client.login(BOT.token)).rejects.toThrow('503');
    standIn.faults.refuseGateway = null;
    await standIn.until(() => standIn.gateway.isLive(BOT.id), 'the bot is live');
    standIn.resetToken(BOT.id, 'token-new');
    await standIn.until(() => standIn.gateway.connections === 0, 'the connection is closed');
  });
});

describe('after a session that could not be resumed', () => {
  it('an invitation shows as an available guild, and a kick only in the list of READY', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token, UNTHROTTLED);
    const events: string[] = [];
    for (const name of [Events.GuildCreate, Events.GuildDelete, Events.GuildAvailable] as const) {
      client.on(name, ({ id }) => events.push(`${name} ${id}`));
    }
    const listed: string[] = [];
    client.on(Events.Raw, (packet: { t: string; d: { guilds: { id: string }[] } }) => {
      if (packet.t === 'READY') listed.push(...packet.d.guilds.map(({ id }) => id));
    });
    const ready = once(client, Events.ShardReady);
    standIn.drop(BOT.id, 'abrupt');
    standIn.gateway.expire(BOT.id);
    standIn.kick(BOT.id, GUILD.id);
    standIn.invite(BOT.id, OTHER_GUILD.id);
    await ready;
    expect(standIn.gateway.sessions.map(({ ended }) => ended)).toEqual([true, false]);
    expect(standIn.violations).toEqual([]);
    expect(events).toEqual([`${Events.GuildAvailable} ${OTHER_GUILD.id}`]);
    expect(listed).toEqual([OTHER_GUILD.id]);
    expect([...client.guilds.cache.keys()]).toEqual([GUILD.id, OTHER_GUILD.id]);
  });
});

describe('a wish to join a voice channel', () => {
  function join(client: Client): void {
    client.guilds.cache.get(GUILD.id)!.shard.send({
      op: GatewayOpcodes.VoiceStateUpdate,
      d: { guild_id: GUILD.id, channel_id: GUILD.voice, self_mute: false, self_deaf: true },
    });
  }

  it('is lost without a word at the moment when a connection is lost', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token);
    const statusThen: Status[] = [];
    client.once(Events.ShardReconnecting, (shardId) => {
      statusThen.push(client.ws.shards.get(shardId)!.status);
      join(client);
    });
    const resumed = once(client, Events.ShardResume);
    standIn.drop(BOT.id, 'abrupt');
    await resumed;
    const joined = once(client, Events.VoiceServerUpdate);
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBeNull();
    expect(statusThen).toEqual([Status.Connecting]);
    join(client);
    await joined;
  });

  it('is kept between two connections until the next identify, however late that is', async () => {
    const standIn = await smallWorld();
    const client = await login(standIn, BOT.token, UNTHROTTLED);
    const reconnecting = once(client, Events.ShardReconnecting);
    const resumed = once(client, Events.ShardResume);
    standIn.drop(BOT.id, 'abrupt');
    await reconnecting;
    await new Promise(setImmediate);
    join(client);
    await resumed;
    await client.guilds.fetch();
    expect(standIn.voiceOf(BOT.id, GUILD.id)).toBeNull();
    standIn.drop(BOT.id, 'invalid');
    await standIn.until(() => standIn.voiceOf(BOT.id, GUILD.id) !== null, 'the bot joins');
    expect(standIn.gateway.identifies).toBe(2);
  });
});
