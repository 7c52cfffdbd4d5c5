/**
 * A small file beside each agent's log that says which process is the agent. /proc alone would
 * nearly do, but a process can write over its environment (setproctitle does), and one that it has
 * started in a session of its own (a browser) looks like an agent once the agent is dead.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdoptedAgent } from '../../../host/provisioner.ts';
import { pathFor } from './log-paths.ts';
import type { ProcessIdentity } from './process-table.ts';

const SUFFIX = '.process.json';

export interface ProcessRecord extends AdoptedAgent, ProcessIdentity {}

interface StoredRecord extends ProcessRecord {
  readonly poolId: string;
  /** Ticks count from the machine's start; after another one they mean nothing. */
  readonly bootId: string;
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // Where it is hidden, pid and start must do.
    return '';
  }
}

export class ProcessRecords {
  readonly #directory: string;
  readonly #poolId: string;
  readonly #bootId: string = readBootId();

  constructor(directory: string, poolId: string) {
    this.#directory = directory;
    this.#poolId = poolId;
  }

  write(record: ProcessRecord): void {
    const stored: StoredRecord = { ...record, poolId: this.#poolId, bootId: this.#bootId };
    mkdirSync(this.#directory, { recursive: true });
    writeFileSync(this.#path(record.agentId), `${JSON.stringify(stored)}\n`, { mode: 0o640 });
  }

  /** Null also for what is damaged, of another pool, or from before the machine's last start. */
  read(agentId: string): ProcessRecord | null {
    const record = this.#load(this.#path(agentId));
    return record?.agentId === agentId ? record : null;
  }

  all(): readonly ProcessRecord[] {
    let names: readonly string[];
    try {
      names = readdirSync(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .flatMap((name) => this.#load(join(this.#directory, name)) ?? []);
  }

  remove(agentId: string): void {
    rmSync(this.#path(agentId), { force: true });
  }

  #path(agentId: string): string {
    return pathFor(this.#directory, agentId, SUFFIX);
  }

  #load(path: string): ProcessRecord | null {
    let stored: Partial<StoredRecord> | null;
    try {
      stored = JSON.parse(readFileSync(path, 'utf8')) as Partial<StoredRecord> | null;
    } catch {
      // Also half a file, from a manager killed while it wrote: /proc says the rest.
      return null;
    }
    const { poolId, bootId, agentId, specialization, port, pid, startTicks } = stored ?? {};
    if (poolId !== this.#poolId || bootId !== this.#bootId) return null;
    if (typeof agentId !== 'string' || typeof specialization !== 'string') return null;
    const isWhole = [port, pid, startTicks].every(Number.isSafeInteger);
    return isWhole ? ({ agentId, specialization, port, pid, startTicks } as ProcessRecord) : null;
  }
}
