/**
 * Every fault of a value at once, in words. The compiled validator (validate.ts) only says yes or
 * no, which is the fast path; this walker reads the same schema and explains a no. It knows the
 * part of JSON Schema that this project's schemas use, and a test holds it to the same verdicts.
 */
import {
  accepts,
  codePoints,
  count,
  hasType,
  isObject,
  isTuple,
  looksLike,
  nameOf,
  range,
  wantedWords,
} from './fault-words.ts';
import { listWords, pointerStep, quote, whatIs } from './json-words.ts';
import { LIMITS } from './limits.ts';
import { didYouMean } from './suggest.ts';

export interface Fault {
  /** Keys and indexes from the root to the fault. */
  readonly steps: readonly (string | number)[];
  /** The same as a JSON pointer. */
  readonly path: string;
  readonly message: string;
  /** `unknown`: the last step names a key that should not be there; `missing`: one that should. */
  readonly kind: 'unknown' | 'missing' | 'invalid';
}

export interface FaultList {
  /** At most LIMITS.faults of them. */
  readonly faults: readonly Fault[];
  /** How many there are in all. */
  readonly total: number;
}

/** The keywords that the walker reads. `x-rule` says in words what a `pattern` demands. */
export interface SchemaNode {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: { readonly [key: string]: SchemaNode };
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly patternProperties?: { readonly [pattern: string]: SchemaNode };
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: SchemaNode | readonly SchemaNode[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly 'x-rule'?: string;
  readonly 'x-key-rule'?: string;
  readonly '~refine'?: readonly {
    readonly check: (value: unknown) => boolean;
    readonly error: (value: unknown) => string;
  }[];
}

export function findFaults(schema: SchemaNode, value: unknown): FaultList {
  const walk = new Walk();
  walk.value(schema, value);
  return { faults: walk.faults, total: walk.total };
}

/** A fault that no schema can express, such as two entries that contradict each other. */
export function faultAt(
  steps: readonly (string | number)[],
  message: string,
  kind: Fault['kind'] = 'invalid',
): Fault {
  return { steps: [...steps], path: steps.map(pointerStep).join(''), message, kind };
}

class Walk {
  readonly faults: Fault[] = [];
  total = 0;
  readonly #steps: (string | number)[] = [];

  /** The message is built only for faults that will be listed: hints cost time. */
  #add(message: () => string, kind: Fault['kind'] = 'invalid', key?: string): void {
    this.total += 1;
    if (this.faults.length >= LIMITS.faults) return;
    const steps = key === undefined ? this.#steps : [...this.#steps, key];
    this.faults.push(faultAt(steps, message(), kind));
  }

  value(schema: SchemaNode, value: unknown): void {
    const before = this.total;
    if (schema.anyOf) this.#union(schema.anyOf, value);
    else if (schema.enum) this.#oneOf(schema.enum, value);
    else if ('const' in schema) this.#oneOf([schema.const], value);
    else this.#typed(schema, value);
    if (this.total > before) return;
    for (const refinement of schema['~refine'] ?? []) {
      if (!refinement.check(value)) this.#add(() => refinement.error(value));
    }
  }

