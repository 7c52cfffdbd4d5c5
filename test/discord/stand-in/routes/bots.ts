/** The gateway's address, the bot itself, users. */
import { applicationJson, guildJson, userJson } from '../payloads.ts';
import { API_ERROR } from '../protocol.ts';
import { type BotCall, NO_CONTENT, ok, type Reply, type Route } from './route.ts';

export const BOT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/gateway',
    auth: false,
    handle: ({ platform }) => ok({ url: platform.gatewayUrl() }),
  },
  { method: 'GET', path: '/gateway/bot', auth: true, handle: gatewayBot },
  {
    method: 'GET',
    path: '/users/@me',
    auth: true,
    handle: ({ platform, bot }) => ok(userJson(platform.world, bot.id)),
  },
  { method: 'GET', path: '/users/@me/guilds', auth: true, handle: ownGuilds },
  {
    method: 'DELETE',
    path: '/users/@me/guilds/:guild',
    auth: true,
    handle({ platform, bot, params }) {
      if (!platform.world.guilds.get(params.guild!)?.members.has(bot.id)) {
        return { error: API_ERROR.unknownGuild };
      }
      platform.leaveGuild(bot.id, params.guild!);
      return NO_CONTENT;
    },
  },
  {
    method: 'GET',
    path: '/users/:user',
    auth: true,
    handle: ({ platform, params }) => ok(userJson(platform.world, params.user!)),
  },
  { method: 'GET', path: '/applications/@me', auth: true, handle: application },
  { method: 'GET', path: '/oauth2/applications/@me', auth: true, handle: application },
];

function gatewayBot({ platform, bot }: BotCall): Reply {
  const { limits, now } = platform;
  const identifies = limits.identifies(bot.id);
  return ok({
    url: platform.gatewayUrl(),
    shards: 1,
    session_start_limit: {
      total: limits.limits.identifiesPerDay,
      remaining: identifies.remaining(now()),
      reset_after: Math.ceil(identifies.resetAfterMs(now())),
      max_concurrency: limits.limits.maxConcurrency,
    },
  });
}

function ownGuilds({ platform, bot, query }: BotCall): Reply {
  const after = BigInt(query.get('after') ?? '0');
  const limit = Number(query.get('limit') ?? '200');
  const guilds = platform.world
    .guildsOf(bot.id)
    .filter((guild) => BigInt(guild.id) > after)
    .sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1))
    .slice(0, limit);
  return ok(
    guilds.map((guild) => {
      const { id, name, icon, banner, features } = guildJson(guild);
      return { id, name, icon, banner, owner: false, permissions: '0', features };
    }),
  );
}

function application({ platform, bot }: BotCall): Reply {
  return ok(applicationJson(platform.world, bot));
}
