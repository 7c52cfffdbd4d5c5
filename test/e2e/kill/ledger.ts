/**
 * What the pool has acknowledged, written down by its client. An entry is changed only by an
 * answer; what was asked without an answer is kept as a question that a restart may settle either
 * way.
 */

export type LeaseState = 'allocated' | 'active' | 'idle';

export interface LeaseEntry {
  readonly lease: string;
  readonly tenant: string;
  readonly agent: string;
  readonly token: number;
  state: LeaseState;
  /** A state that was reported, or 'released', without an answer yet. */
  asked: LeaseState | 'released' | null;
}

export interface TicketEntry {
  readonly ticket: string;
  readonly tenant: string;
  /** Its cancellation was asked for, without an answer yet. */
  isLeaving: boolean;
}

export interface RequestEntry {
  /** Of this request alone, so that what belongs to it can be found by it. */
  readonly tenant: string;
  readonly body: { readonly tenant: string; readonly [name: string]: unknown };
  readonly key: string | null;
  /** The lease or the ticket of the answer; null until there is one. */
  answer: string | null;
}

export interface WireLease {
  readonly lease_id: string;
  readonly tenant: string;
  readonly agent_id: string;
  readonly token: number;
  readonly state: string;
}

export class Ledger {
  /** True = acknowledged, false = asked for. */
  readonly agents = new Map<string, boolean>();
  readonly leases = new Map<string, LeaseEntry>();
  readonly tickets = new Map<string, TicketEntry>();
  readonly requests = new Map<string, RequestEntry>();
  /** Ended by an acknowledged release; only the latest, to be looked up after a restart. */
  released: LeaseEntry[] = [];
  cancelled: TicketEntry[] = [];
  /** Answers by what was asked and the status, such as `lease 202`. */
  readonly acknowledged = new Map<string, number>();
  lostAnswers = 0;
  /** No token up to here may be given out again. */
  tokenFloor = 0;
  readonly #tokens = new Set<number>();
  readonly faults: string[] = [];

  acknowledge(what: string): void {
    this.acknowledged.set(what, (this.acknowledged.get(what) ?? 0) + 1);
  }

  get answers(): number {
    return this.acknowledged.values().reduce((sum, count) => sum + count, 0);
  }

  fault(text: string): void {
    if (this.faults.length < 20) this.faults.push(text);
  }

  /** A lease that is new to the client. */
  granted({ lease_id: lease, tenant, agent_id: agent, token, state }: WireLease): LeaseEntry {
    if (this.#tokens.has(token)) this.fault(`${lease} has the token ${token} of another lease`);
    if (this.leases.has(lease)) this.fault(`${lease} was granted twice`);
    this.#tokens.add(token);
    const entry: LeaseEntry = {
      lease,
      tenant,
      agent,
      token,
      state: state as LeaseState,
      asked: null,
    };
    this.leases.set(lease, entry);
    return entry;
  }

  /** Granted after the newest restart, by a decision and not by a repetition. */
  grantedAnew(wire: WireLease): LeaseEntry {
    if (wire.token <= this.tokenFloor) {
      this.fault(`${wire.lease_id} has token ${wire.token}, but ${this.tokenFloor} was given out`);
    }
    return this.granted(wire);
  }

  queued(ticket: string, tenant: string): void {
    this.tickets.set(ticket, { ticket, tenant, isLeaving: false });
  }

  ended(entry: LeaseEntry): void {
    this.leases.delete(entry.lease);
    this.released.push(entry);
  }

  left(entry: TicketEntry): void {
    this.tickets.delete(entry.ticket);
    this.cancelled.push(entry);
  }

  noteTokens(leases: Iterable<WireLease>): void {
    for (const { token } of leases) this.tokenFloor = Math.max(this.tokenFloor, token);
    for (const token of this.#tokens) this.tokenFloor = Math.max(this.tokenFloor, token);
  }
}