  #typed(schema: SchemaNode, value: unknown): void {
    const wanted = wantedWords(schema.type);
    if (schema.type === undefined) return;
    if (!hasType(schema.type, value)) this.#wrongType(wanted, value);
    else if (Array.isArray(value)) this.#array(schema, value);
    else if (typeof value === 'number') this.#number(schema, value);
    else if (typeof value === 'string') this.#string(schema, value);
    else if (isObject(value)) this.#object(schema, value);
  }

  #wrongType(wanted: string, value: unknown): void {
    this.#add(() => {
      const bare = typeof value === 'string' && looksLike(wanted, value);
      const hint = bare ? '; leave out the quotes' : '';
      return `must be ${wanted}, not ${whatIs(value)}${hint}`;
    });
  }

  #object(schema: SchemaNode, value: { readonly [key: string]: unknown }): void {
    for (const key of schema.required ?? []) {
      if (!Object.hasOwn(value, key)) this.#add(() => 'is required', 'missing', key);
    }
    const keys = Object.keys(value);
    if (keys.length < (schema.minProperties ?? 0)) {
      const known = listWords(Object.keys(schema.properties ?? {}));
      this.#add(() => `must name at least ${schema.minProperties} of ${known}`);
    }
    if (keys.length > (schema.maxProperties ?? Number.POSITIVE_INFINITY)) {
      this.#add(() => `must have at most ${schema.maxProperties} entries; it has ${keys.length}`);
    }
    for (const key of keys) this.#property(schema, key, value[key]);
  }

  #property(schema: SchemaNode, key: string, value: unknown): void {
    const known = schema.properties ?? {};
    const named = Object.hasOwn(known, key) ? known[key] : undefined;
    const patterned = Object.entries(schema.patternProperties ?? {}).find(([pattern]) =>
      new RegExp(pattern, 'u').test(key),
    )?.[1];
    const child = named ?? patterned;
    if (child) {
      // An optional field may be present as undefined in values that never were JSON.
      if (named && value === undefined && !schema.required?.includes(key)) return;
      this.#steps.push(key);
      this.value(child, value);
      this.#steps.pop();
    } else if (schema.patternProperties) {
      if (schema.additionalProperties !== false) return;
      this.#add(
        () => `the key ${quote(key)} ${schema['x-key-rule'] ?? 'is not allowed'}`,
        'unknown',
        key,
      );
    } else if (schema.additionalProperties === false) {
      this.#add(
        () => `unknown field ${quote(key)}${didYouMean(key, Object.keys(known))}`,
        'unknown',
        key,
      );
    }
  }

  #array(schema: SchemaNode, value: readonly unknown[]): void {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = schema;
    const most = isTuple(items) ? items.length : maxItems;
    if (value.length < minItems) {
      this.#add(() => `must have at least ${count(minItems)}; it has ${value.length}`);
    }
    if (value.length > most) {
      this.#add(() => `must have at most ${count(most)}; it has ${value.length}`);
    }
    for (let index = 0; index < Math.min(value.length, most); index += 1) {
      const item = isTuple(items) ? items[index] : items;
      if (!item) continue;
      this.#steps.push(index);
      this.value(item, value[index]);
      this.#steps.pop();
    }
  }

  #string(schema: SchemaNode, value: string): void {
    const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
    const length = value.length <= maxLength && minLength <= 1 ? value.length : codePoints(value);
    if (length < minLength) {
      this.#add(() =>
        length === 0 ? 'must not be empty' : `must have at least ${minLength} characters`,
      );
    } else if (length > maxLength) {
      this.#add(() => `must have at most ${maxLength} characters; it has ${length}`);
    } else if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
      this.#add(
        () => `${schema['x-rule'] ?? `must match ${schema.pattern}`}; it is ${quote(value)}`,
      );
    }
  }

  #number(schema: SchemaNode, value: number): void {
    if (schema.type === 'integer' && !Number.isInteger(value)) {
      this.#add(() => `must be a whole number; it is ${value}`);
      return;
    }
    const low = schema.minimum ?? schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
    const high = schema.maximum ?? schema.exclusiveMaximum ?? Number.POSITIVE_INFINITY;
    const tooLow = schema.minimum === undefined ? value <= low : value < low;
    const tooHigh = schema.maximum === undefined ? value >= high : value > high;
    if (tooLow || tooHigh) this.#add(() => `must be ${range(schema)}; it is ${value}`);
  }

  #oneOf(allowed: readonly unknown[], value: unknown): void {
    if (allowed.includes(value)) return;
    this.#add(() => {
      const words = allowed.filter((word) => typeof word === 'string');
      const hint = typeof value === 'string' ? didYouMean(value, words) : '';
      return `must be ${listWords(allowed.map(String))}, not ${whatIs(value)}${hint}`;
    });
  }

  /** Of the branches that the value's own type points to, the one that it misses least was meant. */
  #union(branches: readonly SchemaNode[], value: unknown): void {
    const misses = branches.map((branch) => findFaults(branch, value).total);
    if (misses.includes(0)) return;
    const meant = branches
      .map((branch, index) => ({ branch, miss: misses[index] ?? 0 }))
      .filter(({ branch }) => accepts(branch, value))
      .sort((a, b) => a.miss - b.miss)[0];
    const words = branches.map((branch) => branch.const);
    if (meant) this.value(meant.branch, value);
    else if (!words.includes(undefined)) this.#oneOf(words, value);
    else this.#add(() => `must be ${listWords(branches.map(nameOf))}, not ${whatIs(value)}`);
  }
}
