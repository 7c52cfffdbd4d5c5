/**
 * Joins an endpoint of the protocol to its handler: reads and checks every part of a request, all
 * faults at once, and sends what the handler answers.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { EndpointSpec, Input } from '../../protocol/endpoint.ts';
import { type FaultList, faultAt, findFaults, type SchemaNode } from '../../protocol/faults.ts';
import { strict } from '../../protocol/fields.ts';
import { invalidRequest, problem } from '../../protocol/problem.ts';
import { readQuery } from '../../protocol/query.ts';
import { checkOf, joinFaults } from '../../protocol/validate.ts';
import type { ServerContext } from '../context.ts';
import { type Answer, problemAnswer } from './answer.ts';
import { foreignOrigin } from './origin.ts';

/** The connection behind a request, for handlers that wait or stream. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** By lower-case name; checked if the endpoint declares them. */
  header(name: string): string | undefined;
}

/** Null = the handler has taken over the connection, or nobody is left to answer. */
export type Handler<P extends TSchema, Q extends TSchema, B extends TSchema> = (
  input: Input<P, Q, B>,
  exchange: Exchange,
) => Promise<Answer | null> | Answer | null;

const NO_BODY = strict({});
const NOTHING = { value: {} };

export function bind<P extends TSchema, Q extends TSchema, B extends TSchema>(
  app: FastifyInstance,
  context: ServerContext,
  endpoint: EndpointSpec<P, Q, B>,
  handle: Handler<P, Q, B>,
): void {
  const read = readerOf(endpoint);
  const publicUrl = context.config.server.public_url;
  app.route({
    method: endpoint.method,
    url: endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    ...(endpoint.bodyLimit !== undefined && { bodyLimit: endpoint.bodyLimit }),
    exposeHeadRoute: endpoint.isStream !== true,
    handler: async (request, reply) => {
      // A connection that stays open would keep the process from ending.
      if (context.stopping.isStopping) reply.header('connection', 'close');
      const { headers } = request.raw;
      if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) {
        const foreign = foreignOrigin(endpoint.method, headers, publicUrl);
        if (foreign !== null) return send(reply, problemAnswer(problem('FORBIDDEN', foreign)));
      }
      const input = read(request);
      if ('faults' in input) return send(reply, problemAnswer(invalidRequest(input.faults)));
      const exchange: Exchange = {
        request,
        reply,
        header: (name) => headers[name] as string | undefined,
      };
      const answer = await handle(input.value as Input<P, Q, B>, exchange);
      if (answer !== null) return send(reply, answer);
      reply.hijack();
      return reply;
    },
  });
}

export function send(reply: FastifyReply, { status, body, contentType, headers }: Answer) {
  reply.code(status);
  if (contentType !== undefined) reply.type(contentType);
  if (headers !== undefined) reply.headers(headers);
  return reply.send(body);
}

type ReadInput = { readonly value: unknown } | { readonly faults: FaultList };

function readerOf<P extends TSchema, Q extends TSchema, B extends TSchema>(
  endpoint: EndpointSpec<P, Q, B>,
): (request: FastifyRequest) => ReadInput {
  const params = endpoint.params ? checkOf<TSchema>(endpoint.params) : null;
  const body = endpoint.body ? checkOf<TSchema>(endpoint.body) : null;
  const noBody = checkOf<TSchema>(NO_BODY);
  const headers = endpoint.headers ?? [];
  const querySchema = endpoint.query as SchemaNode | undefined;
  const explainBody = (value: unknown): FaultList | null => {
    if (value !== undefined) return (body ?? noBody).explain(value);
    if (body === null || endpoint.bodyOptional === true) return null;
    return { faults: [faultAt([], 'is required: send JSON', 'missing')], total: 1 };
  };
  return (request) => {
    const url = request.raw.url ?? '';
    const mark = url.indexOf('?');
    const faults: FaultList[] = [];
    const paramFaults = params?.explain(request.params) ?? null;
    if (paramFaults !== null) faults.push(paramFaults);
    const query = mark < 0 ? NOTHING : readQuery(querySchema, url.slice(mark + 1));
    if ('faults' in query) faults.push(query.faults);
    for (const { name, schema } of headers) {
      const value = request.raw.headers[name.toLowerCase()];
      const found = value === undefined ? null : findFaults(schema as SchemaNode, value);
      if (found && found.total > 0) faults.push(atHeader(name, found));
    }
    const bodyFaults = explainBody(request.body);
    if (bodyFaults !== null) faults.push(bodyFaults);
    if (faults.length > 0) return { faults: joinFaults(faults) };
    const values = 'value' in query ? query.value : {};
    return { value: { params: request.params, query: values, body: request.body ?? {} } };
  };
}

function atHeader(name: string, { faults, total }: FaultList): FaultList {
  return { faults: faults.map(({ message }) => faultAt([name], message)), total };
}
