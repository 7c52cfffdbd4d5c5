/**
 * Every code that an answer can carry. Codes are permanent: scripts match on them. The reference
 * in docs/ and the pages under /errors are made from this table.
 */

export interface ErrorEntry {
  readonly status: number;
  readonly title: string;
  /** What leads to it. */
  readonly cause: string;
  /** What to do about it. */
  readonly fix: string;
  /** Can the same request succeed later without being changed? */
  readonly retryable: boolean;
}

export const ERRORS = {
  INVALID_REQUEST: {
    status: 400,
    title: 'The request is not valid',
    cause:
      'The path, the query, a header or the body does not fit what the call takes. `errors` lists every fault with its place.',
    fix: 'Correct what `errors` names. Unknown fields are refused so that a misspelt one is not ignored.',
    retryable: false,
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'No valid key was sent',
    cause: 'This pool asks for a key, and the request carries none or one that is not valid.',
    fix: 'Send `Authorization: Bearer KEY` with a key of this pool.',
    retryable: false,
  },
  FORBIDDEN: {
    status: 403,
    title: 'This request is not allowed',
    cause: 'The key may not make this call, or a web page of another site sent the request.',
    fix: 'Use a key that may. From a browser, call the pool from its own pages only.',
    retryable: false,
  },
  NOT_FOUND: {
    status: 404,
    title: 'There is no such thing',
    cause:
      'The path is not part of the API, or what it names does not exist or was forgotten: leases and tickets that ended long ago are let go.',
    fix: 'Check the path and the id. List what exists with the call for the whole collection.',
    retryable: false,
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The path does not take this method',
    cause: 'The path exists, but not with this method.',
    fix: 'Use a method that the `Allow` header names.',
    retryable: false,
  },
  LEASE_TOKEN_STALE: {
    status: 409,
    title: 'The lease has moved on',
    cause:
      'The token is not the current one: the lease went to another agent since, under a new token.',
    fix: 'Read the lease. If it is still yours, go on with the agent and the token that it names now.',
    retryable: false,
  },
  INVALID_TRANSITION: {
    status: 409,
    title: 'The state does not allow this',
    cause: 'A lease that has ended cannot become active or idle again.',
    fix: 'Read its present state. Ask for a new lease if this one has ended.',
    retryable: false,
  },
  TENANT_AT_LIMIT: {
    status: 409,
    title: 'The tenant holds as many agents as it may',
    cause: 'With this request the tenant would exceed `pool.max_agents_per_tenant`.',
    fix: 'Release a lease of the tenant first, or raise the limit.',
    retryable: true,
  },
  AGENT_NOT_INSTALLED: {
    status: 409,
    title: 'No agent is a member of the tenant',
    cause:
      '`pool.membership` is `required`, and no agent that fits the request may serve this tenant.',
    fix: 'Invite one of the agents in `invites`, report the membership, and ask again.',
    retryable: false,
  },
  AGENT_ALREADY_HOSTED: {
    status: 409,
    title: 'Another runner hosts the agent',
    cause: 'An agent is hosted by one runner at a time, and another socket that is alive has it.',
    fix: 'Stop the other runner, or wait until its connection has ended, and say hello again.',
    retryable: true,
  },
  AGENT_EXISTS: {
    status: 409,
    title: 'The agent is registered with other words',
    cause: 'An agent of this id exists and differs from what was sent.',
    fix: 'Change it with `PATCH /v1/agents/{agent_id}`, or retire it first.',
    retryable: false,
  },
  TICKET_CANCELLED: {
    status: 409,
    title: 'The request was taken out of the queue',
    cause: 'The ticket was cancelled while this call was waiting for it.',
    fix: 'Ask for a new lease if one is still needed.',
    retryable: false,
  },
  EVENTS_GONE: {
    status: 410,
    title: 'These events are no longer kept',
    cause: 'The events after `Last-Event-ID` have been folded into a snapshot.',
    fix: 'Read the present state with the list calls, then follow the events without `Last-Event-ID`.',
    retryable: false,
  },
  TOO_LARGE: {
    status: 413,
    title: 'The request is too large',
    cause: 'The body or the headers exceed what this call accepts.',
    fix: 'Send less at once: split a registration or a heartbeat call into several.',
    retryable: false,
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body is not JSON',
    cause: 'The `Content-Type` header is not `application/json` in UTF-8.',
    fix: 'Send JSON with `Content-Type: application/json`.',
    retryable: false,
  },
  NO_SUCH_CAPABILITY: {
    status: 422,
    title: 'No agent could ever meet the request',
    cause:
      'No registered agent, busy or not, has the specialization, tools, tier and cost that were asked for.',
    fix: 'Ask for less, or register an agent that can do it. `explain` counts what was missing.',
    retryable: false,
  },
  IDEMPOTENCY_MISMATCH: {
    status: 422,
    title: 'The idempotency key was used for another request',
    cause: 'The same `Idempotency-Key` came with a different body within 24 hours.',
    fix: 'Use a new key for each new request, and the same one only to repeat it unchanged.',
    retryable: false,
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too much at once',
    cause: 'More requests or open streams than this pool accepts from one side.',
    fix: 'Wait for the seconds in `Retry-After`, then go on more slowly.',
    retryable: true,
  },
  INTERNAL: {
    status: 500,
    title: 'The pool failed to answer',
    cause: 'A fault of the pool itself. The log has the details under the id in `detail`.',
    fix: 'Look into the log for that id and report the fault. Nothing is known about whether the call took effect.',
    retryable: false,
  },
  NOT_READY: {
    status: 503,
    title: 'The pool cannot take commands now',
    cause: 'It is starting, stopping or stepping down, or its journal cannot be written.',
    fix: 'Nothing was done. Try again after the seconds in `Retry-After`; `GET /readyz` says why.',
    retryable: true,
  },
  AGENT_POOL_EXHAUSTED: {
    status: 503,
    title: 'No agent is free',
    cause:
      'Every agent that fits is taken, and the request may not wait, the queue is full, or it has waited in vain.',
    fix: 'Try again after the seconds in `Retry-After`, let the request queue, or add agents.',
    retryable: true,
  },
} as const satisfies { readonly [code: string]: ErrorEntry };

