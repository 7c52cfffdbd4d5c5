/** The HTTP server: every route of the protocol, and an answer for everything that is none. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { type FastifyInstance, fastify } from 'fastify';
import { ENDPOINTS } from '../protocol/endpoints.ts';
import { LIMITS } from '../protocol/limits.ts';
import { openApiDocument } from '../protocol/openapi.ts';
import { problem } from '../protocol/problem.ts';
import type { ServerContext } from './context.ts';
import { type Answer, problemAnswer } from './http/answer.ts';
import { send } from './http/bind.ts';
import { parseBody } from './http/body.ts';
import { connectionProblem, problemOf } from './http/failures.ts';
import { Paths } from './http/paths.ts';
import { agentRoutes } from './routes/agents.ts';
import { alertRoutes } from './routes/alerts.ts';
import { autoscalerRoutes } from './routes/autoscaler.ts';
import { eventRoutes } from './routes/events.ts';
import { heartbeatRoutes } from './routes/heartbeats.ts';
import { leaseRoutes } from './routes/leases.ts';
import { statsRoutes } from './routes/stats.ts';
import { systemRoutes } from './routes/system.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { ticketRoutes } from './routes/tickets.ts';

/** A whole request must have arrived by then, or a slow sender could hold connections for ever. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Longer than the header limit of Node's parser, so that our own schemas judge every parameter. */
const MOST_PARAM_LENGTH = 32 * 1_024;

/** What Node's HTTP parser knows of a connection: the response that it owes. */
interface OwingSocket {
  readonly _httpMessage?: { readonly req: { readonly complete: boolean } };
}

/** Documented for net.Server as allowHalfOpen; the HTTP server has it under this name. */
type HalfOpenServer = { httpAllowHalfOpen?: boolean };

export function createApp(context: ServerContext): FastifyInstance {
  const { logger } = context;
  const app = fastify({
    // A child logger for every request would cost more than most requests do.
    logger: false,
    bodyLimit: LIMITS.bodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // While stopping, answers stay ours; connections close one by one (see bind.ts).
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: MOST_PARAM_LENGTH },
    frameworkErrors: (error, _request, reply) => {
      const answer = problemAnswer(problemOf(error, logger));
      void send(reply, answer);
    },
    clientErrorHandler: (error, socket) => {
      // A whole request that still waits for its answer must not get another one's instead.
      const owed = (socket as unknown as OwingSocket)._httpMessage?.req.complete === true;
      if (error.code === 'ECONNRESET' || !socket.writable || owed) {
        socket.destroy();
        return;
      }
      socket.end(rawResponse(problemAnswer(connectionProblem(error))));
    },
  });
  // A client may close its side right behind its request and still gets its answer.
  (app.server as HalfOpenServer).httpAllowHalfOpen = true;
  // Schemas are checked in bind.ts; what fastify would compile from them is not needed.
  app.setValidatorCompiler(() => () => true);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, parseBody(request.raw.headers, body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  if (logger.isLevelEnabled('debug')) logRequests(app, context);
  answerTheRest(app, context);
  leaseRoutes(app, context);
  ticketRoutes(app, context);
  agentRoutes(app, context);
  heartbeatRoutes(app, context);
  tenantRoutes(app, context);
  statsRoutes(app, context);
  eventRoutes(app, context);
  alertRoutes(app, context);
  autoscalerRoutes(app, context);
  systemRoutes(app, context);
  void app.register(swagger, {
    mode: 'static',
    specification: { document: openApiDocument(context.version) as never },
  });
  // No badge of an online validator: the page must not call anybody else.
  void app.register(swaggerUi, { routePrefix: '/docs', uiConfig: { validatorUrl: null } });
  return app;
}

function answerTheRest(app: FastifyInstance, { logger }: ServerContext): void {
  const paths = new Paths(ENDPOINTS);
  const unknown = (method: string, url: string): Answer => {
    const path = url.split('?')[0] ?? '';
    const methods = paths.methodsOf(path);
    if (methods && !methods.includes(method)) {
      const allow = methods.join(', ');
      const detail = `${path} does not take ${method}; it takes ${allow}.`;
      const refusal = problemAnswer(problem('METHOD_NOT_ALLOWED', detail));
      return { ...refusal, headers: { allow } };
    }
    const near = paths.suggest(path);
    const hint = near === undefined ? 'See /docs for what there is.' : `Did you mean ${near}?`;
    return problemAnswer(problem('NOT_FOUND', `There is no call at this path. ${hint}`));
  };
  app.setNotFoundHandler((request, reply) =>
    send(reply, unknown(request.method, request.raw.url ?? '')),
  );
  app.setErrorHandler((error, request, reply) => {
    const { bodyLimit } = request.routeOptions;
    // A body that nobody wanted does not matter: the path is wrong in the first place.
    const answer = request.is404
      ? unknown(request.method, request.raw.url ?? '')
      : problemAnswer(problemOf(error, logger, bodyLimit));
    return send(reply, answer);
  });
}

function logRequests(app: FastifyInstance, { logger }: ServerContext): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method, url } = request;
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    logger.debug({ method, path: url.split('?')[0], status: reply.statusCode, ms }, 'request');
    done();
  });
}

/** For a connection whose request could not even be parsed. */
function rawResponse({ status, body, contentType }: Answer): string {
  const text = String(body);
  return [
    `HTTP/1.1 ${status} ${status === 413 ? 'Payload Too Large' : 'Bad Request'}`,
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
    '',
    text,
  ].join('\r\n');
}
