/** Errors on the wire: `application/problem+json`, RFC 9457. */
import { type Static, Type } from 'typebox';
import type { Refusal } from '../core/outcome.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import type { FaultList } from './faults.ts';
import { AgentId, nullable, strict } from './fields.ts';
import { explainToJson } from './lease-json.ts';
import { Explain } from './lease-schemas.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export const Problem = strict(
  {
    type: Type.String({ description: 'Where the code is explained, relative to this server.' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    code: Type.Enum(Object.keys(ERRORS) as ErrorCode[], { description: 'Permanent.' }),
    detail: Type.String({ description: 'What was wrong and what to do, for a person.' }),
    errors: Type.Optional(
      Type.Array(
        strict({
          path: Type.String({
            description: 'A JSON pointer into the body, or `/name` of a query or path parameter.',
          }),
          message: Type.String(),
        }),
      ),
    ),
    errors_total: Type.Optional(
      Type.Integer({ description: 'Present when there are more faults than are listed.' }),
    ),
    invites: Type.Optional(
      Type.Array(strict({ agent_id: AgentId, invite_url: nullable(Type.String()) })),
    ),
    retry_after_sec: Type.Optional(Type.Integer({ minimum: 1, description: 'As in Retry-After.' })),
    explain: Type.Optional(Explain),
  },
  { title: 'Problem', description: 'Why a call did not do what was asked.' },
);
export type Problem = Static<typeof Problem>;

export type ProblemExtras = Pick<
  Problem,
  'errors' | 'errors_total' | 'invites' | 'retry_after_sec' | 'explain'
>;

export function problem(code: ErrorCode, detail: string, extras: ProblemExtras = {}): Problem {
  const { status, title } = ERRORS[code];
  return { type: `/errors/${code}`, title, status, code, detail, ...extras };
}

export function invalidRequest({ faults, total }: FaultList): Problem {
  const [first] = faults;
  const detail =
    total === 1 && first
      ? `${first.path === '' ? 'The body' : first.path}: ${first.message}.`
      : `The request has ${total} faults; each is listed in errors.`;
  return problem('INVALID_REQUEST', detail, {
    errors: faults.map(({ path, message }) => ({ path, message })),
    ...(total > faults.length && { errors_total: total }),
  });
}

/** What a client is told to wait when the pool itself cannot say. */
const RETRY_AFTER_SEC = 1;

const RETRY_HEADER: ReadonlySet<ErrorCode> = new Set([
  'AGENT_POOL_EXHAUSTED',
  'RATE_LIMITED',
  'NOT_READY',
]);

export function retryAfterSec(code: ErrorCode, retryAfterMs?: number): number | undefined {
  if (!RETRY_HEADER.has(code) && retryAfterMs === undefined) return undefined;
  return Math.max(RETRY_AFTER_SEC, Math.ceil((retryAfterMs ?? 0) / 1_000));
}

export function refusalToJson(refusal: Refusal): Problem {
  const { code, detail, errors, invites, explain, retryAfterMs } = refusal;
  const wait = retryAfterSec(code, retryAfterMs);
  return problem(code, detail, {
    ...(errors && { errors: errors.map(({ path, message }) => ({ path, message })) }),
    ...(invites && {
      invites: invites.map(({ agentId, inviteUrl }) => ({
        agent_id: agentId,
        invite_url: inviteUrl,
      })),
    }),
    ...(wait !== undefined && { retry_after_sec: wait }),
    ...(explain && { explain: explainToJson(explain) }),
  });
}
