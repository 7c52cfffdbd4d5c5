/** How `remuda/discord` keeps bots logged in, within the limits of the platform, and what the pool hears. */
import { describe, expect, it } from 'vitest';
import { type MusicSession, musicAgent, runMusicAgents } from '../../src/discord/index.ts';
import type { TestServer } from '../server/support.ts';
import { agents, connected, endMusicAfterEach, startPool, until } from './music-support.ts';
import { ask, BOT, GUILD, isReady, isState, ONE, OTHER, smallWorld, stateOf } from './one-bot.ts';
import { endEverythingAfterEach, guildSpec } from './support.ts';

endEverythingAfterEach();
endMusicAfterEach();

describe('budget', () => {
  /** How the pool sees the one agent that could serve the guild. */
  async function rejected(server: TestServer): Promise<{ [reason: string]: number }> {
    const body = { tenant: GUILD.id, queue: false, explain: true, dry_run: true };
    const { json } = await server.call('POST', '/v1/leases', body);
    return json.explain?.rejected;
  }

  it('is missing without a valid token, and comes with a new one', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const agent = { agent_id: 'a', memberships: [GUILD.id], credential: 'token-wrong' };
    await server.call('POST', '/v1/agents', agent);
    const runner = await agents(server, standIn, { bots: [{ agentId: 'a' }] });
    const waiting = ask(await connected(server));
    await until(() => runner.bots[0]!.trouble === 'Discord does not take the token', 'the trouble');
    await until(async () => (await rejected(server)).NO_BUDGET === 1, 'no budget');
    await server.call('PATCH', '/v1/agents/a', { credential: BOT.token });
    await isState(server, await waiting, 'active');
    expect(standIn.gateway.identifies).toBe(1);
    standIn.resetToken(BOT.id, 'token-b');
    await until(async () => (await rejected(server)).NO_BUDGET === 1, 'no budget again');
    await server.call('PATCH', '/v1/agents/a', { credential: 'token-b' });
    await until(() => standIn.voiceOf(BOT.id, GUILD.id) === GUILD.voice, 'it goes on');
    expect(await stateOf(server, await waiting)).toBe('active');
    await server.call('PATCH', '/v1/agents/a', { credential: 'token-of-nobody' });
    await standIn.until(() => standIn.gateway.connections === 0, 'it has logged out');
    await until(async () => (await rejected(server)).NO_BUDGET === 1, 'no budget once more');
    expect(standIn.violations).toEqual([]);
  });

  it('is missing while no identify is left for the day', async () => {
    const standIn = await smallWorld({ limits: { identifiesPerDay: 1, dayMs: 4_000 } });
    const server = await startPool();
    const runner = await agents(server, standIn, { bots: [{ ...ONE, token: BOT.token }] });
    await isReady(server, runner);
    standIn.drop(BOT.id, 'invalid');
    await until(() => /no identify is left/.test(runner.bots[0]!.trouble ?? ''), 'the trouble');
    await until(async () => (await rejected(server)).NO_BUDGET === 1, 'no budget');
    await until(() => runner.bots[0]!.trouble === null, 'the next day');
    await until(async () => (await rejected(server)).NO_BUDGET === undefined, 'budget');
    expect(standIn.violations).toEqual([]);
  });

  it('is missing while REST calls are held back', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    let client: MusicSession['client'] | undefined;
    const runner = await agents(server, standIn, {
      bots: [{ ...ONE, token: BOT.token }],
      client: { rest: { globalRequestsPerSecond: 5 } },
      play: (session) => {
        client = session.client;
      },
    });
    await isReady(server, runner);
    await isState(server, await ask(await connected(server)), 'idle');
    const calls = Array.from({ length: 12 }, () => client!.users.fetch(BOT.id, { force: true }));
    await until(() => /REST/.test(runner.bots[0]!.trouble ?? ''), 'the trouble');
    await Promise.all(calls);
    await until(() => runner.bots[0]!.trouble === null, 'the limit is over');
    expect(standIn.violations).toEqual([]);
  });
});

describe('memberships', () => {
  it('follow the guilds, whatever the pool had noted and a lost session hides', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const agent = { agent_id: 'a', tools: ['music'], memberships: ['1', OTHER.id] };
    await server.call('POST', '/v1/agents', agent);
    await agents(server, standIn, { bots: [{ agentId: 'a', token: BOT.token }] });
    const are = (...ids: string[]) =>
      until(async () => {
        const { json } = await server.call('GET', '/v1/agents/a');
        return json.memberships.toSorted().join() === ids.join();
      }, `memberships are ${ids}`);
    await are(GUILD.id);
    standIn.invite(BOT.id, OTHER.id);
    await are(GUILD.id, OTHER.id);
    standIn.outage(OTHER.id);
    standIn.drop(BOT.id, 'abrupt');
    standIn.gateway.expire(BOT.id);
    standIn.kick(BOT.id, GUILD.id);
    await are(OTHER.id);
  });

  it('come with an invitation until an unverified bot is in 100 guilds', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const bots = [{ ...ONE, token: BOT.token, labels: { host: 'h1' } }];
    const runner = await agents(server, standIn, { bots });
    await isReady(server, runner);
    const pool = await connected(server);
    const link = async () => {
      const { json } = await server.call('GET', '/v1/agents/a');
      expect(json.labels.host).toBe('h1');
      return json.labels.invite_url;
    };
    await until(async () => (await link())?.includes('client_id=501') ?? false, 'the invitation');
    const error = await ask(pool, OTHER).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ invites: [{ agentId: 'a', inviteUrl: await link() }] });
    for (let number = 10; number < 109; number++) {
      standIn.addGuild(guildSpec(number));
      standIn.invite(BOT.id, guildSpec(number).id);
    }
    await until(async () => (await link()) === undefined, 'no invitation');
    standIn.kick(BOT.id, guildSpec(10).id);
    await until(async () => (await link()) !== undefined, 'the invitation again');
    expect(standIn.violations).toEqual([]);
  });
});

