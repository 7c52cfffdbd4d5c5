/** A pool rebuilt from its journal: the newest snapshot, then every event after it. */
import type { PoolOptions } from '../core/options.ts';
import { Pool } from '../core/pool.ts';
import { decodeDump, decodeEvents } from './codec.ts';
import { JournalError, type JournalReader } from './ports.ts';

export interface Loaded {
  readonly pool: Pool;
  /** The number of the last event that the pool includes. */
  readonly lastEvent: number;
  readonly fromSnapshot: number;
}

export async function loadPool(journal: JournalReader, options: PoolOptions): Promise<Loaded> {
  const pool = new Pool(options);
  const snapshot = await journal.loadSnapshot();
  if (snapshot !== null) pool.restore(decodeDump(snapshot.chunks));
  const fromSnapshot = snapshot?.lastEvent ?? 0;
  const lastEvent = await catchUp(journal, pool, fromSnapshot);
  return { pool, lastEvent, fromSnapshot };
}

/** Applies the events after `lastEvent`; the number of the last one then. */
export async function catchUp(
  journal: JournalReader,
  pool: Pool,
  lastEvent: number,
): Promise<number> {
  let last = lastEvent;
  for await (const batch of journal.read(last + 1)) {
    // A snapshot may end within a batch; what it includes is not applied twice.
    const events = decodeEvents(batch.payload).slice(last + 1 - batch.first);
    try {
      pool.apply(events);
    } catch (error) {
      throw new JournalError(
        'corrupt',
        `The events ${batch.first} to ${batch.first + batch.count - 1} do not follow from those ` +
          `before them: ${(error as Error).message}. Run \`remuda journal verify\`.`,
        { cause: error },
      );
    }
    last = batch.first + batch.count - 1;
  }
  return last;
}
