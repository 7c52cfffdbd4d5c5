/** Settings from the environment and from flags: text, read as what the schema wants. */
import { parse } from 'yaml';
import { quote } from '../../protocol/json-words.ts';
import { didYouMean } from '../../protocol/suggest.ts';
import type { ConfigFault } from './config-fault.ts';
import type { Setting, SettingSchema } from './settings.ts';

export interface Override {
  readonly setting: Setting;
  readonly value: unknown;
  /** `REMUDA_SERVER_PORT`, `--port` */
  readonly source: string;
}

export interface Overrides {
  readonly overrides: readonly Override[];
  readonly faults: readonly ConfigFault[];
}

/** Variables of this prefix that are not settings: they belong to commands, keys and launchers. */
const RESERVED: ReadonlySet<string> = new Set([
  'REMUDA_URL',
  'REMUDA_API_KEY',
  'REMUDA_KEY',
  'REMUDA_KEY_FILE',
  'REMUDA_LAUNCHER',
  'REMUDA_DEBUG',
  // What agents are started with; a command of theirs may read the configuration too.
  'REMUDA_POOL_ID',
  'REMUDA_AGENT_ID',
  'REMUDA_PORT',
  'REMUDA_SPECIALIZATION',
]);

export function readEnvironment(
  settings: readonly Setting[],
  env: { readonly [name: string]: string | undefined },
): Overrides {
  const overrides: Override[] = [];
  const faults: ConfigFault[] = [];
  const byName = new Map(settings.map((setting) => [setting.variable, setting]));
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('REMUDA_') || RESERVED.has(name) || text === undefined) continue;
    const setting = byName.get(name);
    if (setting) overrides.push(override(setting, text, name, faults));
    else faults.push({ source: name, path: '', message: unknownVariable(name, settings) });
  }
  return { overrides, faults };
}

function unknownVariable(name: string, settings: readonly Setting[]): string {
  const map = settings.find(({ variable, schema }) => {
    return schema.patternProperties && name.startsWith(`${variable}_`);
  });
  if (map) return `is not a setting; set the whole map: ${map.variable}='{NAME: {…}}'`;
  const known = [...settings.map(({ variable }) => variable), ...RESERVED];
  return `is not a setting${didYouMean(name, known)}`;
}

/** `flags`: names without dashes, and their text, as `--server.port=1` gives `server.port`: `1`. */
export function readFlags(
  settings: readonly Setting[],
  flags: { readonly [name: string]: string },
): Overrides {
  const overrides: Override[] = [];
  const faults: ConfigFault[] = [];
  const byName = new Map(
    settings.flatMap((setting) => setting.flags.map((name) => [name, setting])),
  );
  const seen = new Map<string, string>();
  for (const [name, text] of Object.entries(flags)) {
    const source = `--${name}`;
    const setting = name === DATA_FLAG ? byName.get('journal.url') : byName.get(name);
    if (!setting) {
      const hint = didYouMean(name, [...byName.keys(), DATA_FLAG, 'config']);
      faults.push({ source, path: '', message: `is not a flag${hint}` });
      continue;
    }
    const other = seen.get(setting.path);
    if (other)
      faults.push({ source, path: '', message: `says the same thing as ${other}; give one` });
    seen.set(setting.path, source);
    overrides.push(override(setting, name === DATA_FLAG ? `file:${text}` : text, source, faults));
  }
  return { overrides, faults };
}

/** `--data DIR` is short for `--journal.url=file:DIR`. */
export const DATA_FLAG = 'data';

function override(setting: Setting, text: string, source: string, faults: ConfigFault[]): Override {
  const read = readText(setting.schema, text);
  if ('fault' in read) faults.push({ source, path: setting.path, message: read.fault });
  return { setting, source, value: 'fault' in read ? undefined : read.value };
}

function readText(
  schema: SettingSchema,
  text: string,
): { readonly value: unknown } | { readonly fault: string } {
  switch (schema.type) {
    case 'integer':
    case 'number':
      if (text.trim() === '' || !Number.isFinite(Number(text))) {
        return { fault: `must be a number, not ${quote(text)}` };
      }
      return { value: Number(text) };
    case 'boolean':
      if (text === 'true' || text === 'false') return { value: text === 'true' };
      return { fault: `must be true or false, not ${quote(text)}` };
    case 'array':
    case 'object':
      try {
        return { value: parse(text) };
      } catch (error) {
        const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
        return { fault: `is not valid JSON or YAML: ${reason}` };
      }
    default:
      return { value: text };
  }
}
