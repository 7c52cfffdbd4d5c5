/** The requests of a replay that are in the queue. */
import { keyOf, type TraceRow } from './trace.ts';

export interface WaitingRequest {
  readonly ticket: string;
  readonly row: TraceRow;
  readonly since: number;
}

export class WaitingRequests {
  readonly #byTicket = new Map<string, WaitingRequest>();
  /** Those that could share a lease, the oldest first. */
  readonly #byKey = new Map<string, Set<WaitingRequest>>();

  get size(): number {
    return this.#byTicket.size;
  }

  add(ticket: string, row: TraceRow, since: number): void {
    const request = { ticket, row, since };
    this.#byTicket.set(ticket, request);
    const key = keyOf(row);
    const others = this.#byKey.get(key);
    if (others) others.add(request);
    else this.#byKey.set(key, new Set([request]));
  }

  /** Throws for a ticket that does not wait. */
  remove(ticket: string): WaitingRequest {
    const request = this.#byTicket.get(ticket);
    if (request === undefined) throw new Error(`the ticket ${ticket} does not wait`);
    this.#byTicket.delete(ticket);
    const key = keyOf(request.row);
    const others = this.#byKey.get(key);
    others?.delete(request);
    if (others?.size === 0) this.#byKey.delete(key);
    return request;
  }

  /** The one that has waited longest. */
  oldestOf(key: string): WaitingRequest | undefined {
    return this.#byKey.get(key)?.values().next().value;
  }

  *[Symbol.iterator](): IterableIterator<WaitingRequest> {
    yield* this.#byTicket.values();
  }
}
