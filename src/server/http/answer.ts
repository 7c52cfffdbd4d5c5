/** What a handler answers: a status and a body. */
import type { Refusal } from '../../core/outcome.ts';
import { PROBLEM_TYPE, type Problem, refusalToJson } from '../../protocol/problem.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** application/json unless given. */
  readonly contentType?: string;
  readonly headers?: { readonly [name: string]: string };
}

export function answer(status: number, body: unknown): Answer {
  return { status, body };
}

/** With a body that is JSON text already. */
export function textAnswer(status: number, json: string): Answer {
  return { status, body: json, contentType: 'application/json; charset=utf-8' };
}

export function problemAnswer(problem: Problem): Answer {
  const wait = problem.retry_after_sec;
  return {
    status: problem.status,
    body: JSON.stringify(problem),
    contentType: PROBLEM_TYPE,
    ...(wait !== undefined && { headers: { 'retry-after': String(wait) } }),
  };
}

export function refused(refusal: Refusal): Answer {
  return problemAnswer(refusalToJson(refusal));
}

export function text(body: string, contentType: string): Answer {
  return { status: 200, body, contentType };
}
