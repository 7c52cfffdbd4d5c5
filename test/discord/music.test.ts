/**
 * Twenty music bots serve sixty guilds through the example of examples/discord-music, with whatever
 * happens to bots: storms of requests, invitations and kicks, lost connections and sessions, a changed
 * token. All of it is real but the platform: discord.js, the agents, the pool.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { startAgents } from '../../examples/discord-music/agents.ts';
import { startMainBot } from '../../examples/discord-music/main-bot.ts';
import type { TestServer } from '../server/support.ts';
import { connected, endMusicAfterEach, onEnd, startPool, until } from './music-support.ts';
import type { DiscordStandIn } from './stand-in/discord-stand-in.ts';
import type { SlashCall } from './stand-in/interactions.ts';
import { endEverythingAfterEach, guildSpec, startStandIn } from './support.ts';

endEverythingAfterEach();
endMusicAfterEach();
// The example says what it does.
beforeEach(() => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  return () => log.mockRestore();
});

const BOTS = 20;
const GUILDS = 60;
/** Guilds that have no music bot at first. */
const BARE = [58, 59];
const MAIN = { token: 'token-main', id: '400', name: 'main', verified: true };

const bot = (number: number) => ({
  agentId: `music_${number}`,
  id: String(500 + number),
  token: `token-${number}`,
});
const bots = Array.from({ length: BOTS }, (_, number) => bot(number));
const guilds = Array.from({ length: GUILDS }, (_, number) => guildSpec(number));
const userOf = (guild: number) => String(9_000 + guild);

interface Lease {
  readonly lease_id: string;
  readonly tenant: string;
  readonly agent_id: string;
  readonly state: string;
}

class Scene {
  readonly standIn: DiscordStandIn;
  readonly server: TestServer;
  /** Everybody who has asked, and what was answered. */
  readonly plays: SlashCall[] = [];
  /** What was ever wrong. */
  readonly broken: string[] = [];

  constructor(standIn: DiscordStandIn, server: TestServer) {
    this.standIn = standIn;
    this.server = server;
  }

  /** Looks after each change on the platform. */
  watch(): void {
    const look = () => {
      for (const { id } of bots) {
        const places = guilds.filter((guild) => this.standIn.voiceOf(id, guild.id) !== null);
        if (places.length > 1) this.broken.push(`bot ${id} is in ${places.length} guilds at once`);
      }
      return false;
    };
    this.standIn.until(look, 'the end', 120_000).catch(() => {});
  }

  play(guild: number): SlashCall {
    const call = this.#slash(guild, 'play');
    this.plays.push(call);
    return call;
  }

  stop(guild: number): Promise<string> {
    return this.#slash(guild, 'stop').text();
  }

