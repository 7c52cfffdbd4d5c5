/** Registration of slash commands, for all guilds or for one. */
import { API_ERROR, isObject, type JsonObject } from '../protocol.ts';
import { type BotCall, bodyObject, NO_CONTENT, ok, type Reply, type Route } from './route.ts';

const ALL = '/applications/:application/commands';
const ONE_GUILD = '/applications/:application/guilds/:guild/commands';

export const COMMAND_ROUTES: readonly Route[] = [ALL, ONE_GUILD].flatMap((path): Route[] => [
  { method: 'GET', path, auth: true, handle: own((call) => ok(registered(call))) },
  { method: 'PUT', path, auth: true, handle: own(replaceAll) },
  { method: 'POST', path, auth: true, handle: own(addOne) },
  { method: 'DELETE', path: `${path}/:command`, auth: true, handle: own(deleteOne) },
]);

/** Lets a bot touch the commands of its own application only. */
function own(handle: (call: BotCall) => Reply): (call: BotCall) => Reply {
  return (call) => {
    const { application, guild } = call.params;
    if (application !== call.bot.id) return { error: API_ERROR.missingAccess };
    if (guild !== undefined && !call.platform.world.guilds.get(guild)?.members.has(call.bot.id)) {
      return { error: API_ERROR.missingAccess };
    }
    return handle(call);
  };
}

function registered({ bot, params }: BotCall): JsonObject[] {
  return bot.commands.get(params.guild ?? '') ?? [];
}

function save({ bot, params, platform }: BotCall, commands: JsonObject[]): void {
  bot.commands.set(params.guild ?? '', commands);
  platform.changes.notify();
}

/** A command as Discord stores it; null when its name is not one. */
function stored({ bot, params, platform }: BotCall, value: unknown): JsonObject | null {
  if (!isObject(value) || typeof value.name !== 'string') return null;
  if (!/^[-_'\p{L}\p{N}]{1,32}$/u.test(value.name)) return null;
  return {
    type: 1,
    description: '',
    default_member_permissions: null,
    nsfw: false,
    ...value,
    id: platform.snowflakes.next(),
    application_id: bot.id,
    version: platform.snowflakes.next(),
    ...(params.guild === undefined ? {} : { guild_id: params.guild }),
  };
}

function replaceAll(call: BotCall): Reply {
  if (!Array.isArray(call.body)) return { error: API_ERROR.invalidForm };
  const commands = call.body.map((value: unknown) => stored(call, value));
  if (commands.some((command) => command === null)) return { error: API_ERROR.invalidForm };
  save(call, commands as JsonObject[]);
  return ok(commands);
}

function addOne(call: BotCall): Reply {
  const command = stored(call, bodyObject(call));
  if (!command) return { error: API_ERROR.invalidForm };
  const others = registered(call).filter((one) => one.name !== command.name);
  save(call, [...others, command]);
  return { status: 201, body: command };
}

function deleteOne(call: BotCall): Reply {
  const before = registered(call);
  const after = before.filter((one) => one.id !== call.params.command);
  if (after.length === before.length) return { error: API_ERROR.unknownCommand };
  save(call, after);
  return NO_CONTENT;
}
