import type { Changes } from './changes.ts';
import type { Gateway } from './gateway.ts';
import type { LimitBook } from './limits.ts';
import { channelJson, memberJson, userJson } from './payloads.ts';
import { API_ERROR, type ApiError, CALLBACK, type JsonObject } from './protocol.ts';
import type { Snowflakes } from './snowflakes.ts';
import type { Bot, Guild, World } from './world.ts';

/** Something that a bot said to an interaction, in the order in which it came. */
export interface Answer {
  kind: 'callback' | 'edit' | 'follow_up' | 'delete';
  /** The type of a callback; null otherwise. */
  callbackType: number | null;
  /** What was sent: the message, or the data of the callback. */
  message: JsonObject;
}

/** The value of an option: plain, or with the type of the option spelled out. */
export type OptionValue = string | number | boolean | { type: number; value: string };

interface InteractionParts {
  world: World;
  limits: LimitBook;
  changes: Changes;
  snowflakes: Snowflakes;
  gateway: () => Gateway;
}

/** One use of a slash command, from the side of the user. */
export class SlashCall {
  readonly id: string;
  readonly token: string;
  readonly bot: Bot;
  readonly guild: Guild;
  readonly channelId: string;
  /** All answers so far. */
  readonly answers: Answer[] = [];
  /** Messages that the answers left, by id; the original is also under `@original`. */
  readonly messages = new Map<string, JsonObject>();
  /** Why there will be no answer; null while there can be one. */
  failure: string | null = null;
  /** Whether the user still sees "thinking …". */
  thinking = false;
  /** Ends the wait for the first answer, then the life of the token. */
  timer: NodeJS.Timeout | null = null;
  readonly #changes: Changes;

  constructor(
    ids: { id: string; token: string },
    bot: Bot,
    guild: Guild,
    channelId: string,
    changes: Changes,
  ) {
    this.id = ids.id;
    this.token = ids.token;
    this.bot = bot;
    this.guild = guild;
    this.channelId = channelId;
    this.#changes = changes;
  }

  /** Resolves with the answer of that number, from 0; rejects when it can no longer come. */
  async answer(index: number): Promise<Answer> {
    await this.#changes.until(
      () => this.answers.length > index || this.failure !== null,
      `answer ${index} of the bot ${this.bot.id}`,
    );
    const answer = this.answers[index];
    if (!answer) throw new Error(this.failure ?? 'no answer');
    return answer;
  }

  /** Resolves with the first text that the user can read in place of "thinking …". */
  async text(): Promise<string> {
    for (let index = 0; ; index++) {
      const { kind, callbackType, message } = await this.answer(index);
      const readable = kind !== 'callback' || callbackType === CALLBACK.message;
      if (readable && kind !== 'delete' && typeof message.content === 'string')
        return message.content;
    }
  }
}

/** Slash commands that users have called, and what bots answered. */
export class Interactions {
  readonly #parts: InteractionParts;
  readonly #byToken = new Map<string, SlashCall>();

  constructor(parts: InteractionParts) {
    this.#parts = parts;
  }

  /** Calls a command that the bot has registered, as a user of the guild. */
  call(
    bot: Bot,
    guild: Guild,
    channelId: string,
    userId: string,
    name: string,
    options: Readonly<Record<string, OptionValue>>,
  ): SlashCall {
    const { world, limits, changes, snowflakes } = this.#parts;
    const channel = guild.channels.get(channelId);
    if (!channel) throw new Error(`guild ${guild.id} has no channel ${channelId}`);
    const command = commandOf(bot, guild.id, name);
    if (!command) throw new Error(`bot ${bot.id} has no command ${name} in guild ${guild.id}`);
    const ids = { id: snowflakes.next(), token: `interaction-${snowflakes.next()}` };
    const call = new SlashCall(ids, bot, guild, channelId, changes);
    this.#byToken.set(call.token, call);
    call.timer = setTimeout(
      () => this.#fail(call, 'The application did not respond'),
      limits.limits.firstAnswerMs,
    );
    const { permissions } = memberJson(world, bot.id);
    const payload = {
      id: call.id,
      application_id: bot.id,
      type: 2,
      token: call.token,
      version: 1,
      guild_id: guild.id,
      guild: { id: guild.id, locale: 'en-US', features: [] },
      channel_id: channelId,
      channel: { ...channelJson(guild, channel), permissions },
      member: memberJson(world, userId),
      app_permissions: permissions,
      locale: 'en-US',
      guild_locale: 'en-US',
      entitlements: [],
      authorizing_integration_owners: { 0: guild.id },
      context: 0,
      attachment_size_limit: 10_485_760,
      data: { id: command.id, name, type: 1, guild_id: command.guild_id, ...optionsJson(options) },
    };
    this.#parts.gateway().tell(bot.id, guild.id, 'INTERACTION_CREATE', payload);
    return call;
  }

