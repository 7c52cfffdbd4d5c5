import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** What a data directory holds, besides the snapshots (see snapshots.ts). */
export interface JournalPaths {
  readonly directory: string;
  /** SQLite database with the batches; its write-ahead log and that log's index are beside it. */
  readonly database: string;
  readonly wal: string;
  readonly shm: string;
  /** The newest event ever acknowledged (see mark.ts). */
  readonly mark: string;
  /** Locked for as long as a writer lives (see lock.ts), and who that is. */
  readonly lock: string;
  readonly holder: string;
}

export function pathsIn(directory: string): JournalPaths {
  const root = resolve(directory);
  const database = join(root, 'journal.db');
  return {
    directory: root,
    database,
    wal: `${database}-wal`,
    shm: `${database}-shm`,
    mark: join(root, 'journal.mark'),
    lock: join(root, 'writer.lock'),
    holder: join(root, 'writer.json'),
  };
}

/** Makes the names in a directory durable: a synced file is lost with an unsynced entry. */
export function syncDirectory(directory: string): void {
  // Windows keeps its directories durable by itself and opens none as a file.
  if (process.platform === 'win32') return;
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Like `mkdir -p`, durably. It holds tenants and credentials: nobody else may look inside. */
export function makeDirectory(directory: string): void {
  const topmost = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (topmost === undefined) return;
  for (let path = directory; path.length >= topmost.length; path = dirname(path)) {
    syncDirectory(dirname(path));
  }
}
