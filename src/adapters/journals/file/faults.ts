/** What went wrong on the disk, in words that tell an operator what to do. */
import { accessSync, closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { JournalError, type JournalFault } from '../../../host/ports.ts';

/** How long SQLite waits for another program's lock before it gives up. */
export const BUSY_TIMEOUT_MS = 5_000;

/** SQLite's primary result codes; an extended code carries one of them in its low byte. */
const SQLITE = {
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
};

const TRIAL_BYTES = 64 * 1024;

interface SystemFault {
  /** Of the operating system, or of Node. */
  readonly code?: string;
  /** Of SQLite. */
  readonly errcode?: number;
}

function sqliteCode(error: unknown): number | undefined {
  const code = (error as SystemFault | null)?.errcode;
  return code === undefined ? undefined : code & 0xff;
}

export const isBusy = (error: unknown): boolean => sqliteCode(error) === SQLITE.BUSY;
export const isInputOutput = (error: unknown): boolean => sqliteCode(error) === SQLITE.IOERR;
export const cannotOpen = (error: unknown): boolean => sqliteCode(error) === SQLITE.CANTOPEN;

/**
 * Writes a small file and removes it. It throws the operating system's reason why nothing can be
 * written there, which SQLite does not tell.
 */
export function tryToWrite(directory: string): void {
  const path = join(directory, `.trial-${process.pid}-${threadId}`);
  const handle = openSync(path, 'w');
  try {
    writeSync(handle, new Uint8Array(TRIAL_BYTES));
  } finally {
    closeSync(handle);
    rmSync(path, { force: true });
  }
}

/** A reader leaves no trace, so it only asks for permission. */
const tryToRead = (path: string): void => accessSync(path, constants.R_OK);

function codeOf(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as SystemFault).code;
  }
}

function user(): string {
  const id = process.getuid?.();
  return id === undefined ? 'this user' : `user ${id}`;
}

/** The fault and the words for an error code of the operating system; null for a rare one. */
function describe(code: string | undefined, directory: string): [JournalFault, string] | null {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return ['full', fullMessage(directory)];
    case 'EROFS':
      return [
        'readonly',
        `${directory} is on a read-only file system. Mount it writable, or choose another directory (journal.url).`,
      ];
    case 'EACCES':
    case 'EPERM':
      return [
        'readonly',
        `${directory}: permission denied. Make the directory and its files readable and writable for ${user()}, or choose another directory (journal.url).`,
      ];
    case 'ENOTDIR':
    case 'EEXIST':
      return [
        'io',
        `${directory} is not a directory. Remove that file, or choose another directory (journal.url).`,
      ];
    case 'ENOENT':
      return [
        'io',
        `${directory} is not complete: a file has vanished. Was it removed while in use?`,
      ];
    default:
      return null;
  }
}

const fullMessage = (directory: string) =>
  `The disk that holds ${directory} is full; nothing of this write was kept. Free some space there, or move the directory to a larger disk (journal.url).`;

function rare(path: string, detail: string): [JournalFault, string] {
  return [
    'io',
    `${path}: ${detail}. Look at the disk and at the kernel's log (dmesg); remuda journal verify checks what is stored.`,
  ];
}

/** SQLite would delete the log of such a database. */
export const EMPTY_BESIDE_LOG = 'it is empty or missing, and its log still holds batches';

/** Stored bytes are not what was written. */
export function damaged(path: string, what: string, cause?: unknown): JournalError {
  return new JournalError(
    'corrupt',
    `${path} is damaged: ${what}. Nothing was changed. Keep a copy of the directory, then restore it from a backup; remuda journal verify lists every fault.`,
    { cause },
  );
}

/** The error for the operator. `path` is the file that it happened to, if it was a file. */
export function toJournalError(
  error: unknown,
  directory: string,
  path: string,
  doing: 'reading' | 'writing' = 'writing',
): JournalError {
  if (error instanceof JournalError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const { code } = (error ?? {}) as SystemFault;
  const make = ([fault, message]: [JournalFault, string]) =>
    new JournalError(fault, message, { cause: error });
  const probed = () =>
    describe(
      codeOf(() => (doing === 'reading' ? tryToRead(path) : tryToWrite(directory))),
      directory,
    );

  switch (sqliteCode(error)) {
    case SQLITE.FULL:
      return make(['full', fullMessage(directory)]);
    case SQLITE.CORRUPT:
      return damaged(path, detail, error);
    case SQLITE.NOTADB:
      return damaged(path, 'it is not a database, or its beginning was overwritten', error);
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return make([
        'io',
        `Another program has kept ${path} locked for ${BUSY_TIMEOUT_MS / 1000} s. Close it there (a database browser, a backup).`,
      ]);
    case SQLITE.READONLY:
      return make(
        probed() ?? [
          'readonly',
          `${path} is not writable. Make it writable for ${user()}, or choose another directory (journal.url).`,
        ],
      );
    case SQLITE.IOERR:
    case SQLITE.CANTOPEN:
      return make(probed() ?? rare(path, detail));
    default:
      // A number too large for JavaScript was never stored: the page that it comes from is damaged.
      if (code === 'ERR_OUT_OF_RANGE') return damaged(path, detail, error);
      return make(describe(code, directory) ?? rare(path, detail));
  }
}