describe('logins', () => {
  it('refuse one token for two agents', async () => {
    const bots = [
      { agentId: 'a', token: 'x' },
      { agentId: 'b', token: 'x' },
    ];
    const started = runMusicAgents({ url: 'http://127.0.0.1:1', bots, play: () => {} });
    await expect(started).rejects.toThrow('"a" and "b" have the same token');
  });

  it('happen once for a token that two agents have in the pool', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const registered = ['a', 'b'].map((agent_id) => ({ agent_id, credential: BOT.token }));
    await server.call('POST', '/v1/agents', registered);
    const errors: string[] = [];
    const runner = await agents(server, standIn, {
      bots: [{ agentId: 'a' }, { agentId: 'b' }],
      onError: ({ message }) => errors.push(message),
    });
    await isReady(server, runner);
    expect(errors).toEqual([expect.stringContaining('"a" and "b" have the same token')]);
    expect(runner.bots[1]!.trouble).toBe('there is no token for the bot');
    expect(standIn.gateway.identifies).toBe(1);
  });

  it('are ended by closing the one bot of a process', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const runner = await musicAgent({
      ...ONE,
      token: BOT.token,
      url: server.url,
      client: { rest: { api: standIn.apiUrl } },
      play: () => {},
    });
    await isReady(server, runner);
    const { json } = await server.call('GET', '/v1/agents/a');
    expect(json.tools).toEqual(['music']);
    await runner.close();
    await standIn.until(() => !standIn.gateway.isLive(BOT.id), 'it is logged out');
  });

  it('are tried again while the gateway refuses, and leave nothing behind', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    standIn.faults.refuseGateway = 503;
    const runner = await agents(server, standIn, { bots: [{ ...ONE, token: BOT.token }] });
    await until(() => /the login failed/.test(runner.bots[0]!.trouble ?? ''), 'a failed login');
    standIn.faults.refuseGateway = null;
    await isReady(server, runner);
    await standIn.until(() => standIn.gateway.connections === 1, 'one connection');
    expect(standIn.gateway.sessions).toHaveLength(1);
    expect(standIn.violations).toEqual([]);
  });

  it('end for good, even between two connections', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const runner = await agents(server, standIn, { bots: [{ ...ONE, token: BOT.token }] });
    await isReady(server, runner);
    standIn.drop(BOT.id, 'abrupt');
    await until(() => /reconnecting/.test(runner.bots[0]!.trouble ?? ''), 'the loss is noticed');
    await runner.close();
    // It comes back once, says nothing, and is gone.
    await standIn.until(() => standIn.gateway.connections === 1, 'a last connection');
    await standIn.until(() => standIn.gateway.connections === 0, 'its end');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(standIn.gateway.connections).toBe(0);
    expect(standIn.gateway.identifies).toBe(1);
    expect(standIn.gateway.sessions.map(({ resumes }) => resumes)).toEqual([0]);
  });

  it('end for good, even before they have begun', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const runner = await agents(server, standIn, { bots: [{ ...ONE, token: BOT.token }] });
    await standIn.until(() => standIn.gateway.connections === 1, 'a connection');
    await runner.close();
    await standIn.until(() => standIn.gateway.connections === 0, 'its end');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(standIn.gateway.connections).toBe(0);
    expect(standIn.gateway.identifies).toBe(0);
  });

  it('wait until no other runner has the agent', async () => {
    const standIn = await smallWorld();
    const server = await startPool();
    const other = { token: 'token-b', id: '502', name: 'bot b' };
    standIn.addBot(other);
    const first = await agents(server, standIn, { bots: [{ ...ONE, token: BOT.token }] });
    await isReady(server, first);
    const second = await agents(server, standIn, {
      bots: [
        { ...ONE, token: BOT.token },
        { agentId: 'b', token: other.token },
      ],
    });
    await until(() => second.bots[1]!.trouble === null, 'its own bot is up');
    expect(second.bots[0]!.trouble).toContain('is hosted by the runner');
    expect(standIn.gateway.identifies).toBe(2);
    await first.close();
    await isReady(server, second);
    expect(standIn.gateway.identifies).toBeGreaterThan(2);
    expect(standIn.violations.filter(({ kind }) => kind === 'identified_twice')).toEqual([]);
  });
});
