/** What goes wrong, as errors. One class a code that programs handle; the rest are `RemudaError`. */
import type { Fault, Invite } from './words.ts';

/** The pool's codes are permanent; docs/reference/errors.md explains each. */
export type PoolErrorCode =
  | 'INVALID_REQUEST'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'LEASE_TOKEN_STALE'
  | 'INVALID_TRANSITION'
  | 'TENANT_AT_LIMIT'
  | 'AGENT_NOT_INSTALLED'
  | 'AGENT_ALREADY_HOSTED'
  | 'AGENT_EXISTS'
  | 'TICKET_CANCELLED'
  | 'EVENTS_GONE'
  | 'TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'NO_SUCH_CAPABILITY'
  | 'IDEMPOTENCY_MISMATCH'
  | 'RATE_LIMITED'
  | 'INTERNAL'
  | 'NOT_READY'
  | 'AGENT_POOL_EXHAUSTED';

/**
 * Codes that only the SDK gives. `CONNECTION`: the pool cannot be reached. `NOT_A_POOL`: what answers
 * is no pool. `CLOSED`: `close()` was called. `LEASE_ENDED`: the lease is over. `GRANT_LOST`: a
 * grant was taken back before it could be read.
 */
export type SdkErrorCode = 'CONNECTION' | 'NOT_A_POOL' | 'CLOSED' | 'LEASE_ENDED' | 'GRANT_LOST';

export type ErrorCode = PoolErrorCode | SdkErrorCode;

export interface ErrorDetails {
  readonly status?: number;
  readonly errors?: readonly Fault[];
  readonly retryAfterSec?: number;
  readonly invites?: readonly Invite[];
  readonly cause?: unknown;
}

/** Codes with which the same request can succeed later without being changed. */
const RETRYABLE: ReadonlySet<string> = new Set<ErrorCode>([
  'TENANT_AT_LIMIT',
  'AGENT_ALREADY_HOSTED',
  'RATE_LIMITED',
  'NOT_READY',
  'AGENT_POOL_EXHAUSTED',
  'CONNECTION',
  'GRANT_LOST',
]);

export class RemudaError extends Error {
  override readonly name: string = 'RemudaError';
  /** Permanent: scripts match on it. A newer pool may give codes that this version does not know. */
  readonly code: ErrorCode | (string & {});
  /** Of HTTP; 0 where the pool did not answer. */
  readonly status: number;
  /** Can the same request succeed later without being changed? */
  readonly retryable: boolean;
  /** What was wrong and what to do, for a person. */
  readonly detail: string;
  /** Every fault of a request that is not valid. */
  readonly errors?: readonly Fault[];
  /** When the pool asks to try again. */
  readonly retryAfterSec?: number;
  /** With `AGENT_NOT_INSTALLED`: agents that the tenant could invite, best first. */
  readonly invites?: readonly Invite[];

  constructor(code: ErrorCode | (string & {}), detail: string, details: ErrorDetails = {}) {
    const { status = 0, errors, retryAfterSec, invites, cause } = details;
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.retryable = RETRYABLE.has(code);
    if (errors !== undefined) this.errors = errors;
    if (retryAfterSec !== undefined) this.retryAfterSec = retryAfterSec;
    if (invites !== undefined) this.invites = invites;
  }
}

// The names are spelled out because a minifier renames classes.
export class InvalidRequestError extends RemudaError {
  override readonly name = 'InvalidRequestError';
}
export class UnauthenticatedError extends RemudaError {
  override readonly name = 'UnauthenticatedError';
}
export class ForbiddenError extends RemudaError {
  override readonly name = 'ForbiddenError';
}
export class NotFoundError extends RemudaError {
  override readonly name = 'NotFoundError';
}
/** The lease went to another agent since, under a new token. */
export class StaleTokenError extends RemudaError {
  override readonly name = 'StaleTokenError';
}
/** A lease that has ended cannot become active or idle again. */
export class InvalidTransitionError extends RemudaError {
  override readonly name = 'InvalidTransitionError';
}
/** The tenant holds as many agents as it may. */
export class TenantAtLimitError extends RemudaError {
  override readonly name = 'TenantAtLimitError';
}
/** No agent that fits is a member of the tenant; `invites` names those that could be. */
export class AgentNotInstalledError extends RemudaError {
  override readonly name = 'AgentNotInstalledError';
}
/** Another runner hosts the agent. */
export class AgentAlreadyHostedError extends RemudaError {
  override readonly name = 'AgentAlreadyHostedError';
}
/** Somebody took the request out of the queue. */
export class TicketCancelledError extends RemudaError {
  override readonly name = 'TicketCancelledError';
}
/** No agent, busy or not, could ever meet the request. */
export class NoSuchCapabilityError extends RemudaError {
  override readonly name = 'NoSuchCapabilityError';
}
/** The idempotency key was used for another request. */
export class IdempotencyMismatchError extends RemudaError {
  override readonly name = 'IdempotencyMismatchError';
}
export class RateLimitedError extends RemudaError {
  override readonly name = 'RateLimitedError';
}
/** The pool is starting, stopping, or cannot write. */
export class NotReadyError extends RemudaError {
  override readonly name = 'NotReadyError';
}
/** No agent is free, and the request may not wait or has waited in vain. */
export class PoolExhaustedError extends RemudaError {
  override readonly name = 'PoolExhaustedError';
}
/** The pool cannot be reached, or what answers is no pool. */
export class ConnectionError extends RemudaError {
  override readonly name = 'ConnectionError';
}
/** `close()` was called. */
export class ClosedError extends RemudaError {
  override readonly name = 'ClosedError';
}
/** The lease is over. It is the reason with which its `signal` is aborted. */
export class LeaseEndedError extends RemudaError {
  override readonly name = 'LeaseEndedError';
  /** Why: an `EndReason`, or `moved`, `lost`, `closing` at a runner. */
  readonly reason: string;

  constructor(reason: string, detail = `The lease has ended: ${reason}.`) {
    super('LEASE_ENDED', detail);
    this.reason = reason;
  }
}
