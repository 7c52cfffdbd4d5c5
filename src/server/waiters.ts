/**
 * Those who wait for a ticket to end. The events say when to look; what is found then is what
 * counts, so an event that is missed costs patience but never a wrong answer.
 */
import type { TicketView } from '../core/outcome.ts';
import type { CommittedEvent, PoolHost } from '../host/host-api.ts';

/** `gone`: whoever waited has hung up. `stopping`: the server wants to end. */
export type WaitEnd = 'ended' | 'timeout' | 'gone' | 'stopping';

export interface WaitResult {
  readonly end: WaitEnd;
  /** As it is after the wait; null if the pool has forgotten it. */
  readonly ticket: TicketView | null;
}

type Wake = (end: WaitEnd) => void;

export class Waiters {
  readonly #host: PoolHost;
  readonly #byTicket = new Map<string, Set<Wake>>();
  readonly #unsubscribe: () => void;
  #stopped = false;

  constructor(host: PoolHost) {
    this.#host = host;
    this.#unsubscribe = host.onCommitted((events) => this.#committed(events));
  }

  get size(): number {
    let size = 0;
    for (const wakes of this.#byTicket.values()) size += wakes.size;
    return size;
  }

  /** Resolves when the ticket has ended, the time is up, `gone` fires or the server stops. */
  async wait(id: string, ms: number, gone: AbortSignal): Promise<WaitResult> {
    // First in line, then the look: a ticket that ends in between would never be noticed otherwise.
    const { ended, cancel } = this.#enter(id, ms, gone);
    try {
      const now = await this.#read(id);
      if (now === null || now.state !== 'queued') return { end: 'ended', ticket: now };
      const end = await ended;
      return { end, ticket: await this.#read(id) };
    } finally {
      cancel();
    }
  }

  /** Answers everybody who waits, and from now on lets nobody wait. */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    for (const wakes of this.#byTicket.values()) for (const wake of wakes) wake('stopping');
  }

  #read(id: string): Promise<TicketView | null> {
    return this.#host.read((pool) => pool.ticket(id));
  }

  #enter(id: string, ms: number, gone: AbortSignal): { ended: Promise<WaitEnd>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<WaitEnd>();
    if (this.#stopped) resolve('stopping');
    if (gone.aborted) resolve('gone');
    const timer = setTimeout(resolve, ms, 'timeout');
    const hangUp = (): void => resolve('gone');
    gone.addEventListener('abort', hangUp);
    const wakes = this.#byTicket.get(id) ?? new Set<Wake>();
    this.#byTicket.set(id, wakes.add(resolve));
    return {
      ended: promise,
      cancel: () => {
        clearTimeout(timer);
        gone.removeEventListener('abort', hangUp);
        wakes.delete(resolve);
        if (wakes.size === 0) this.#byTicket.delete(id);
      },
    };
  }

  #committed(events: readonly CommittedEvent[]): void {
    if (this.#byTicket.size === 0) return;
    for (const { event } of events) {
      if (event.type !== 'ticket_ended') continue;
      for (const wake of this.#byTicket.get(event.ticket) ?? []) wake('ended');
    }
  }
}
