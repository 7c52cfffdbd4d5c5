import { describe, expect, test } from 'vitest';
import { parseBody } from './body.ts';
import { HttpProblem } from './http-problem.ts';

const parse = (text: string | Buffer, type = 'application/json') =>
  parseBody({ 'content-type': type }, Buffer.from(text));

function problemOf(act: () => unknown) {
  try {
    act();
  } catch (error) {
    if (error instanceof HttpProblem) return error.problem;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a body', () => {
  test('is JSON in UTF-8', () => {
    expect(parse('{"a":"€"}')).toEqual({ a: '€' });
    expect(parse('{}', 'application/json; charset=UTF-8')).toEqual({});
    expect(parse('{}', 'application/json;charset="utf-8"')).toEqual({});
    expect(parse('{}', 'application/json; profile=x')).toEqual({});
  });

  test('may be empty', () => expect(parse('')).toBeUndefined());

  test('in another charset is refused', () => {
    const problem = problemOf(() => parse('{}', 'application/json; charset=latin1'));
    expect(problem.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  test('that is not UTF-8 is refused', () => {
    const problem = problemOf(() => parse(Buffer.from([0x22, 0xff, 0x22])));
    expect(problem).toMatchObject({
      code: 'INVALID_REQUEST',
      detail: expect.stringMatching(/UTF-8/),
    });
  });

  test('that is not JSON is refused with the place', () => {
    expect(problemOf(() => parse('{\n  "a": x}')).detail).toBe(
      'The body is not valid JSON: unexpected "x" at position 9 (line 2, column 8).',
    );
    expect(problemOf(() => parse('[1,')).detail).toBe(
      'The body is not valid JSON: it ends too soon, at 3.',
    );
  });

  test.each([
    ['{"__proto__":1}', '/__proto__'],
    ['{"a":[{"\\u005f_proto__":1}]}', '/a/0/__proto__'],
    ['{"a":{"_\\u005Fproto__":{"x":1}}}', '/a/__proto__'],
  ])('%s reaches for a prototype', (text, path) => {
    expect(problemOf(() => parse(text)).errors).toEqual([
      { path, message: 'is not allowed as a key' },
    ]);
  });

  test('may hold the word as a value', () => {
    expect(parse('{"a":"__proto__"}')).toEqual({ a: '__proto__' });
  });

  test('that is deep does not overflow the search', () => {
    const deep = `${'{"a":'.repeat(100_000)}{"__proto__":1}${'}'.repeat(100_000)}`;
    expect(problemOf(() => parse(deep)).code).toBe('INVALID_REQUEST');
  });
});
