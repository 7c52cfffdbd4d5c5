/**
 * A second pool that follows a journal and decides nothing. It takes the snapshots, so the writer
 * never stops for one; every snapshot is therefore also a rehearsal of a restart.
 */
import type { PoolOptions } from '../core/options.ts';
import type { Pool } from '../core/pool.ts';
import { encodeDump } from './codec.ts';
import { catchUp, loadPool } from './load.ts';
import type { JournalReader } from './ports.ts';

export class Follower {
  readonly #journal: JournalReader;
  readonly #pool: Pool;
  #lastEvent: number;

  private constructor(journal: JournalReader, pool: Pool, lastEvent: number) {
    this.#journal = journal;
    this.#pool = pool;
    this.#lastEvent = lastEvent;
  }

  static async start(journal: JournalReader, options: PoolOptions): Promise<Follower> {
    const { pool, lastEvent } = await loadPool(journal, options);
    return new Follower(journal, pool, lastEvent);
  }

  get lastEvent(): number {
    return this.#lastEvent;
  }

  async catchUp(): Promise<void> {
    this.#lastEvent = await catchUp(this.#journal, this.#pool, this.#lastEvent);
  }

  /** Saves the state as far as it has been followed; durable once resolved. */
  async snapshot(): Promise<number> {
    const chunks = encodeDump(this.#pool.dump());
    await this.#journal.saveSnapshot({ lastEvent: this.#lastEvent, chunks });
    return this.#lastEvent;
  }
}
