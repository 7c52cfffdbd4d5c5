import type { Changes } from '../changes.ts';
import type { Gateway } from '../gateway.ts';
import type { Interactions } from '../interactions.ts';
import type { LimitBook } from '../limits.ts';
import type { ApiError, JsonObject } from '../protocol.ts';
import type { Snowflakes } from '../snowflakes.ts';
import type { VoiceRooms } from '../voice.ts';
import type { Bot, World } from '../world.ts';

/** What routes work on. */
export interface Platform {
  world: World;
  limits: LimitBook;
  changes: Changes;
  snowflakes: Snowflakes;
  gateway: Gateway;
  voice: VoiceRooms;
  interactions: Interactions;
  now: () => number;
  gatewayUrl: () => string;
  /** Takes a bot out of a guild, as if it had been kicked. */
  leaveGuild(botId: string, guildId: string): void;
}

/** A call that has been matched with a route. */
export interface Call {
  platform: Platform;
  /** Parts of the path, by the names in the route's pattern. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** The JSON body; null when there was none. */
  body: unknown;
}

/** A call of a bot that has shown its token. */
export interface BotCall extends Call {
  bot: Bot;
}

/** What a route answers: an error, or a body with its status; 204 without a body. */
export type Reply = { error: ApiError } | { status: 200 | 201 | 204; body?: unknown };

interface RoutePath {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Such as `/guilds/:guild`. */
  path: string;
}

/** A route that takes a bot's token, or one that needs none because the path holds a secret. */
export type Route = RoutePath &
  ({ auth: true; handle(call: BotCall): Reply } | { auth: false; handle(call: Call): Reply });

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

export const NO_CONTENT: Reply = { status: 204 };

/** The body as an object; an empty one when it is none. */
export function bodyObject(call: Call): JsonObject {
  const { body } = call;
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? (body as JsonObject)
    : {};
}
