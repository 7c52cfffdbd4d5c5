/**
 * Requests that wait in the queue. On a socket the pool tells when one has ended, and reading the
 * ticket then claims its leases. Over HTTP the read itself waits.
 */
import { ConnectionError } from '../errors.ts';
import { makeError } from '../make-error.ts';
import { surface } from '../net/wait.ts';
import { type CallOf, ticketInfo, type WireTicket } from '../wire.ts';
import type { TicketInfo } from '../words.ts';
import type { Session } from './session.ts';

const WATCHED_AT_ONCE = 1_000;
const WAIT_SEC = 30;
/** How often the place in the queue is looked at for those who want to know it. */
const PLACE_MS = 10_000;
/** A push can be lost. This long after its time a ticket is asked for. */
const SLACK_MS = 2_000;

interface Followed {
  readonly ticketId: string;
  readonly resolve: (ticket: WireTicket) => void;
  readonly reject: (error: unknown) => void;
  readonly listeners: Set<(ticket: TicketInfo) => void>;
  readonly promise: Promise<WireTicket>;
  /** When it will have given up, by the clock of this machine. */
  readonly endsAt: number;
  place: string;
  timer: ReturnType<typeof setTimeout> | undefined;
  isReading: boolean;
  /** Something was told during the read, which may have come too early for it. */
  isStale: boolean;
}

export class Tickets {
  readonly #session: Session;
  readonly #followed = new Map<string, Followed>();

  constructor(session: Session) {
    this.#session = session;
    session.closed.addEventListener('abort', () => {
      for (const followed of this.#followed.values()) {
        this.#settle(followed, () => followed.reject(session.closed.reason));
      }
    });
  }

  /** Resolves with the ticket once it has ended, whichever way. */
  follow(ticket: WireTicket, onQueued?: (ticket: TicketInfo) => void): Promise<WireTicket> {
    let followed = this.#followed.get(ticket.ticket_id);
    if (followed === undefined) {
      followed = this.#add(ticket);
      this.#next(followed);
    }
    if (onQueued !== undefined) {
      followed.listeners.add(onQueued);
      tell(onQueued, ticketInfo(ticket));
      this.#next(followed);
    }
    return followed.promise;
  }

  /** Looks at a ticket of which an earlier connection may have been told already. */
  check(ticketId: string): void {
    const followed = this.#followed.get(ticketId);
    if (followed === undefined) return;
    this.#session.call({ call: 'watch', tickets: [ticketId] }).catch(() => {});
    void this.#read(followed);
  }

  /** The pool has told that it ended. */
  ended(ticketId: string): void {
    const followed = this.#followed.get(ticketId);
    if (followed !== undefined) void this.#read(followed);
  }

  /** Its request is taken back. */
  drop(ticketId: string): void {
    const followed = this.#followed.get(ticketId);
    if (followed === undefined) return;
    const error = makeError('TICKET_CANCELLED', 'The request was taken out of the queue.');
    this.#settle(followed, () => followed.reject(error));
  }

  watching(): CallOf<'watch'>[] {
    const ids = [...this.#followed.keys()];
    const calls: CallOf<'watch'>[] = [];
    for (let i = 0; i < ids.length; i += WATCHED_AT_ONCE) {
      calls.push({ call: 'watch', tickets: ids.slice(i, i + WATCHED_AT_ONCE) });
    }
    return calls;
  }

  up(): void {
    for (const followed of this.#followed.values()) this.#next(followed);
  }

  #add(ticket: WireTicket): Followed {
    let resolve: Followed['resolve'] = () => {};
    let reject: Followed['reject'] = () => {};
    const promise = new Promise<WireTicket>((...functions) => {
      [resolve, reject] = functions;
    });
    // By the length of the wait: the clocks of the two machines may differ.
    const patienceMs = Date.parse(ticket.expires_at) - Date.parse(ticket.queued_at);
    const followed: Followed = {
      ticketId: ticket.ticket_id,
      resolve,
      reject,
      listeners: new Set(),
      promise,
      endsAt: Date.now() + patienceMs,
      place: place(ticket),
      timer: undefined,
      isReading: false,
      isStale: false,
    };
    this.#followed.set(ticket.ticket_id, followed);
    return followed;
  }

  /** Arms the next look at the ticket. */
  #next(followed: Followed): void {
    clearTimeout(followed.timer);
    if (!this.#followed.has(followed.ticketId)) return;
    const leftMs = Math.max(0, followed.endsAt - Date.now()) + SLACK_MS;
    const isPushed = this.#session.link !== 'http';
    const delayMs = isPushed
      ? Math.min(leftMs, followed.listeners.size > 0 ? PLACE_MS : leftMs)
      : 0;
    // Timers do not reach further than 2^31 ms.
    const timerMs = Math.min(delayMs, 2 ** 31 - 1);
    followed.timer = setTimeout(() => void this.#read(followed), timerMs);
  }

  async #read(followed: Followed): Promise<void> {
    if (followed.isReading) {
      followed.isStale = true;
      return;
    }
    followed.isReading = true;
    followed.isStale = false;
    const { ticketId } = followed;
    const query = this.#session.link === 'http' ? { query: { wait_sec: WAIT_SEC } } : {};
    try {
      const ticket = await this.#session.call({
        call: 'ticket.get',
        ticket_id: ticketId,
        ...query,
      });
      if (ticket.state !== 'queued') this.#settle(followed, () => followed.resolve(ticket));
      else if (place(ticket) !== followed.place) {
        followed.place = place(ticket);
        for (const listener of followed.listeners) tell(listener, ticketInfo(ticket));
      }
    } catch (error) {
      const mayGoOn =
        error instanceof ConnectionError && Date.now() < followed.endsAt + this.#session.retryForMs;
      if (!mayGoOn) this.#settle(followed, () => followed.reject(error));
    }
    followed.isReading = false;
    if (followed.isStale && this.#followed.has(ticketId)) void this.#read(followed);
    else this.#next(followed);
  }

  #settle(followed: Followed, how: () => void): void {
    if (!this.#followed.delete(followed.ticketId)) return;
    clearTimeout(followed.timer);
    how();
  }
}

const place = ({ position, eta_sec }: WireTicket) => `${position} ${eta_sec}`;

function tell(listener: (ticket: TicketInfo) => void, ticket: TicketInfo): void {
  try {
    listener(ticket);
  } catch (error) {
    surface(error);
  }
}