  #slash(guild: number, name: string): SlashCall {
    const { id, text } = guilds[guild];
    return this.standIn.slash(id, text, userOf(guild), name, {}, MAIN.id);
  }

  async leases(): Promise<Lease[]> {
    const { json } = await this.server.call('GET', '/v1/leases?limit=1000');
    return json.items.filter(({ state }: Lease) => state !== 'released');
  }

  /** Leases whose bot sits where it was asked to. */
  async served(): Promise<{ guild: number; bot: number }[]> {
    return (await this.leases()).flatMap(({ tenant, agent_id, state }) => {
      const guild = guilds.findIndex(({ id }) => id === tenant);
      const number = bots.findIndex(({ agentId }) => agentId === agent_id);
      const isThere = this.standIn.voiceOf(bots[number].id, tenant) === guilds[guild].voice;
      return state === 'active' && isThere ? [{ guild, bot: number }] : [];
    });
  }

  async stateIn(guild: number): Promise<string | undefined> {
    return (await this.leases()).find(({ tenant }) => tenant === guilds[guild].id)?.state;
  }

  async isServed(guild: number): Promise<boolean> {
    return (await this.served()).some((one) => one.guild === guild);
  }

  /** The platform and the pool agree, and nothing is broken. */
  async holds(): Promise<void> {
    await until(async () => {
      const leases = await this.leases();
      const held = new Set(leases.map(({ tenant, agent_id }) => `${agent_id} ${tenant}`));
      const here = bots.flatMap(({ id, agentId }) =>
        guilds
          .filter((guild) => this.standIn.voiceOf(id, guild.id) !== null)
          .map((guild) => `${agentId} ${guild.id}`),
      );
      const strangers = leases.filter(({ tenant, agent_id }) => {
        const { id } = bots.find(({ agentId }) => agentId === agent_id)!;
        return !this.standIn.world.guild(tenant).members.has(id);
      });
      return here.every((place) => held.has(place)) && strangers.length === 0;
    }, 'every bot in a channel has a lease, and every lease a member');
    expect(this.broken).toEqual([]);
    expect(this.standIn.violations).toEqual([]);
  }

  /** Ends whatever is being served until all who have asked have got their answer. */
  async serveAll(): Promise<void> {
    await until(
      async () => {
        const served = await this.served();
        await Promise.all(served.map(({ guild }) => this.stop(guild)));
        return this.plays.every((call) => finals(call).length > 0);
      },
      'everybody is answered',
      30_000,
    );
  }

  async drained(): Promise<void> {
    await until(async () => {
      for (const { tenant } of await this.leases()) {
        await this.stop(guilds.findIndex(({ id }) => id === tenant));
      }
      const { json } = await this.server.call('GET', '/v1/stats');
      const inVoice = guilds.flatMap(({ id }) => this.standIn.voiceStates(id));
      return (
        json.queue.length === 0 &&
        json.leases.total === 0 &&
        inVoice.every(({ userId }) => userId.startsWith('9'))
      );
    }, 'everything has drained');
  }
}

/** Answers that are the last word; the place in the queue is none. */
function finals({ answers }: SlashCall): string[] {
  return answers
    .filter(({ callbackType }) => callbackType === null)
    .map(({ message }) => String(message.content))
    .filter((text) => !text.startsWith('All agents are busy'));
}

async function begin(): Promise<Scene> {
  const standIn = await startStandIn();
  standIn.addBot(MAIN);
  for (const { id, token, agentId } of bots) standIn.addBot({ id, token, name: agentId });
  for (const [number, guild] of guilds.entries()) {
    standIn.addGuild(guild);
    standIn.invite(MAIN.id, guild.id);
    standIn.userJoinsVoice(guild.id, guild.voice, userOf(number));
    if (BARE.includes(number)) continue;
    for (const member of new Set([number % BOTS, (number * 7 + 3) % BOTS])) {
      standIn.invite(bots[member].id, guild.id);
    }
  }
  const server = await startPool();
  await server.call(
    'POST',
    '/v1/agents',
    bots.map(({ agentId, token }) => ({ agent_id: agentId, tools: ['music'], credential: token })),
  );
  const client = { rest: { api: standIn.apiUrl } };
  const agentIds = bots.map(({ agentId }) => agentId);
  const runner = await startAgents({ url: server.url, agentIds, client });
  onEnd(() => runner.close());
  const main = await startMainBot({ token: MAIN.token, pool: await connected(server), client });
  onEnd(() => main.destroy());
  await until(() => runner.bots.every(({ trouble }) => trouble === null), 'all bots are up');
  const scene = new Scene(standIn, server);
  scene.watch();
  return scene;
}

