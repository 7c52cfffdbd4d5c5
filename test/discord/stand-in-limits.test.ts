import { once } from 'node:events';
import { Events, GatewayIntentBits } from 'discord.js';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { DiscordStandIn, StandInOptions } from './stand-in/discord-stand-in.ts';
import {
  endEverythingAfterEach,
  guildSpec,
  login,
  makeClient,
  startStandIn,
  UNTHROTTLED,
} from './support.ts';

endEverythingAfterEach();

const BOT = { token: 'token-a', id: '501', name: 'bot a' };

/** A stand-in with one bot and a clock that only the test moves. */
async function frozenWorld(options: StandInOptions = {}) {
  const clock = { now: Date.UTC(2026, 0, 1) };
  const standIn = await startStandIn({ now: () => clock.now, ...options });
  standIn.addBot(BOT);
  return { standIn, clock };
}

function kinds(standIn: DiscordStandIn): string[] {
  return standIn.violations.map(({ kind }) => kind);
}

describe('identifies', () => {
  it('are spaced by an unmodified client after an invalid session', async () => {
    const standIn = await startStandIn();
    standIn.addBot(BOT);
    // The client adds up to 1.5 s of chance to its 5 s. Without any, the second identify could overtake.
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.2);
    const client = await login(standIn, BOT.token);
    standIn.drop(BOT.id, 'invalid');
    await once(client, Events.ShardReady);
    random.mockRestore();
    expect(standIn.gateway.identifies).toBe(2);
    expect(standIn.violations).toEqual([]);
  });

  it('are refused and recorded when they come too soon', async () => {
    const { standIn, clock } = await frozenWorld();
    await (await login(standIn, BOT.token)).destroy();
    await standIn.until(() => !standIn.gateway.isLive(BOT.id), 'the first client has gone');
    clock.now += 4999;
    const second = login(standIn, BOT.token, UNTHROTTLED);
    await standIn.until(() => standIn.violations.length > 0, 'a violation');
    expect(standIn.gateway.isLive(BOT.id)).toBe(false);
    clock.now += 1;
    await second;
    expect(kinds(standIn)).toEqual(['identify_too_soon']);
  });

  it('are recorded when a token has two live sessions', async () => {
    const { standIn, clock } = await frozenWorld();
    await login(standIn, BOT.token);
    clock.now += 5000;
    await login(standIn, BOT.token);
    expect(kinds(standIn)).toEqual(['identified_twice']);
  });

  it('are counted by the day, and a client stops before the last one is gone', async () => {
    const { standIn, clock } = await frozenWorld({ limits: { identifiesPerDay: 1 } });
    await (await login(standIn, BOT.token)).destroy();
    clock.now += 5000;
    await expect(login(standIn, BOT.token)).rejects.toThrow('Not enough sessions remaining');
    expect(standIn.violations).toEqual([]);
    clock.now += 86_400_000;
    await login(standIn, BOT.token);
  });

  it('beyond those of the day cost a bot its token', async () => {
    const { standIn, clock } = await frozenWorld({ limits: { identifiesPerDay: 1 } });
    const client = await login(standIn, BOT.token, UNTHROTTLED);
    client.on(Events.ShardError, () => {});
    const disconnected = once(client, Events.ShardDisconnect);
    clock.now += 5000;
    standIn.drop(BOT.id, 'invalid');
    expect((await disconnected)[0].code).toBe(4004);
    expect(kinds(standIn)).toEqual(['identifies_per_day']);
    expect(standIn.world.botOfToken(BOT.token)).toBeUndefined();
  });

  it('are spaced in scaled time as well', async () => {
    const { standIn, clock } = await frozenWorld({ timeScale: 100 });
    await (await login(standIn, BOT.token)).destroy();
    await standIn.until(() => !standIn.gateway.isLive(BOT.id), 'the first client has gone');
    clock.now += 50;
    await login(standIn, BOT.token);
    expect(standIn.violations).toEqual([]);
  });
});

describe('tokens and intents', () => {
  it('are checked before a client gets anywhere', async () => {
    const { standIn } = await frozenWorld();
    await expect(makeClient(standIn).login('wrong')).rejects.toMatchObject({
      code: 'TokenInvalid',
    });
    const curious = makeClient(standIn, { intents: [GatewayIntentBits.GuildMembers] });
    curious.on(Events.ShardError, () => {});
    await expect(curious.login(BOT.token)).rejects.toThrow('Used disallowed intents');
  });

  it('end sessions when the token is reset', async () => {
    const { standIn } = await frozenWorld();
    const client = await login(standIn, BOT.token);
    client.on(Events.ShardError, () => {});
    const disconnected = once(client, Events.ShardDisconnect);
    standIn.resetToken(BOT.id, 'token-new');
    expect((await disconnected)[0].code).toBe(4004);
    await expect(client.users.fetch(BOT.id, { force: true })).rejects.toMatchObject({
      status: 401,
    });
  });
});

