/**
 * A journal as one process sees it: what the disk answers comes to the process as a thing of its
 * own. The process may be stopped, or dead, by then; what was written is written all the same.
 */
import type { Batch, Journal, Snapshot } from '../../src/host/ports.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';

export class ProcessJournal implements Journal {
  readonly name: string;
  readonly #inner: Journal;
  readonly #scheduler: Scheduler;
  readonly #process: SimProcess;
  readonly #onRead: () => void;

  /** `onRead` is called when all that there is has been read, before anybody hears of it. */
  constructor(inner: Journal, scheduler: Scheduler, process: SimProcess, onRead: () => void) {
    this.name = inner.name;
    this.#inner = inner;
    this.#scheduler = scheduler;
    this.#process = process;
    this.#onRead = onRead;
  }

  open(): Promise<{ epoch: number; lastEvent: number }> {
    return this.#answered(this.#inner.open());
  }

  append(batch: Batch): Promise<void> {
    return this.#answered(this.#inner.append(batch));
  }

  probe(): Promise<void> {
    return this.#answered(this.#inner.probe());
  }

  lastEvent(): Promise<number> {
    return this.#answered(this.#inner.lastEvent());
  }

  async *read(from: number): AsyncGenerator<Batch> {
    const batches: Batch[] = [];
    let failure: { readonly error: unknown } | null = null;
    const all = async (): Promise<void> => {
      try {
        for await (const batch of this.#inner.read(from)) batches.push(batch);
      } catch (error) {
        failure = { error };
      }
      this.#onRead();
    };
    await this.#answered(all());
    yield* batches;
    const { error } = (failure ?? {}) as { readonly error?: unknown };
    if (error !== undefined) throw error as Error;
  }

  loadSnapshot(): Promise<Snapshot | null> {
    return this.#answered(this.#inner.loadSnapshot());
  }

  saveSnapshot(snapshot: Snapshot): Promise<void> {
    return this.#answered(this.#inner.saveSnapshot(snapshot));
  }

  close(): Promise<void> {
    return this.#answered(this.#inner.close());
  }

  #answered<T>(result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      result.then(
        (value) => this.#scheduler.soon(this.#process, () => resolve(value)),
        (error: unknown) => this.#scheduler.soon(this.#process, () => reject(error as Error)),
      );
    });
  }
}