describe('twenty bots and sixty guilds', () => {
  it('serve each guild with one of its own bots, whatever happens', async () => {
    const scene = await begin();
    const { standIn, server } = scene;
    await until(async () => {
      const { json } = await server.call('GET', '/v1/agents?limit=100');
      const known = json.items.reduce(
        (sum: number, { memberships }: { memberships: string[] }) => sum + memberships.length,
        0,
      );
      return known === guilds.reduce((sum, { id }) => sum + botsIn(standIn, id).length, 0);
    }, 'all memberships are known');

    // A storm: more ask than can be served.
    for (let guild = 0; guild < 45; guild++) scene.play(guild);
    await until(async () => (await scene.served()).length >= 15, 'most bots serve');
    await scene.holds();
    const waiting = scene.plays.filter((call) => finals(call).length === 0);
    expect(waiting.length).toBeGreaterThan(0);
    await until(
      () =>
        waiting.some(({ answers }) => String(answers.at(-1)?.message.content).includes('queue')),
      'somebody is told of the queue',
    );
    await scene.serveAll();
    await scene.holds();

    // A guild without a bot is told whom to invite; then it has one, then no more.
    const [bare] = BARE;
    const newcomer = bots[7];
    expect(await scene.play(bare).text()).toMatch(/Invite one:\nhttps:.*client_id=5\d\d/);
    standIn.invite(newcomer.id, guilds[bare].id);
    await isMember(server, newcomer.agentId, guilds[bare].id, true);
    scene.play(bare);
    await until(() => scene.isServed(bare), 'the new bot serves');
    standIn.kick(newcomer.id, guilds[bare].id);
    await isMember(server, newcomer.agentId, guilds[bare].id, false);
    await until(async () => !(await scene.isServed(bare)), 'the lease is given back');
    await scene.holds();

    // Connections and sessions are lost under those who play.
    for (let guild = 0; guild < 12; guild++) scene.play(guild);
    await until(async () => (await scene.served()).length >= 6, 'bots serve');
    const served = (await scene.served()).slice(0, 6);
    for (const [index, { bot: number }] of served.entries()) {
      const kinds = ['abrupt', 'invalid', 'reconnect'] as const;
      standIn.drop(bots[number].id, kinds[index % kinds.length]);
    }
    for (const { guild } of served) await until(() => scene.isServed(guild), `${guild} goes on`);
    await scene.holds();

    // The owner of a bot changes its token, and tells the pool.
    const [{ bot: rotated, guild }] = served;
    standIn.resetToken(bots[rotated].id, 'token-new');
    await until(() => standIn.voiceOf(bots[rotated].id, guilds[guild].id) === null, 'it is out');
    const agent = `/v1/agents/${bots[rotated].agentId}`;
    await server.call('PATCH', agent, { credential: 'token-new' });
    await until(() => scene.isServed(guild), 'it is back with the new token');
    await scene.holds();

    // Some do not want to wait any longer.
    for (let number = 20; number < 50; number++) scene.play(number);
    await until(
      async () => (await server.call('GET', '/v1/stats')).json.queue.length > 5,
      'a queue',
    );
    await Promise.all([46, 47, 48, 49].map((number) => scene.stop(number)));
    await scene.serveAll();
    await scene.drained();
    await scene.holds();

    // Nobody listens any more; who asks again from elsewhere takes the bot along.
    const first = scene.play(30);
    await until(() => finals(first).length === 1, 'it is served');
    const lounge = `${guilds[30].id}99`;
    standIn.addChannel(guilds[30].id, { id: lounge, name: 'lounge', type: 'voice' });
    standIn.userJoinsVoice(guilds[30].id, lounge, userOf(30));
    await until(async () => (await scene.stateIn(30)) === 'idle', 'the music is idle');
    scene.play(30);
    await until(() => standIn.voiceStates(guilds[30].id, lounge).length === 2, 'it is there');
    await until(async () => (await scene.stateIn(30)) === 'active', 'the music is back');
    await scene.serveAll();
    await scene.drained();
    await scene.holds();
    expect(scene.plays.map((call) => finals(call).length)).toEqual(scene.plays.map(() => 1));
    expect(scene.plays.map(({ failure }) => failure).filter(Boolean)).toEqual([]);
  }, 60_000);
});

function botsIn(standIn: DiscordStandIn, guildId: string): string[] {
  const { members } = standIn.world.guild(guildId);
  return bots.map(({ id }) => id).filter((id) => members.has(id));
}

function isMember(
  server: TestServer,
  agentId: string,
  guildId: string,
  expected: boolean,
): Promise<void> {
  return until(async () => {
    const { json } = await server.call('GET', `/v1/agents/${agentId}`);
    return json.memberships.includes(guildId) === expected;
  }, `membership of ${agentId} is ${expected}`);
}
