import { describe, expect, test } from 'vitest';
import { REFUSALS, type Refusal } from '../core/outcome.ts';
import { ERRORS, type ErrorEntry, errorPage, errorsReference } from './errors.ts';
import { invalidRequest, Problem, problem, refusalToJson, retryAfterSec } from './problem.ts';
import { checkOf } from './validate.ts';

describe('the table of errors', () => {
  test('has every refusal of the core, with the same judgement of a retry', () => {
    for (const [code, { retryable }] of Object.entries(REFUSALS)) {
      expect((ERRORS as { [code: string]: ErrorEntry })[code], code).toMatchObject({ retryable });
    }
  });

  test('says of each code what leads to it and what to do', () => {
    for (const [code, entry] of Object.entries<ErrorEntry>(ERRORS)) {
      expect(code).toMatch(/^[A-Z_]+$/);
      for (const words of [entry.title, entry.cause, entry.fix])
        expect(words.length).toBeGreaterThan(10);
      expect(errorsReference()).toContain(`## ${code}`);
      expect(errorPage(code)).toContain(entry.fix);
    }
  });

  test('has no page for what is no code', () => {
    expect(errorPage('NOPE')).toBeNull();
    expect(errorPage('constructor')).toBeNull();
  });
});

describe('a problem', () => {
  test('carries all that a refusal says', () => {
    const refusal: Refusal = {
      outcome: 'refused',
      code: 'AGENT_NOT_INSTALLED',
      detail: 'None of them.',
      invites: [{ agentId: 'a', inviteUrl: null }],
      explain: { considered: 1, eligible: 0, chosen: null, score: null, rejected: { LEASED: 1 } },
    };
    const json = refusalToJson(refusal);
    expect(json).toEqual({
      type: '/errors/AGENT_NOT_INSTALLED',
      title: 'No agent is a member of the tenant',
      status: 409,
      code: 'AGENT_NOT_INSTALLED',
      detail: 'None of them.',
      invites: [{ agent_id: 'a', invite_url: null }],
      explain: { considered: 1, eligible: 0, chosen: null, score: null, rejected: { LEASED: 1 } },
    });
    expect(checkOf(Problem).explain(json)).toBeNull();
  });

  test('says when to come back, in whole seconds, at least one', () => {
    expect(retryAfterSec('AGENT_POOL_EXHAUSTED')).toBe(1);
    expect(retryAfterSec('AGENT_POOL_EXHAUSTED', 2_100)).toBe(3);
    expect(retryAfterSec('NOT_FOUND')).toBeUndefined();
    expect(retryAfterSec('TENANT_AT_LIMIT', 500)).toBe(1);
  });

  test('says how many faults there are when it cannot list them all', () => {
    const fault = { steps: ['a'], path: '/a', message: 'is wrong', kind: 'invalid' } as const;
    expect(invalidRequest({ faults: [fault], total: 1 })).toMatchObject({
      detail: '/a: is wrong.',
    });
    expect(invalidRequest({ faults: [fault], total: 7 })).toMatchObject({ errors_total: 7 });
    expect(problem('NOT_FOUND', 'x')).not.toHaveProperty('errors');
  });
});
