/** What the environment and the flags ask for. All faults come back at once. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { LIMITS } from './limits.ts';

export interface ChatSettings {
  readonly url: URL;
  readonly model: string;
  readonly key: string | null;
}

export interface Settings {
  readonly agentId: string;
  readonly port: number;
  readonly specialization: string;
  /** The pool. */
  readonly url: URL;
  readonly apiKey: string | null;
  readonly slots: number;
  readonly heartbeatMs: number;
  readonly searchRoot: string;
  /** Null where no model is configured. */
  readonly chat: ChatSettings | null;
}

export type SettingsResult =
  | { readonly outcome: 'settings'; readonly settings: Settings }
  | { readonly outcome: 'help' }
  | { readonly outcome: 'faults'; readonly faults: readonly string[] };

type Environment = { readonly [name: string]: string | undefined };

/** Each flag with the variable that says the same, and what it is when neither is given. */
const OPTIONS: {
  readonly [flag: string]: { readonly variable?: string; readonly fallback?: string };
} = {
  'agent-id': { variable: 'REMUDA_AGENT_ID' },
  port: { variable: 'REMUDA_PORT' },
  specialization: { variable: 'REMUDA_SPECIALIZATION', fallback: 'general' },
  url: { variable: 'REMUDA_URL', fallback: 'http://127.0.0.1:8766' },
  slots: { fallback: '1' },
  'heartbeat-sec': { fallback: '5' },
  'search-root': { fallback: '.' },
};

/** A value, or in words what is wrong with it. */
type Parsed<T> = { readonly value: T } | { readonly fault: string };

interface Given {
  /** `--port` or `REMUDA_PORT` */
  readonly source: string;
  readonly text: string;
}

export function readSettings(args: readonly string[], env: Environment): SettingsResult {
  const { flags, faults, wantsHelp } = readFlags(args);
  if (wantsHelp) return { outcome: 'help' };
  const take = <T>(given: Given | null, parse: (text: string) => Parsed<T>): T | null => {
    if (given === null) return null;
    const parsed = parse(given.text);
    if ('value' in parsed) return parsed.value;
    faults.push(`${given.source}: ${parsed.fault}`);
    return null;
  };
  const option = <T>(flag: string, parse: (text: string) => Parsed<T>): T | null => {
    const { variable, fallback } = OPTIONS[flag] ?? {};
    const flagged = flags.get(flag);
    if (flagged === null) return null;
    const standard = fallback === undefined ? null : of(`--${flag}`, fallback);
    const given =
      flagged === undefined ? (variableOf(env, variable) ?? standard) : of(`--${flag}`, flagged);
    if (given === null) faults.push(`--${flag} or ${variable}: is missing`);
    return take(given, parse);
  };

  const agentId = option('agent-id', parseAgentId);
  const port = option('port', (text) => parseNumber(text, 0, 65_535, true));
  const specialization = option('specialization', parseName);
  const url = option('url', parseUrl);
  const slots = option('slots', (text) => parseNumber(text, 1, LIMITS.slots, true));
  const { heartbeatSecMin, heartbeatSecMax } = LIMITS;
  const heartbeatSec = option('heartbeat-sec', (text) =>
    parseNumber(text, heartbeatSecMin, heartbeatSecMax, false),
  );
  const searchRoot = option('search-root', parseDirectory);
  const apiKey = take(variableOf(env, 'REMUDA_API_KEY'), parseKey);

  const chatUrl = variableOf(env, 'OPENAI_BASE_URL');
  const model = variableOf(env, 'OPENAI_MODEL');
  const chatBase = take(chatUrl, parseUrl);
  // Without an address the other two are likely meant for some other program.
  const chatKey = chatUrl && take(variableOf(env, 'OPENAI_API_KEY'), parseKey);
  if (chatUrl && !model) faults.push('OPENAI_MODEL: is needed as well as OPENAI_BASE_URL');

  if (
    faults.length > 0 ||
    agentId === null ||
    port === null ||
    specialization === null ||
    url === null ||
    slots === null ||
    heartbeatSec === null ||
    searchRoot === null
  ) {
    return { outcome: 'faults', faults };
  }
  const chat = chatBase && model ? { url: chatBase, model: model.text, key: chatKey } : null;
  const heartbeatMs = heartbeatSec * 1_000;
  return {
    outcome: 'settings',
    settings: { agentId, port, specialization, url, apiKey, slots, heartbeatMs, searchRoot, chat },
  };
}

