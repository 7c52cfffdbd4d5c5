/**
 * Query strings. They are text by nature, so numbers and booleans are read from it, strictly: what does not read as what the schema wants is a fault, never a guess.
 */
import { type Fault, type FaultList, faultAt, findFaults, type SchemaNode } from './faults.ts';
import { quote } from './json-words.ts';
import { didYouMean } from './suggest.ts';

export type Read = { readonly value: unknown } | { readonly faults: FaultList };

/** Decodes and checks `a=1&b=x`, given without the question mark. */
export function readQuery(schema: SchemaNode | undefined, text: string): Read {
  const known = schema?.properties ?? {};
  const values: { [name: string]: unknown } = {};
  const faults: Fault[] = [];
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const [rawName, ...rest] = pair.split('=');
    const name = decode(rawName ?? '');
    const value = decode(rest.join('='));
    if (name === null || value === null) {
      faults.push(faultAt([name ?? rawName ?? ''], 'is not valid percent-encoding'));
      continue;
    }
    const property = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!property) {
      const hint = didYouMean(name, Object.keys(known));
      faults.push(faultAt([name], `unknown query parameter ${quote(name)}${hint}`, 'unknown'));
    } else if (Object.hasOwn(values, name)) {
      faults.push(faultAt([name], 'is given more than once'));
    } else {
      values[name] = coerce(property, value);
    }
  }
  const shape = schema === undefined ? { faults: [], total: 0 } : findFaults(schema, values);
  const total = faults.length + shape.total;
  if (total > 0) return { faults: { faults: [...faults, ...shape.faults], total } };
  return { value: values };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Text that does not read as the wanted type stays text, and the fault walker says so. */
function coerce(schema: SchemaNode, text: string): unknown {
  switch (schema.type) {
    case 'integer':
    case 'number':
      return JSON_NUMBER.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    default:
      return text;
  }
}
