/** The storage under test and the journals on it. */
import { it } from 'vitest';
import type { Journal } from '../../src/host/ports.ts';

export interface JournalStorage {
  /** A new instance on this storage, as another process would make it. */
  connect(): Journal;
  /** Lets a second writer in while the first still believes that it is the writer. */
  loseLock?(): Promise<void>;
  /** Changes a stored byte of the batch that begins with this event. No journal is open. */
  damageBatch?(first: number): Promise<void>;
  /** Changes a stored byte of this snapshot. No journal is open. */
  damageSnapshot?(lastEvent: number): Promise<void>;
  /** After the last test's journals were closed. */
  dispose(): Promise<void>;
}

export interface StorageOptions {
  /** How much the storage keeps of batches that no snapshot needs. */
  readonly retainBytes: number;
}

/** Clauses that an adapter leaves out, each with its reason. */
export type SkippedClauses = {
  readonly [clause in 'lost lock' | 'damaged batch' | 'damaged snapshot' | 'retention']?: string;
};

/** The journals of one test. */
export class JournalHarness {
  readonly #make: (options: StorageOptions) => JournalStorage | Promise<JournalStorage>;
  readonly #skipped: SkippedClauses;
  #storage: JournalStorage | null = null;
  #journals: Journal[] = [];

  constructor(
    make: (options: StorageOptions) => JournalStorage | Promise<JournalStorage>,
    skipped: SkippedClauses,
  ) {
    this.#make = make;
    this.#skipped = skipped;
  }

  /** An empty storage; one that was used before is given up. */
  async begin(retainBytes: number = Number.MAX_SAFE_INTEGER): Promise<void> {
    await this.end();
    this.#storage = await this.#make({ retainBytes });
  }

  async end(): Promise<void> {
    await this.closeAll();
    await this.#storage?.dispose();
    this.#storage = null;
  }

  get storage(): JournalStorage {
    if (this.#storage === null) throw new Error('begin() comes first');
    return this.#storage;
  }

  connect(): Journal {
    const journal = this.storage.connect();
    this.#journals.push(journal);
    return journal;
  }

  async openNew(): Promise<{ journal: Journal; epoch: number; lastEvent: number }> {
    const journal = this.connect();
    return { journal, ...(await journal.open()) };
  }

  async closeAll(): Promise<void> {
    for (const journal of this.#journals.splice(0)) await journal.close();
  }

  /** Registers a test, or the reason why it is left out. */
  unlessSkipped(clause: keyof SkippedClauses, title: string, test: () => Promise<void>): void {
    const reason = this.#skipped[clause];
    if (reason === undefined) it(title, test);
    else it.skip(`${title} (left out: ${reason})`, test);
  }
}