interface Flags {
  /** Null: the flag is there and its value is not. */
  readonly flags: ReadonlyMap<string, string | null>;
  readonly faults: string[];
  readonly wantsHelp: boolean;
}

function readFlags(args: readonly string[]): Flags {
  const flags = new Map<string, string | null>();
  const faults: string[] = [];
  const wantsHelp = args.includes('--help') || args.includes('-h');
  for (let index = 0; index < args.length; index += 1) {
    const [, name = '', text] = /^--([^=]+)(?:=(.*))?$/s.exec(args[index] ?? '') ?? [];
    const next = args[index + 1];
    const takesNext = text === undefined && next !== undefined && !next.startsWith('--');
    const value = text ?? (takesNext ? next : undefined);
    if (!Object.hasOwn(OPTIONS, name)) {
      faults.push(`${quote(args[index] ?? '')}: is not a flag of this program; --help lists them`);
      continue;
    }
    if (takesNext) index += 1;
    if (value === undefined) faults.push(`--${name}: needs a value`);
    else if (flags.has(name)) faults.push(`--${name}: is given more than once`);
    flags.set(name, value ?? null);
  }
  return { flags, faults, wantsHelp };
}

const of = (source: string, text: string): Given => ({ source, text });

/** An empty variable is what a script leaves that has nothing to give. */
function variableOf(env: Environment, name: string | undefined): Given | null {
  const text = name === undefined ? undefined : env[name]?.trim();
  return name === undefined || !text ? null : of(name, text);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function parseNumber(text: string, least: number, most: number, isWhole: boolean): Parsed<number> {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return { value };
  const wanted = isWhole ? 'a whole number' : 'a number';
  return { fault: `must be ${wanted} from ${least} to ${most}, not ${quote(text)}` };
}

/** The pool's own rule: anything else could not be written into a path. */
function parseAgentId(text: string): Parsed<string> {
  const isValid =
    /^(?!\.{1,2}$)[^\s/\p{Cc}\p{Cs}]+$/u.test(text) && [...text].length <= LIMITS.agentIdLength;
  if (isValid) return { value: text };
  return {
    fault: `must be 1 to ${LIMITS.agentIdLength} characters without spaces and slashes, not ${quote(text)}`,
  };
}

function parseName(text: string): Parsed<string> {
  const isValid = /^[^\p{Cc}\p{Cs}]+$/u.test(text) && [...text].length <= LIMITS.nameLength;
  if (isValid) return { value: text };
  return { fault: `must be 1 to ${LIMITS.nameLength} characters, not ${quote(text)}` };
}

/** The faults of an address never repeat it: it could hold a password. */
function parseUrl(text: string): Parsed<URL> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return { fault: 'must be an address that begins with http:// or https://' };
  }
  if (url.username !== '' || url.password !== '') {
    return { fault: 'must not hold a user name or a password; keys have variables of their own' };
  }
  if (url.search !== '' || url.hash !== '') return { fault: 'must not hold a "?" or a "#"' };
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return { value: url };
}

/** Anything else could not be sent in a header. The fault never repeats the key. */
function parseKey(text: string): Parsed<string> {
  if (/^[!-~]+$/.test(text)) return { value: text };
  return { fault: 'is not a key: keys are printable ASCII without spaces' };
}

function parseDirectory(text: string): Parsed<string> {
  try {
    const directory = resolve(text);
    if (statSync(directory).isDirectory()) return { value: directory };
  } catch {
    // Missing, forbidden or no path at all: one answer serves.
  }
  return { fault: `must be a directory that can be read, and ${quote(text)} is none` };
}
