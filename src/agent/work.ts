/** One piece of work as a client asks for it: every field checked, all faults at once. */
import { LIMITS } from './limits.ts';
import type { Fault } from './problem.ts';

export interface Message {
  readonly role: (typeof ROLES)[number];
  readonly content: string;
}

export type Work = {
  /** Who it is for; the agent only names them in its log when something fails. */
  readonly tenant?: string;
  readonly lease_id?: string;
} & (
  | { readonly task: 'summarize'; readonly text: string; readonly sentences: number }
  | { readonly task: 'count'; readonly text: string }
  | { readonly task: 'search'; readonly query: string; readonly path: string }
  | { readonly task: 'chat'; readonly messages: readonly Message[] }
);

export type WorkResult =
  | { readonly ok: true; readonly work: Work }
  | { readonly ok: false; readonly faults: readonly Fault[]; readonly total: number };

const ROLES = ['system', 'user', 'assistant'] as const;
const SENTENCES = 3;

type Values = { readonly [field: string]: unknown };
/** In words what is wrong with a value, or null. */
type Check = (value: unknown) => string | null;

interface Field {
  readonly check: Check;
  /** What it is when it is not given; without one it must be. */
  readonly standard?: unknown;
}

const TEXT: Field = { check: (value) => (typeof value === 'string' ? null : 'must be a text') };

const TASKS: { readonly [task in Work['task']]: { readonly [field: string]: Field } } = {
  summarize: {
    text: TEXT,
    sentences: { check: isSentenceCount, standard: SENTENCES },
  },
  count: { text: TEXT },
  search: {
    query: { check: (value) => lineFault(value, LIMITS.queryLength) },
    path: { check: (value) => lineFault(value, LIMITS.pathLength), standard: '.' },
  },
  // The messages have a shape of their own and are checked beside the others.
  chat: { messages: { check: () => null } },
};

const COMMON: { readonly [field: string]: Field } = {
  tenant: { check: (value) => lineFault(value, LIMITS.tenantLength), standard: undefined },
  lease_id: { check: (value) => lineFault(value, LIMITS.leaseIdLength), standard: undefined },
};

export function readWork(body: unknown): WorkResult {
  if (!isObject(body)) return failed([{ path: '/', message: 'must be a JSON object' }]);
  const { task } = body;
  if (!isTask(task)) {
    const message = task === undefined ? 'is missing' : `must be ${Object.keys(TASKS).join(', ')}`;
    return failed([{ path: '/task', message }]);
  }
  const fields = { ...TASKS[task], ...COMMON };
  const faults: Fault[] = [];
  const work: { [field: string]: unknown } = { task };
  for (const name of Object.keys(body)) {
    if (name === 'task' || Object.hasOwn(fields, name)) continue;
    faults.push({ path: pointer(name), message: `is not a field of the task ${task}` });
  }
  for (const [name, field] of Object.entries(fields)) {
    const value = body[name];
    if (value === undefined) {
      if ('standard' in field) work[name] = field.standard;
      else faults.push({ path: `/${name}`, message: 'is missing' });
      continue;
    }
    const message = field.check(value);
    if (message !== null) faults.push({ path: `/${name}`, message });
    work[name] = value;
  }
  if (task === 'chat' && body.messages !== undefined) faults.push(...messageFaults(body.messages));
  return faults.length > 0 ? failed(faults) : { ok: true, work: work as unknown as Work };
}

function failed(faults: readonly Fault[]): WorkResult {
  return { ok: false, faults: faults.slice(0, LIMITS.faults), total: faults.length };
}

function isTask(value: unknown): value is Work['task'] {
  return typeof value === 'string' && Object.hasOwn(TASKS, value);
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON pointer to a field that a client may have called anything. */
function pointer(name: string): string {
  const short = name.length > 64 ? `${name.slice(0, 64)}…` : name;
  return `/${short.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function isSentenceCount(value: unknown): string | null {
  const isValid =
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LIMITS.sentences;
  return isValid ? null : `must be a whole number from 1 to ${LIMITS.sentences}`;
}

function lineFault(value: unknown, most: number): string | null {
  if (typeof value !== 'string') return 'must be a text';
  if (value === '' || value.length > most) return `must have 1 to ${most} characters`;
  return /[\p{Cc}\p{Cs}]/u.test(value) ? 'must not contain control characters' : null;
}

function messageFaults(value: unknown): readonly Fault[] {
  const path = '/messages';
  if (!Array.isArray(value)) return [{ path, message: 'must be a list' }];
  if (value.length < 1 || value.length > LIMITS.messages) {
    return [{ path, message: `must have 1 to ${LIMITS.messages} messages` }];
  }
  return value.flatMap((message, index) => {
    const at = `${path}/${index}`;
    if (!isObject(message)) return [{ path: at, message: 'must be an object' }];
    const faults: Fault[] = Object.keys(message)
      .filter((name) => name !== 'role' && name !== 'content')
      .map((name) => ({ path: at + pointer(name), message: 'is not a field of a message' }));
    if (!ROLES.some((role) => role === message.role)) {
      faults.push({ path: `${at}/role`, message: `must be ${ROLES.join(', ')}` });
    }
    if (typeof message.content !== 'string') {
      faults.push({ path: `${at}/content`, message: 'must be a text' });
    }
    return faults;
  });
}
