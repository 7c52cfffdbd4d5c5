import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Faults } from './faults.ts';
import { API_ERROR, type ApiError } from './protocol.ts';
import { ANSWER_ROUTES } from './routes/answers.ts';
import { BOT_ROUTES } from './routes/bots.ts';
import { COMMAND_ROUTES } from './routes/commands.ts';
import { GUILD_ROUTES } from './routes/guilds.ts';
import type { Platform, Reply, Route } from './routes/route.ts';

const ROUTES: readonly Route[] = [
  ...BOT_ROUTES,
  ...GUILD_ROUTES,
  ...COMMAND_ROUTES,
  ...ANSWER_ROUTES,
];

const PREFIX = '/api/v10';

/** A REST call that was answered. */
export interface RestRecord {
  method: string;
  /** Without the prefix and the query. */
  path: string;
  status: number;
  /** Of the token that came with it; null when none was needed or it was wrong. */
  botId: string | null;
}

interface Answer {
  reply: Reply;
  headers?: Record<string, string>;
  botId?: string;
}

/** The REST side: finds the route, checks the token, holds callers to the limits. */
export class Rest {
  /** Every call, in the order of the answers. */
  readonly calls: RestRecord[] = [];
  readonly #platform: Platform;
  readonly #faults: Faults;
  /** Aborts what is being delayed. */
  readonly #stop = new AbortController();

  constructor(platform: Platform, faults: Faults) {
    this.#platform = platform;
    this.#faults = faults;
  }

  /** Answers one HTTP request. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const path = url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length) : url.pathname;
    try {
      const body = await readJson(request);
      if (this.#faults.restDelayMs > 0) {
        await delay(this.#faults.restDelayMs, undefined, { signal: this.#stop.signal });
      }
      const fault = this.#faults.restFault(`${method} ${path}`);
      const answer: Answer =
        fault === null
          ? this.#answer(method, path, url.searchParams, body, request.headers.authorization)
          : { reply: failure({ status: fault, code: 0, message: `${fault}: fault` }) };
      this.#send(response, answer, method, path);
    } catch {
      // The client has gone, its body is no JSON, or the stand-in is stopping.
      response.destroy();
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  #answer(
    method: string,
    path: string,
    query: URLSearchParams,
    body: unknown,
    authorization: string | undefined,
  ): Answer {
    const platform = this.#platform;
    const onPath = ROUTES.map((route) => ({ route, params: match(route.path, path) })).filter(
      (one) => one.params !== null,
    );
    const hit = onPath.find(({ route }) => route.method === method);
    if (!hit) {
      return { reply: failure(onPath.length > 0 ? API_ERROR.notAllowed : API_ERROR.notFound) };
    }
    const call = { platform, params: hit.params!, query, body };
    if (!hit.route.auth) return { reply: hit.route.handle(call) };
    const bot = platform.world.botOfToken(authorization?.match(/^Bot (.+)$/)?.[1] ?? '');
    if (!bot) return { reply: failure(API_ERROR.unauthorized) };
    const wait = platform.limits.restCall(bot.id, platform.now());
    if (wait !== null) return { ...tooFast(wait), botId: bot.id };
    return { reply: hit.route.handle({ ...call, bot }), botId: bot.id };
  }

  #send(response: ServerResponse, answer: Answer, method: string, path: string): void {
    const { reply, botId = null, headers = {} } = answer;
    const { limits, now, changes } = this.#platform;
    const status = 'error' in reply ? reply.error.status : reply.status;
    const body = 'error' in reply ? errorBody(reply.error, headers) : reply.body;
    if (status === 401 || status === 403 || status === 429) limits.invalidCall(botId ?? '', now());
    this.calls.push({ method, path, status, botId });
    if (status === 204) {
      response.writeHead(status, headers).end();
    } else {
      response.writeHead(status, { ...headers, 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    }
    changes.notify();
  }
}

function failure(error: ApiError): Reply {
  return { error };
}

/** The answer 429 of the limit that a token has over all routes. */
function tooFast(waitMs: number): Answer {
  const seconds = String(waitMs / 1000);
  return {
    reply: failure({ status: 429, code: 0, message: 'You are being rate limited.' }),
    headers: {
      'retry-after': seconds,
      'x-ratelimit-global': 'true',
      'x-ratelimit-scope': 'global',
    },
  };
}

function errorBody(error: ApiError, headers: Record<string, string>): unknown {
  const { message, code } = error;
  const retryAfter = headers['retry-after'];
  if (retryAfter === undefined) return { message, code };
  return { message, code, retry_after: Number(retryAfter), global: true };
}

/** The named parts of a path that fits the pattern; null when it does not. */
function match(pattern: string, path: string): Record<string, string> | null {
  const expected = pattern.split('/');
  const given = path.split('/');
  if (expected.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, part] of expected.entries()) {
    const value = decodeURIComponent(given[index]!);
    if (part.startsWith(':')) params[part.slice(1)] = value;
    else if (part !== value) return null;
  }
  return params;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text === '' ? null : JSON.parse(text);
}
