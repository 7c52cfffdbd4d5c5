/** Answers that say no: `application/problem+json`, RFC 9457, in the words of the pool where it has them. */
import { STATUS_CODES } from 'node:http';

const STATUS = {
  INVALID_REQUEST: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INTERNAL: 500,
  /** The chat API failed, or its answer cannot be used. */
  CHAT_FAILED: 502,
  /** All slots and all places to wait are taken. */
  AGENT_BUSY: 503,
  /** The agent stops. */
  NOT_READY: 503,
  CHAT_TIMEOUT: 504,
} as const;

export type ProblemCode = keyof typeof STATUS;

export interface Fault {
  /** `/text` */
  readonly path: string;
  readonly message: string;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
  readonly headers?: { readonly [name: string]: string };
}

const RETRY_AFTER_SEC = 1;

export function answer(body: unknown): Answer {
  return { status: 200, contentType: 'application/json', body };
}

export function problem(
  code: ProblemCode,
  detail: string,
  extras: { readonly [name: string]: unknown } = {},
): Answer {
  const status = STATUS[code];
  const body = {
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    code,
    detail,
    ...extras,
  };
  return {
    status,
    contentType: 'application/problem+json',
    body,
    ...(status === 503 && { headers: { 'retry-after': String(RETRY_AFTER_SEC) } }),
  };
}

/** `total` is more than the faults where not all are listed. */
export function invalid(faults: readonly Fault[], total = faults.length): Answer {
  const [first] = faults;
  const detail =
    total === 1 && first
      ? `${first.path}: ${first.message}.`
      : `The request has ${total} faults; each is listed in errors.`;
  return problem('INVALID_REQUEST', detail, {
    errors: faults,
    ...(total > faults.length && { errors_total: total }),
  });
}
