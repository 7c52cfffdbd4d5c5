/**
 * The host, from before it exists. The server listens while the journal is still being read, so
 * that a long start can be told from a dead process; until then every command is "not ready".
 */
import type { Command } from '../core/command.ts';
import type { Outcome, OutcomeOf } from '../core/outcome.ts';
import type { PoolQueries } from '../core/queries.ts';
import {
  type CommittedEvent,
  NotReadyError,
  type PoolHost,
  type Readiness,
} from '../host/host-api.ts';

type Listener = (events: readonly CommittedEvent[]) => void;

const STARTING = 'the pool is starting: it is reading its journal';

export class HostSlot implements PoolHost {
  #host: PoolHost | null = null;
  /** Subscribed before there was a host; each with its way out. */
  readonly #waiting = new Map<Listener, () => void>();

  fill(host: PoolHost): void {
    this.#host = host;
    for (const listener of this.#waiting.keys()) {
      this.#waiting.set(listener, host.onCommitted(listener));
    }
  }

  async execute<C extends Command>(command: C): Promise<OutcomeOf<C>> {
    return this.#filled().execute(command);
  }

  async executeAll(commands: readonly Command[]): Promise<Outcome[]> {
    return this.#filled().executeAll(commands);
  }

  async read<T>(query: (pool: PoolQueries) => T): Promise<T> {
    return this.#filled().read(query);
  }

  onCommitted(listener: Listener): () => void {
    if (this.#host) return this.#host.onCommitted(listener);
    this.#waiting.set(listener, () => {});
    return () => {
      this.#waiting.get(listener)?.();
      this.#waiting.delete(listener);
    };
  }

  history(from: number): AsyncIterable<CommittedEvent> {
    return this.#filled().history(from);
  }

  readiness(): Readiness {
    return this.#host?.readiness() ?? { ready: false, detail: STARTING };
  }

  async close(): Promise<void> {
    await this.#host?.close();
  }

  #filled(): PoolHost {
    if (this.#host === null) throw new NotReadyError(STARTING);
    return this.#host;
  }
}