export type ErrorCode = keyof typeof ERRORS;

/** Any call can be answered with these. */
export const COMMON_ERRORS = [
  'INVALID_REQUEST',
  'FORBIDDEN',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'RATE_LIMITED',
  'INTERNAL',
  'NOT_READY',
] as const satisfies readonly ErrorCode[];

/** docs/reference/errors.md */
export function errorsReference(): string {
  const lines = [
    '# Errors',
    '',
    'Every error is `application/problem+json` (RFC 9457) with a `code` that never changes its',
    'meaning, a `detail` for people and, for bad input, `errors: [{path, message}]` with every fault',
    `at once. When there are more than 100 faults, \`errors_total\` says how many. \`Retry\` says whether`,
    'the same request can succeed later without being changed.',
    '',
  ];
  const entries = Object.entries<ErrorEntry>(ERRORS);
  const rows = entries.map(([code, { status, retryable }]) => {
    return [`[\`${code}\`](#${code.toLowerCase()})`, `${status}`, retryable ? 'yes' : 'no'];
  });
  lines.push(...table([['code', 'status', 'retry'], ...rows]));
  for (const [code, entry] of entries) {
    lines.push('', `## ${code}`, '', `**${entry.status}. ${entry.title}.**`, '');
    lines.push(`- Cause: ${entry.cause}`, `- Fix: ${entry.fix}`);
    lines.push(`- Retry: ${entry.retryable ? 'yes, later and unchanged' : 'no, not unchanged'}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A Markdown table whose columns line up. */
function table(rows: readonly (readonly string[])[]): string[] {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [line(head), rule, ...rows.slice(1).map(line)];
}

/** The same for one code, as /errors/CODE shows it; null for a code that does not exist. */
export function errorPage(code: string): string | null {
  if (!Object.hasOwn(ERRORS, code)) return null;
  const entry: ErrorEntry = ERRORS[code as ErrorCode];
  const retry = entry.retryable
    ? 'A retry can help.'
    : 'A retry of the same request does not help.';
  return `# ${code}\n\n${entry.title} (${entry.status}).\n\nCause: ${entry.cause}\n\nFix: ${entry.fix}\n\n${retry}\n`;
}
