/** From a code to the error of its class. */
import {
  AgentAlreadyHostedError,
  AgentNotInstalledError,
  ClosedError,
  ConnectionError,
  type ErrorDetails,
  ForbiddenError,
  IdempotencyMismatchError,
  InvalidRequestError,
  InvalidTransitionError,
  NoSuchCapabilityError,
  NotFoundError,
  NotReadyError,
  PoolExhaustedError,
  RateLimitedError,
  RemudaError,
  StaleTokenError,
  TenantAtLimitError,
  TicketCancelledError,
  UnauthenticatedError,
} from './errors.ts';
import type { Fault } from './words.ts';

type ErrorClass = new (code: string, detail: string, details?: ErrorDetails) => RemudaError;

const CLASSES: { readonly [code: string]: ErrorClass } = {
  INVALID_REQUEST: InvalidRequestError,
  UNAUTHENTICATED: UnauthenticatedError,
  FORBIDDEN: ForbiddenError,
  NOT_FOUND: NotFoundError,
  LEASE_TOKEN_STALE: StaleTokenError,
  INVALID_TRANSITION: InvalidTransitionError,
  TENANT_AT_LIMIT: TenantAtLimitError,
  AGENT_NOT_INSTALLED: AgentNotInstalledError,
  AGENT_ALREADY_HOSTED: AgentAlreadyHostedError,
  TICKET_CANCELLED: TicketCancelledError,
  NO_SUCH_CAPABILITY: NoSuchCapabilityError,
  IDEMPOTENCY_MISMATCH: IdempotencyMismatchError,
  RATE_LIMITED: RateLimitedError,
  NOT_READY: NotReadyError,
  AGENT_POOL_EXHAUSTED: PoolExhaustedError,
  CONNECTION: ConnectionError,
  NOT_A_POOL: ConnectionError,
  CLOSED: ClosedError,
};

/** An error of the class that belongs to the code. */
export function makeError(code: string, detail: string, details?: ErrorDetails): RemudaError {
  return new (CLASSES[code] ?? RemudaError)(code, detail, details);
}

interface WireProblem {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly Fault[];
  readonly retry_after_sec?: number | null;
  readonly invites?: readonly { readonly agent_id: string; readonly invite_url: string | null }[];
}

/** The error that a problem document (RFC 9457) tells of; null for a body that is none. */
export function problemError(body: unknown, status: number): RemudaError | null {
  const problem = body as WireProblem | null;
  if (typeof problem?.code !== 'string') return null;
  return makeError(problem.code, problem.detail, {
    status,
    errors: problem.errors,
    retryAfterSec: problem.retry_after_sec ?? undefined,
    invites: problem.invites?.map(({ agent_id: agentId, invite_url: inviteUrl }) => {
      return { agentId, inviteUrl };
    }),
  });
}

export function closedError(what: string): RemudaError {
  return makeError('CLOSED', `The ${what} was closed.`);
}
