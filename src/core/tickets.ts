/** Requests that wait, and those that have ended but can still be read. */
import { AGING_POINTS, ENDED_TICKETS_KEPT, PRIORITY_POINTS } from './limits.ts';
import type { Requirement } from './profiles.ts';
import type { Metadata, TicketState } from './words.ts';

export interface Ticket {
  /** Counts from 1, never used again; also the order of arrival. */
  readonly number: number;
  /** Index into `rows`, while the ticket is kept. */
  readonly row: number;
  readonly tenant: number;
  readonly tenantName: string;
  readonly requirement: Requirement;
  readonly purpose: string;
  /** Index into PRIORITIES. */
  readonly priority: number;
  /** Where it stands among those of its lane: see `rankOf`. */
  readonly rank: number;
  readonly count: number;
  readonly queuedAt: number;
  readonly expiresAt: number;
  readonly lifetimeMs: number | undefined;
  readonly near: readonly string[];
  readonly metadata: Metadata | undefined;
  state: TicketState;
  /** Ids of the leases it was granted. */
  leases: string[];
  /** Somebody has read the grant. */
  claimed: boolean;
  endedAt: number;
}

/**
 * Higher ranks are served first. A waiting request gains AGING_POINTS each `agingMs`, and all gain
 * at the same moments; so their order never changes, and age can be taken off at the start
 * instead of added as time goes by. Requests of the same interval and weight are equals.
 */
export function rankOf(
  priority: number,
  purposeWeight: number,
  queuedAt: number,
  agingMs: number,
): number {
  const interval = Math.floor(queuedAt / agingMs);
  return PRIORITY_POINTS[priority] + purposeWeight - AGING_POINTS * interval;
}

export class TicketTable {
  /** By row, so that timers and ranked lists can name a ticket by a small number. */
  readonly rows: (Ticket | undefined)[] = [];
  readonly #byNumber = new Map<number, Ticket>();
  readonly #free: number[] = [];
  /** Ended tickets in the order in which they ended. */
  readonly #ended: Ticket[] = [];
  #endedFrom = 0;
  lastNumber = 0;

  nextRow(): number {
    return this.#free.at(-1) ?? this.rows.length;
  }

  add(ticket: Ticket): void {
    if (ticket.row === this.rows.length) this.rows.push(ticket);
    else {
      this.#free.pop();
      this.rows[ticket.row] = ticket;
    }
    this.#byNumber.set(ticket.number, ticket);
    this.lastNumber = Math.max(this.lastNumber, ticket.number);
  }

  find(number: number): Ticket | undefined {
    return this.#byNumber.get(number);
  }

  /** The ticket has ended; the oldest ended one is forgotten when there are too many. */
  end(ticket: Ticket): void {
    this.#ended.push(ticket);
    if (this.#ended.length - this.#endedFrom > ENDED_TICKETS_KEPT) {
      const oldest = this.#ended[this.#endedFrom++];
      this.#byNumber.delete(oldest.number);
      this.rows[oldest.row] = undefined;
      this.#free.push(oldest.row);
      if (this.#endedFrom === ENDED_TICKETS_KEPT) {
        this.#ended.splice(0, this.#endedFrom);
        this.#endedFrom = 0;
      }
    }
  }

  /** Tickets that still wait, in the order of their arrival, then ended ones as they ended. */
  inOrder(): { waiting: Ticket[]; ended: Ticket[] } {
    const waiting = [...this.#byNumber.values()]
      .filter((ticket) => ticket.state === 'queued')
      .sort((a, b) => a.number - b.number);
    return { waiting, ended: this.#ended.slice(this.#endedFrom) };
  }
}
