/** Command-line arguments of `serve` as flags: `--port 1`, `--port=1`, `--config FILE`. */
import { quote } from '../../protocol/json-words.ts';
import type { ConfigFault } from './config-fault.ts';
import { listSettings } from './settings.ts';

export interface Arguments {
  /** What `--config` names. */
  readonly file?: string;
  /** As `loadConfig` takes them. */
  readonly flags: { readonly [name: string]: string };
  readonly faults: readonly ConfigFault[];
}

const CONFIG_FLAG = 'config';

export function readArguments(args: readonly string[]): Arguments {
  const booleans = new Set(
    listSettings()
      .settings.filter(({ schema }) => schema.type === 'boolean')
      .flatMap(({ flags }) => flags),
  );
  const flags = new Map<string, string>();
  const faults: ConfigFault[] = [];
  const add = (source: string, message: string) => faults.push({ source, path: '', message });
  for (let index = 0; index < args.length; index += 1) {
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(args[index] ?? '');
    if (!match) {
      add(quote(args[index] ?? ''), 'is not a flag; flags begin with --');
      continue;
    }
    const [, name = '', text] = match;
    const next = args[index + 1];
    const takesNext = text === undefined && next !== undefined && !next.startsWith('--');
    const isSwitch = booleans.has(name) && !(takesNext && /^(true|false)$/.test(next));
    if (takesNext && !isSwitch) index += 1;
    const value = text ?? (isSwitch ? 'true' : takesNext ? next : undefined);
    if (flags.has(name)) add(`--${name}`, 'is given more than once');
    else if (value === undefined) add(`--${name}`, 'needs a value');
    else flags.set(name, value);
  }
  const file = flags.get(CONFIG_FLAG);
  flags.delete(CONFIG_FLAG);
  return { ...(file !== undefined && { file }), flags: Object.fromEntries(flags), faults };
}
