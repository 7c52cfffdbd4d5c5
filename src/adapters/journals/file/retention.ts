import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { pragma } from './database.ts';
import { unneededUpTo } from './snapshots.ts';

/** What one deletion frees at most; it must not keep an append waiting for ten milliseconds. */
const STEP_BYTES = 1024 * 1024;
const STEP_ROWS = 256;

/**
 * Deletes batches that no kept snapshot needs, oldest first, while those that are left fill more
 * than `retainBytes` of the database. The file does not shrink; new batches fill the gap.
 */
export class Retention {
  readonly #database: DatabaseSync;
  readonly #directory: string;
  readonly #retainBytes: number;
  readonly #pageBytes: number;
  readonly #oldest: StatementSync;
  readonly #remove: StatementSync;
  #upTo = 0;

  constructor(database: DatabaseSync, directory: string, retainBytes: number) {
    this.#database = database;
    this.#directory = directory;
    this.#retainBytes = retainBytes;
    this.#pageBytes = Number(pragma(database, 'page_size'));
    // The newest batch stays in any case: the next append is checked against it.
    this.#oldest = database.prepare(`
      SELECT first, length(payload) AS bytes FROM batch
      WHERE first + count - 1 <= ? AND first < (SELECT max(first) FROM batch)
      ORDER BY first LIMIT ${STEP_ROWS}
    `);
    this.#remove = database.prepare('DELETE FROM batch WHERE first <= ?');
  }

  async review(): Promise<void> {
    this.#upTo = await unneededUpTo(this.#directory);
  }

  /** Deletes a little, in a transaction of its own. Returns whether there may be more. */
  prune(): boolean {
    let spare = Math.min(this.#usedBytes() - this.#retainBytes, STEP_BYTES);
    if (this.#upTo === 0 || spare <= 0) return false;
    let last: number | null = null;
    for (const row of this.#oldest.iterate(this.#upTo)) {
      if (spare <= 0) break;
      spare -= Number(row.bytes);
      last = Number(row.first);
    }
    if (last === null) return false;
    this.#remove.run(last);
    return true;
  }

  #usedBytes(): number {
    const pages = pragma(this.#database, 'page_count');
    const free = pragma(this.#database, 'freelist_count');
    return (Number(pages) - Number(free)) * this.#pageBytes;
  }
}
