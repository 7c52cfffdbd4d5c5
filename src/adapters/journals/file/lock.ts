/**
 * One writer a directory. The lock is SQLite's own on a file without content: the operating system
 * takes it away when the process dies, however it dies, so a crash leaves nothing to clean up. The
 * file stays for ever, because removing a lock file lets two writers lock two files of one name.
 */
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../../../host/ports.ts';
import { isBusy, toJournalError } from './faults.ts';
import type { JournalPaths } from './paths.ts';

interface Holder {
  readonly pid: number;
  readonly since: string;
  readonly host: string;
}

function describeHolder(path: string): string {
  try {
    const { pid, since, host } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>;
    if (pid === undefined || since === undefined) return '';
    const where = host === undefined || host === hostname() ? '' : ` on ${host}`;
    return ` (process ${pid}${where} since ${since})`;
  } catch {
    // Only the message is poorer; the lock itself has decided.
    return '';
  }
}

export class WriterLock {
  readonly #paths: JournalPaths;
  readonly #database: DatabaseSync;

  /** Throws JournalError `fenced` while another one holds the lock. */
  constructor(paths: JournalPaths) {
    this.#paths = paths;
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(paths.lock, { timeout: 0 });
      // Without a journal file of its own, which a killed process would leave behind.
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    } catch (error) {
      database?.close();
      if (!isBusy(error)) throw toJournalError(error, paths.directory, paths.lock);
      throw new JournalError(
        'fenced',
        `The data directory ${paths.directory} is in use by another Remuda${describeHolder(paths.holder)}. Stop it, or give this one a directory of its own (journal.url).`,
        { cause: error },
      );
    }
    this.#database = database;
    this.#introduce();
  }

  #introduce(): void {
    const holder: Holder = {
      pid: process.pid,
      since: new Date().toISOString(),
      host: hostname(),
    };
    try {
      writeFileSync(this.#paths.holder, `${JSON.stringify(holder)}\n`);
    } catch {
      // It serves a message only; a full disk must not keep the writer from starting for it.
    }
  }

  release(): void {
    try {
      unlinkSync(this.#paths.holder);
    } catch {
      // It serves a message only, and only beside a lock that is held.
    }
    this.#database.close();
  }
}
