/** Small judgements and wordings that the fault walker (faults.ts) shares between its cases. */
import type { SchemaNode } from './faults.ts';
import { listWords } from './json-words.ts';

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isTuple(items: SchemaNode['items']): items is readonly SchemaNode[] {
  return Array.isArray(items);
}

export function looksLike(wanted: string, text: string): boolean {
  if (wanted === 'true or false') return text === 'true' || text === 'false';
  return wanted.endsWith('number') && text.trim() !== '' && Number.isFinite(Number(text));
}

export function codePoints(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

export function count(items: number): string {
  return items === 1 ? '1 item' : `${items} items`;
}

export function range(schema: SchemaNode): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  if (minimum !== undefined && maximum !== undefined) return `from ${minimum} to ${maximum}`;
  const parts: string[] = [];
  if (low !== undefined) parts.push(minimum === undefined ? `more than ${low}` : `at least ${low}`);
  if (high !== undefined)
    parts.push(maximum === undefined ? `less than ${high}` : `at most ${high}`);
  return parts.join(' and ');
}

const TYPE_WORDS: { readonly [type: string]: string } = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  null: 'null',
};

export function wantedWords(type: string | undefined): string {
  return TYPE_WORDS[type ?? ''] ?? `${type}`;
}

/** A fraction has the type `integer` here: that it is not whole gets a message of its own. */
export function hasType(type: string, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
    case 'number':
      return Number.isFinite(value);
    case 'null':
      return value === null;
    case 'string':
    case 'boolean':
      return typeof value === type;
    default:
      throw new Error(`the fault walker does not know the schema type ${type}`);
  }
}

/** Does the value's own type point to this branch of a union? */
export function accepts(branch: SchemaNode, value: unknown): boolean {
  return branch.type !== undefined && !('const' in branch) && hasType(branch.type, value);
}

export function nameOf(branch: SchemaNode): string {
  if ('const' in branch) return JSON.stringify(branch.const);
  return branch.enum ? listWords(branch.enum.map(String)) : wantedWords(branch.type);
}
