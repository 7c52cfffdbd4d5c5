/** A journal that keeps nothing: for runs whose events are looked at once and never read again. */
import type { Batch, Journal } from '../../host/ports.ts';

export class NoJournal implements Journal {
  readonly name: string = 'no journal';
  #lastEvent = 0;

  async open(): Promise<{ epoch: number; lastEvent: number }> {
    return { epoch: 1, lastEvent: this.#lastEvent };
  }

  async append({ first, count }: Batch): Promise<void> {
    this.#lastEvent = first + count - 1;
  }

  async lastEvent(): Promise<number> {
    return this.#lastEvent;
  }

  async *read(): AsyncIterable<Batch> {}

  async loadSnapshot(): Promise<null> {
    return null;
  }

  async saveSnapshot(): Promise<void> {}

  async probe(): Promise<void> {}

  async close(): Promise<void> {}
}