describe('REST', () => {
  const headers = { authorization: `Bot ${BOT.token}` };

  it('takes 50 calls a second of a token', async () => {
    const { standIn, clock } = await frozenWorld();
    const get = () => fetch(`${standIn.apiUrl}/v10/users/@me`, { headers });
    for (let count = 0; count < 50; count++) expect((await get()).status).toBe(200);
    clock.now += 600;
    const refused = await get();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('0.4');
    expect(refused.headers.get('x-ratelimit-global')).toBe('true');
    expect(await refused.json()).toMatchObject({ retry_after: 0.4, global: true });
    expect(kinds(standIn)).toEqual(['rest_too_fast']);
    clock.now += 400;
    expect((await get()).status).toBe(200);
  });

  it('makes a client wait and try again', async () => {
    const { standIn, clock } = await frozenWorld({
      limits: { restCallsPerWindow: 1, restWindowMs: 20 },
    });
    const client = await login(standIn, BOT.token);
    const user = client.users.fetch(BOT.id, { force: true });
    await standIn.until(() => standIn.violations.length > 0, 'a refused call');
    clock.now += 20;
    expect((await user).username).toBe(BOT.name);
    expect(standIn.restCalls.map(({ status }) => status)).toEqual([200, 429, 200]);
  });

  it('fails for a while when told to', async () => {
    const { standIn } = await frozenWorld();
    const client = await login(standIn, BOT.token);
    const fetchUser = () => client.users.fetch(BOT.id, { force: true });
    standIn.faults.failRest({ times: 3, only: /^GET \/users/ });
    await fetchUser();
    standIn.faults.failRest({ status: 503 });
    await expect(fetchUser()).rejects.toMatchObject({ status: 503 });
    standIn.faults.mendRest();
    standIn.faults.restDelayMs = 1;
    await fetchUser();
  });

  it('knows what it does not know', async () => {
    const { standIn } = await frozenWorld();
    const status = async (method: string, path: string) =>
      (await fetch(`${standIn.apiUrl}/v10${path}`, { method, headers })).status;
    expect(await status('GET', '/nothing')).toBe(404);
    expect(await status('PUT', '/users/@me')).toBe(405);
    expect(await status('PUT', '/applications/1/commands')).toBe(403);
  });
});

describe('other limits', () => {
  it('keep an unverified bot to 100 guilds', async () => {
    const { standIn } = await frozenWorld();
    standIn.addBot({ token: 'token-b', id: '502', name: 'verified', verified: true });
    for (let number = 0; number <= 100; number++) standIn.addGuild(guildSpec(number));
    const results = (botId: string) =>
      [...standIn.world.guilds.keys()].map((guildId) => standIn.invite(botId, guildId));
    expect(results(BOT.id).filter((result) => result === 'added')).toHaveLength(100);
    expect(results('502').filter((result) => result === 'added')).toHaveLength(101);
    expect(standIn.violations).toEqual([
      { kind: 'guild_limit', botId: BOT.id, detail: 'is in 100 guilds already' },
    ]);
  });

  it('close a connection that sends more than 120 packets a minute', async () => {
    const { standIn } = await frozenWorld();
    const socket = new WebSocket(`ws://127.0.0.1:${standIn.port}/?v=10&encoding=json`);
    await once(socket, 'open');
    for (let count = 0; count <= 120; count++) socket.send('{"op":1,"d":null}');
    const [code] = await once(socket, 'close');
    expect(code).toBe(4008);
    expect(kinds(standIn)).toEqual(['gateway_too_fast']);
  });

  it.each([
    ['a packet before identifying', '{"op":4,"d":{}}', 4003],
    ['an unknown operation', '{"op":99,"d":{}}', 4001],
    ['what is no JSON', 'no', 4002],
    ['a wrong token', '{"op":2,"d":{"token":"wrong","intents":0}}', 4004],
  ])('close a connection that sends %s', async (_, text, expected) => {
    const { standIn } = await frozenWorld();
    const socket = new WebSocket(`ws://127.0.0.1:${standIn.port}/?v=10&encoding=json`);
    await once(socket, 'open');
    socket.send(text);
    expect((await once(socket, 'close'))[0]).toBe(expected);
  });
});
