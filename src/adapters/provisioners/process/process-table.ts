/**
 * Which processes live, as /proc tells. Without it (macOS) nothing is ever found, so nothing that an
 * earlier manager has left behind is adopted or ended there.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { MARKS } from './command.ts';

/** A pid is used again; together with the start it names one process for good. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the machine's start. */
  readonly startTicks: number;
}

export interface ProcessEntry extends ProcessIdentity {
  readonly group: number;
  readonly session: number;
}

/** What the environment says that a process, or one that it descends from, was started for. */
export interface Mark {
  readonly agentId: string;
  readonly port: number;
  readonly specialization: string;
}

export interface TableEntry extends ProcessEntry {
  readonly mark: Mark | null;
}

/** A scan gives way to other work this often; on a full machine all of it takes tens of ms. */
const SLICE_MS = 2;

/** Gone meanwhile, or somebody else's. Anything else (no file handles left) is no answer at all. */
const UNSEEN = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

export const canSeeProcesses = (): boolean => existsSync('/proc/self/stat');

function unlessUnseen<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (UNSEEN.has((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** The process with this pid; null if there is none, or only its exit status is left (a zombie). */
export function readProcess(pid: number): ProcessEntry | null {
  const stat = unlessUnseen(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === null) return null;
  // The name before it is in parentheses, and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  const isZombie = fields[0] === 'Z' || fields[0] === 'X';
  // One whose first thread alone has ended looks like a zombie and works on.
  if (isZombie && field(20) <= 1) return null;
  return { pid, group: field(5), session: field(6), startTicks: field(22) };
}

export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  return readProcess(pid)?.startTicks === startTicks;
}

function readMark(pid: number, poolId: string): Mark | null {
  const environment = unlessUnseen(() => {
    // Another user could claim anything in an environment of his own.
    if (statSync(`/proc/${pid}`).uid !== process.geteuid?.()) return null;
    return readFileSync(`/proc/${pid}/environ`);
  });
  if (environment === null || !environment.includes(`${MARKS.poolId}=${poolId}\0`)) return null;
  const values = new Map<string, string>();
  for (const variable of environment.toString().split('\0')) {
    const equals = variable.indexOf('=');
    values.set(variable.slice(0, equals), variable.slice(equals + 1));
  }
  const agentId = values.get(MARKS.agentId);
  if (values.get(MARKS.poolId) !== poolId || agentId === undefined) return null;
  const port = Number(values.get(MARKS.port));
  return { agentId, port, specialization: values.get(MARKS.specialization) ?? '' };
}

/** All processes of the machine but this one and those that run in its group. */
async function scan(poolId: string): Promise<readonly TableEntry[]> {
  const pids = unlessUnseen(() => readdirSync('/proc')) ?? [];
  const ownGroup = readProcess(process.pid)?.group;
  const table: TableEntry[] = [];
  let sliceEnd = performance.now() + SLICE_MS;
  for (const name of pids) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const entry = readProcess(pid);
    if (entry === null || entry.group === ownGroup) continue;
    table.push({ ...entry, mark: readMark(pid, poolId) });
    if (performance.now() < sliceEnd) continue;
    await setImmediate();
    sliceEnd = performance.now() + SLICE_MS;
  }
  return table;
}

export class ProcessTable {
  readonly #poolId: string;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<readonly TableEntry[]> | null = null;

  constructor(poolId: string) {
    this.#poolId = poolId;
  }

  /** Looks at all processes after this call. Those who ask at the same time share the scan. */
  read(): Promise<readonly TableEntry[]> {
    if (this.#next !== null) return this.#next;
    const next = this.#running.then(() => {
      this.#next = null;
      return scan(this.#poolId);
    });
    this.#next = next;
    this.#running = next.catch(() => undefined);
    return next;
  }
}