  /** The call of a token, unless it is over. */
  find(token: string): SlashCall | undefined {
    const call = this.#byToken.get(token);
    return call?.failure === null ? call : undefined;
  }

  /** Takes the first answer. */
  callback(id: string, token: string, body: JsonObject): SlashCall | { error: ApiError } {
    const { limits } = this.#parts;
    const call = this.#byToken.get(token);
    if (!call || call.id !== id) return { error: API_ERROR.unknownInteraction };
    if (call.answers.length > 0) {
      limits.record('interaction_answered_twice', call.bot.id, `interaction ${id}`);
      return { error: API_ERROR.acknowledged };
    }
    if (call.failure !== null) {
      limits.record('interaction_late', call.bot.id, `interaction ${id}`);
      return { error: API_ERROR.unknownInteraction };
    }
    if (call.timer) clearTimeout(call.timer);
    call.timer = setTimeout(
      () => this.#fail(call, 'The token of the interaction has expired'),
      limits.limits.interactionTokenMs,
    );
    const data = (body.data ?? {}) as JsonObject;
    const callbackType = Number(body.type);
    call.thinking = callbackType === CALLBACK.deferredMessage;
    const message = this.#store(call, data, true);
    this.#add(call, { kind: 'callback', callbackType, message });
    return call;
  }

  /** Adds a message; the first one after a deferred answer takes the place of "thinking …". */
  followUp(call: SlashCall, body: JsonObject): JsonObject {
    const original = call.thinking ? call.messages.get('@original') : undefined;
    const message = original ? Object.assign(original, body) : this.#store(call, body, false);
    call.thinking = false;
    this.#add(call, { kind: 'follow_up', callbackType: null, message });
    return message;
  }

  edit(call: SlashCall, messageId: string, body: JsonObject): JsonObject | undefined {
    const message = call.messages.get(messageId);
    if (!message) return undefined;
    Object.assign(message, body, { edited_timestamp: new Date(0).toISOString() });
    if (message === call.messages.get('@original')) call.thinking = false;
    this.#add(call, { kind: 'edit', callbackType: null, message });
    return message;
  }

  delete(call: SlashCall, messageId: string): boolean {
    const message = call.messages.get(messageId);
    if (!message) return false;
    for (const [key, value] of call.messages) if (value === message) call.messages.delete(key);
    this.#add(call, { kind: 'delete', callbackType: null, message });
    return true;
  }

  stop(): void {
    for (const call of this.#byToken.values()) {
      if (call.failure === null) this.#fail(call, 'The stand-in has stopped');
    }
  }

  #store(call: SlashCall, body: JsonObject, original: boolean): JsonObject {
    const { world, snowflakes } = this.#parts;
    const id = snowflakes.next();
    const message = messageJson(world, call.bot.id, call.channelId, id, body);
    call.messages.set(id, message);
    if (original) call.messages.set('@original', message);
    return message;
  }

  #add(call: SlashCall, answer: Answer): void {
    // The message goes on changing; the answer is what it was then.
    call.answers.push({ ...answer, message: { ...answer.message } });
    this.#parts.changes.notify();
  }

  #fail(call: SlashCall, reason: string): void {
    if (call.timer) clearTimeout(call.timer);
    call.timer = null;
    call.failure = reason;
    this.#parts.changes.notify();
  }
}

/** The command of that name that a bot has in a guild; one of the guild goes before a global one. */
export function commandOf(bot: Bot, guildId: string, name: string): JsonObject | undefined {
  const named = (place: string) => bot.commands.get(place)?.find((one) => one.name === name);
  return named(guildId) ?? named('');
}

/** A message of a bot, as Discord shows it to whoever asks. */
export function messageJson(
  world: World,
  authorId: string,
  channelId: string,
  id: string,
  body: JsonObject,
): JsonObject {
  return {
    type: 0,
    content: '',
    mentions: [],
    mention_roles: [],
    mention_everyone: false,
    attachments: [],
    embeds: [],
    components: [],
    pinned: false,
    tts: false,
    flags: 0,
    edited_timestamp: null,
    timestamp: new Date(0).toISOString(),
    ...body,
    id,
    channel_id: channelId,
    author: userJson(world, authorId),
  };
}

function optionsJson(options: Readonly<Record<string, OptionValue>>): JsonObject {
  const list = Object.entries(options).map(([name, value]) => {
    if (typeof value === 'object') return { name, ...value };
    if (typeof value === 'string') return { name, type: 3, value };
    if (typeof value === 'boolean') return { name, type: 5, value };
    return { name, type: Number.isInteger(value) ? 4 : 10, value };
  });
  return list.length > 0 ? { options: list } : {};
}
