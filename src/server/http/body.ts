/**
 * JSON bodies: strict UTF-8, a position for every mistake, and no key that reaches for an object's
 * prototype. An empty body is no body, whatever its content type says.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { faultAt } from '../../protocol/faults.ts';
import { quote } from '../../protocol/json-words.ts';
import { invalidRequest, problem } from '../../protocol/problem.ts';
import { HttpProblem } from './http-problem.ts';
import { jsonErrorPosition } from './json-position.ts';

type BodyHeaders = Pick<IncomingHttpHeaders, 'content-type' | 'content-encoding'>;

const PLAIN = 'application/json';
const IN_UTF8 = /^application\/json\s*;\s*charset="?utf-?8"?\s*$/i;

export function parseBody(headers: BodyHeaders, body: Buffer): unknown {
  const { 'content-type': contentType, 'content-encoding': encoding = 'identity' } = headers;
  if (encoding !== 'identity') {
    const detail = `The body must not be compressed (${quote(encoding)}).`;
    throw new HttpProblem(problem('UNSUPPORTED_MEDIA_TYPE', detail));
  }
  if (contentType !== PLAIN && !IN_UTF8.test(contentType ?? '')) refuseCharset(contentType ?? '');
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) {
    throw new HttpProblem(problem('INVALID_REQUEST', 'The body is not valid UTF-8.'));
  }
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpProblem(problem('INVALID_REQUEST', syntaxDetail(text)));
  }
  // Such a key can be written with escapes too, so either is worth a look.
  if (text.includes('__proto__') || text.includes('\\u00')) refusePrototypeKeys(value);
  return value;
}

function refuseCharset(contentType: string): void {
  const parameters = contentType.slice(contentType.indexOf(';') + 1).trim();
  if (!contentType.includes(';') || !/charset/i.test(parameters)) return;
  throw new HttpProblem(
    problem(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be in UTF-8; its Content-Type says otherwise.',
    ),
  );
}

function syntaxDetail(text: string): string {
  const position = jsonErrorPosition(text);
  if (position >= text.length)
    return `The body is not valid JSON: it ends too soon, at ${position}.`;
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  const found = JSON.stringify(String.fromCodePoint(text.codePointAt(position) ?? 0));
  return `The body is not valid JSON: unexpected ${found} at position ${position} (line ${line}, column ${column}).`;
}

/** Iterative: a client sets the depth. */
function refusePrototypeKeys(root: unknown): void {
  const open: { value: unknown; steps: readonly (string | number)[] }[] = [
    { value: root, steps: [] },
  ];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, steps } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__')) {
      const fault = faultAt([...steps, '__proto__'], 'is not allowed as a key', 'unknown');
      throw new HttpProblem(invalidRequest({ faults: [fault], total: 1 }));
    }
    // The path of a deep value would cost its depth squared; the message can do without it.
    const isNear = steps.length < 16;
    for (const [key, child] of Object.entries(value)) {
      open.push({ value: child, steps: isNear ? [...steps, key] : steps });
    }
  }
}
