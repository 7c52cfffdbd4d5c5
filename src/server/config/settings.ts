/** The schema as a flat list of settings, each with its names in the file, environment and flags. */
import type { SchemaNode } from '../../protocol/faults.ts';
import { ConfigSchema } from './schema.ts';

export interface SettingSchema extends SchemaNode {
  readonly default?: unknown;
  readonly description?: string;
  readonly 'x-short'?: string;
  readonly 'x-replace'?: boolean;
}

export interface Setting {
  readonly steps: readonly string[];
  /** `pool.queue.max_length` */
  readonly path: string;
  /** `REMUDA_POOL_QUEUE_MAX_LENGTH` */
  readonly variable: string;
  /** `pool.queue.max_length`, then a short name if it has one; without the dashes. */
  readonly flags: readonly string[];
  readonly schema: SettingSchema;
}

export interface Section {
  readonly path: string;
  readonly steps: readonly string[];
  readonly description: string;
}

export interface Settings {
  readonly settings: readonly Setting[];
  readonly sections: readonly Section[];
}

export function listSettings(): Settings {
  const settings: Setting[] = [];
  const sections: Section[] = [];
  const visit = (schema: SettingSchema, steps: readonly string[]): void => {
    const path = steps.join('.');
    if (!schema.properties) {
      const short = schema['x-short'];
      const variable = `REMUDA_${steps.join('_').toUpperCase()}`;
      settings.push({ steps, path, variable, flags: short ? [path, short] : [path], schema });
      return;
    }
    if (steps.length > 0) sections.push({ path, steps, description: schema.description ?? '' });
    for (const [key, child] of Object.entries(schema.properties)) visit(child, [...steps, key]);
  };
  visit(ConfigSchema as SchemaNode, []);
  return { settings, sections };
}

/** A value with every key that it leaves out at its default; the value itself is not changed. */
export function withDefaults(schema: SettingSchema, value: unknown): unknown {
  const given = value === undefined ? startOf(schema) : value;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const pattern = Object.values(schema.patternProperties ?? {})[0];
  const filled: { [key: string]: unknown } = {};
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const filling = withDefaults(child, (given as { [key: string]: unknown })[key]);
    if (filling !== undefined) define(filled, key, filling);
  }
  for (const [key, child] of Object.entries(given)) {
    if (Object.hasOwn(filled, key)) continue;
    define(filled, key, pattern ? withDefaults(pattern, child) : child);
  }
  return filled;
}

function startOf(schema: SettingSchema): unknown {
  if (schema.default !== undefined) return schema.default;
  return schema.properties ? {} : undefined;
}

/** A key called `__proto__` stays an ordinary key, to be refused by name like any other. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** `over` laid on `base`: maps are joined key by key, anything else is replaced. */
export function overlay(schema: SettingSchema | undefined, base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (schema?.['x-replace'] || !isMap(base) || !isMap(over)) return over;
  const joined: { [key: string]: unknown } = { ...base };
  const pattern = Object.values(schema?.patternProperties ?? {})[0];
  for (const [key, value] of Object.entries(over)) {
    const child = schema?.properties?.[key] ?? pattern;
    define(joined, key, overlay(child, Object.hasOwn(base, key) ? base[key] : undefined, value));
  }
  return joined;
}

function isMap(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
