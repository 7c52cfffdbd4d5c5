/** config.yaml and docs/reference/configuration.md, both written from the schema. */
import { listWords } from '../../protocol/json-words.ts';
import { listSettings, type Section, type Setting, type SettingSchema } from './settings.ts';

const WIDTH = 100;

/** The default configuration with every key, each with its comment. */
export function configFile(): string {
  const lines = [
    '# Every key with its default. What you leave out keeps its default; an unknown key or a value that',
    '# does not fit stops the start with every fault in one message. Each key can also be given as an',
    '# environment variable (pool.queue.max_length: REMUDA_POOL_QUEUE_MAX_LENGTH) or as a flag',
    '# (--pool.queue.max_length=5000). Flags win over the environment, the environment over this file.',
    '# docs/reference/configuration.md has the ranges.',
  ];
  for (const entry of entries()) {
    const indent = '  '.repeat(entry.steps.length - 1);
    const key = entry.steps.at(-1);
    if (!('schema' in entry)) {
      lines.push('', ...comment(entry.description, indent), `${indent}${key}:`);
      continue;
    }
    lines.push(...comment(entry.schema.description ?? '', indent));
    lines.push(...valueLines(entry.schema, indent, key ?? ''));
  }
  return `${lines.join('\n')}\n`;
}

/** Sections and settings in the order of the schema, each section before what is in it. */
function entries(): (Section | Setting)[] {
  const { settings, sections } = listSettings();
  const written = new Set<string>();
  return settings.flatMap((setting) => {
    const opened = sections.filter(({ path }) => {
      return `${setting.path}.`.startsWith(`${path}.`) && !written.has(path);
    });
    for (const { path } of opened) written.add(path);
    return [...opened, setting];
  });
}

function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}#`;
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  return text === '' ? [] : [...lines, line];
}

function valueLines(schema: SettingSchema, indent: string, key: string): string[] {
  if (!schema.patternProperties) return [`${indent}${key}: ${flow(schema.default)}`];
  const entriesOfMap = Object.entries(schema.default as { [name: string]: unknown });
  return [
    `${indent}${key}:`,
    ...entriesOfMap.map(([name, value]) => `${indent}  ${name}: ${flow(value)}`),
  ];
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, child]) => `${key}: ${flow(child)}`);
    return `{ ${pairs.join(', ')} }`;
  }
  const isPlain = typeof value !== 'string' || /^[A-Za-z][\w./:-]*$/.test(value);
  return isPlain ? String(value) : JSON.stringify(value);
}

export function configReference(): string {
  const lines = [
    '# Configuration',
    '',
    'Layers, each winning over those before: the defaults, `config.yaml` (or the file of `--config`),',
    '`REMUDA_…` variables, flags. A variable is the path in capitals with underscores:',
    '`pool.queue.max_length` is `REMUDA_POOL_QUEUE_MAX_LENGTH`, and as a flag',
    '`--pool.queue.max_length=5000`. Lists and maps are given to both as JSON or YAML:',
    "`REMUDA_POOL_PURPOSES='{radio: {idle_timeout_sec: 600}}'`.",
    '',
    'A map that is set joins the default map entry by entry, unless it says that it replaces it.',
    'A configuration with a fault is not used: the start stops with every fault in one message.',
    'Further variables: `REMUDA_KEY` encrypts the credentials of agents (32 bytes as hex or base64, or',
    'a passphrase of at least 32 characters), `REMUDA_KEY_FILE` names a file that holds it instead;',
    '`REMUDA_URL` and `REMUDA_API_KEY` are for commands that',
    'talk to a pool. Any other `REMUDA_…` variable is a fault.',
  ];
  for (const entry of entries()) {
    if (!('schema' in entry)) {
      const level = entry.steps.length === 1 ? '##' : '###';
      lines.push('', `${level} ${entry.path}`, '', entry.description);
    } else lines.push('', ...settingLines(entry));
  }
  return `${lines.join('\n')}\n`;
}

function settingLines({ path, flags, schema }: Setting): string[] {
  const short = flags.slice(1).map((name) => `\`--${name}\``);
  if (path === 'journal.url') short.push('`--data DIR` for `file:DIR`');
  const byDefault = `\`${flow(schema.default)}\``;
  const traits = [
    valuesOf(schema),
    ...(schema.patternProperties ? [] : [`default ${byDefault}`]),
    ...(schema['x-replace'] ? ['replaces the default map'] : []),
    ...(short.length > 0 ? [`also ${short.join(', ')}`] : []),
  ];
  const lines = [`- \`${path}\` (${traits.join('; ')}): ${schema.description}`];
  if (!schema.patternProperties) return lines;
  lines.push('', '  ```yaml', ...valueLines(schema, '  ', path.split('.').at(-1) ?? ''), '  ```');
  for (const [key, child] of Object.entries(itemOf(schema).properties ?? {})) {
    const item = child as SettingSchema;
    const def = item.default === undefined ? 'required' : `default \`${flow(item.default)}\``;
    lines.push('', `  - \`${key}\` (${valuesOf(item)}; ${def}): ${item.description}`);
  }
  return lines;
}

function itemOf(schema: SettingSchema): SettingSchema {
  return Object.values(schema.patternProperties ?? {})[0] ?? {};
}

function valuesOf(schema: SettingSchema): string {
  if (schema.enum) return listWords(schema.enum.map((word) => `\`${word}\``));
  if (schema.patternProperties) return 'map';
  const kinds: { readonly [type: string]: string } = {
    string: 'text',
    boolean: 'true or false',
    array: 'list',
    integer: 'whole number',
  };
  const kind = kinds[schema.type ?? ''] ?? `${schema.type}`;
  const { minimum, maximum } = schema;
  return minimum === undefined ? kind : `${kind} from ${minimum} to ${maximum}`;
}
