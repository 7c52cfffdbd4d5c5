/** The agent's side of HTTP: health and work, on the loopback address only. */
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readBody } from './body.ts';
import { LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import type { Performed } from './perform.ts';
import { type Answer, answer, invalid, problem } from './problem.ts';
import type { Slots } from './slots.ts';
import { readWork, type Work } from './work.ts';

export interface HttpOptions {
  readonly agentId: string;
  readonly slots: Slots;
  /** How many connections may be open at once. */
  readonly connections: number;
  readonly health: () => object;
  readonly perform: (work: Work, gone: AbortSignal) => Promise<Performed>;
  readonly log: Log;
}

type Handler = (request: IncomingMessage, gone: AbortSignal) => Promise<Answer> | Answer;

interface Route {
  readonly methods: readonly string[];
  readonly handle: Handler;
}

/** Does not listen yet. */
export function createHttpServer(options: HttpOptions): Server {
  const routes = new Map<string, Route>([
    ['/healthz', { methods: ['GET', 'HEAD'], handle: () => answer(options.health()) }],
    ['/v1/work', { methods: ['POST'], handle: (request, gone) => work(options, request, gone) }],
  ]);
  const { requestMs: requestTimeout, keepAliveMs: keepAliveTimeout } = LIMITS;
  const server = http.createServer({ requestTimeout, keepAliveTimeout }, (request, response) => {
    void respond(routes, options, request, response);
  });
  server.maxConnections = options.connections;
  return server;
}

async function respond(
  routes: ReadonlyMap<string, Route>,
  { log, slots }: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  let result: Answer;
  try {
    result = await route(routes, request, gone.signal);
  } catch (error) {
    log('request_failed', { reason: (error as Error).stack });
    result = problem('INTERNAL', 'The agent failed to answer; its log says why.');
  }
  if (gone.signal.aborted) return;
  const content = Buffer.from(JSON.stringify(result.body));
  response.writeHead(result.status, {
    ...result.headers,
    'content-type': result.contentType,
    'content-length': content.length,
    ...(slots.isClosed && { connection: 'close' }),
  });
  response.end(content);
}

async function route(
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
  gone: AbortSignal,
): Promise<Answer> {
  const [path = ''] = (request.url ?? '').split('?', 1);
  const found = routes.get(path);
  if (!found) {
    return problem('NOT_FOUND', `There are ${[...routes.keys()].join(' and ')} here.`);
  }
  if (!found.methods.includes(request.method ?? '')) {
    const allow = found.methods.join(', ');
    const refusal = problem('METHOD_NOT_ALLOWED', `${path} takes ${allow}.`);
    return { ...refusal, headers: { allow } };
  }
  return await found.handle(request, gone);
}

async function work(
  { slots, agentId, perform }: HttpOptions,
  request: IncomingMessage,
  gone: AbortSignal,
): Promise<Answer> {
  // Agents are called by programs. Without this, any page that a browser shows could search files.
  if (request.headers.origin !== undefined || request.headers['sec-fetch-site'] !== undefined) {
    return problem('FORBIDDEN', 'Web pages may not give work to an agent.');
  }
  // Nobody has to send a body that would be dropped.
  if (slots.isClosed) return stopping();
  if (slots.isFull) return busy();
  const read = await readBody(request);
  if (!read.ok) return read.answer;
  const asked = readWork(read.body);
  if (!asked.ok) return invalid(asked.faults, asked.total);
  const entry = await slots.enter(gone);
  switch (entry.outcome) {
    case 'closed':
      return stopping();
    case 'full':
      return busy();
    case 'gone':
      // Nobody reads it.
      return problem('INTERNAL', 'The client has hung up.');
    case 'entered':
      break;
  }
  const startedAt = performance.now();
  try {
    const performed = await perform(asked.work, gone);
    if (!performed.ok) return performed.answer;
    return answer({
      task: asked.work.task,
      result: performed.result,
      took_ms: thousandths(performance.now() - startedAt),
      queued_ms: thousandths(entry.queuedMs),
      agent_id: agentId,
    });
  } finally {
    entry.leave();
  }
}

function busy(): Answer {
  return problem('AGENT_BUSY', 'All slots and all places to wait for one are taken.');
}

function stopping(): Answer {
  return problem('NOT_READY', 'The agent stops.');
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
