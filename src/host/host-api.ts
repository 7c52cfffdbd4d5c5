/** The host as edges see it (HTTP, sockets, CLI in process). Implemented by `Host` (host.ts). */
import type { Command } from '../core/command.ts';
import type { Event } from '../core/event.ts';
import type { Outcome, OutcomeOf } from '../core/outcome.ts';
import type { PoolQueries } from '../core/queries.ts';

/** The command was not carried out: nothing happened, and it can be sent again. */
export class NotReadyError extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'NotReadyError';
  }
}

export interface CommittedEvent {
  /** Numbered from 1 without gaps, across restarts. */
  readonly number: number;
  readonly event: Event;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for a person: 'starting', 'stopping', 'journal unwritable: …'. */
  readonly detail: string;
}

export interface PoolHost {
  /**
   * Resolves with the outcome once its events, and all it was decided on, are durable.
   * Rejects with NotReadyError if it was not carried out.
   */
  execute<C extends Command>(command: C): Promise<OutcomeOf<C>>;
  /**
   * As `execute`, for commands that have arrived together: one answer for all of them, when the last
   * is durable. None is carried out unless all are.
   */
  executeAll(commands: readonly Command[]): Promise<Outcome[]>;
  /** The query's result, once all that it could have seen is durable. Works while not ready. */
  read<T>(query: (pool: PoolQueries) => T): Promise<T>;
  /** Called with each durable batch, in order, after the replies it belongs to. */
  onCommitted(listener: (events: readonly CommittedEvent[]) => void): () => void;
  /** Durable events from number `from` on, up to now; throws JournalError if no longer kept. */
  history(from: number): AsyncIterable<CommittedEvent>;
  readiness(): Readiness;
  /** Refuses new commands, waits until all accepted ones are durable and answered, then closes. */
  close(): Promise<void>;
}
