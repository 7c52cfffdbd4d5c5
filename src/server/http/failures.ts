/** Everything that can be thrown on the way, as a problem. Clients never see internal messages. */
import { randomUUID } from 'node:crypto';
import type { FastifyError } from 'fastify';
import { NotReadyError } from '../../host/host-api.ts';
import { LIMITS, MIB } from '../../protocol/limits.ts';
import { type Problem, problem, retryAfterSec } from '../../protocol/problem.ts';
import type { Logger } from '../logger.ts';
import { HttpProblem } from './http-problem.ts';

/** `detail` is a phrase of the host, such as "stopping". */
export function notReady(detail: string): Problem {
  return problem('NOT_READY', sentence(detail), { retry_after_sec: retryAfterSec('NOT_READY') });
}

/** `bodyLimit` is that of the route, for the message. */
export function problemOf(
  error: unknown,
  logger: Logger,
  bodyLimit: number = LIMITS.bodyBytes,
): Problem {
  if (error instanceof HttpProblem) return error.problem;
  if (error instanceof NotReadyError) return notReady(error.message);
  const known = frameworkProblem(error as Partial<FastifyError>, bodyLimit);
  if (known) return known;
  const id = randomUUID();
  logger.error({ err: error, id }, 'a request failed');
  return problem('INTERNAL', `The pool failed to answer; its log has the details under ${id}.`);
}

function frameworkProblem(
  { code, statusCode }: Partial<FastifyError>,
  bodyLimit: number,
): Problem | null {
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return problem(
        'TOO_LARGE',
        `The body exceeds ${bodyLimit / MIB} MiB, the limit of this call.`,
      );
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return problem('UNSUPPORTED_MEDIA_TYPE', 'Send JSON with Content-Type: application/json.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return problem('INVALID_REQUEST', 'The body is not as long as its Content-Length says.');
    case 'FST_ERR_BAD_URL':
      return problem('INVALID_REQUEST', 'The path is not valid percent-encoded UTF-8.');
    default:
      // What else the framework refuses before a handler runs is the client's doing.
      return code?.startsWith('FST_') && statusCode !== undefined && statusCode < 500
        ? problem('INVALID_REQUEST', 'The request could not be read.')
        : null;
  }
}

function sentence(text: string): string {
  const detail = text === '' ? 'The pool cannot take commands now' : text;
  return `${detail[0]?.toUpperCase()}${detail.slice(1)}${/[.!?]$/.test(detail) ? '' : '.'}`;
}

/** What is wrong with bytes that are not even an HTTP request. */
export function connectionProblem(error: { readonly code?: string }): Problem {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return problem('TOO_LARGE', 'The path and the headers together exceed 16 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problem('INVALID_REQUEST', 'The request did not arrive in time.');
    default:
      return problem('INVALID_REQUEST', 'This is not a valid HTTP request.');
  }
}
