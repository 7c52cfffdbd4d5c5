/** What every decision works with: the state to read, the facts to record, the running figures. */
import { FreeingRate } from './eta.ts';
import { Facts } from './facts.ts';
import type { NewLease } from './leases.ts';
import type { PoolOptions } from './options.ts';
import type { Refusal, RefusalCode } from './outcome.ts';
import { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';
import type { EndReason } from './words.ts';

/** Counted since the start of the process; not part of the durable state. */
export interface Counters {
  requests: number;
  granted: number;
  reused: number;
  warm: number;
  reclaimed: number;
  queued: number;
  refused: number;
  expiredTickets: number;
  moved: number;
}

export class Context {
  readonly state: PoolState;
  readonly facts: Facts;
  readonly rate: FreeingRate = new FreeingRate();
  readonly counters: Counters = {
    requests: 0,
    granted: 0,
    reused: 0,
    warm: 0,
    reclaimed: 0,
    queued: 0,
    refused: 0,
    expiredTickets: 0,
    moved: 0,
  };

  constructor(options: PoolOptions, endedLeasesKept?: number) {
    this.state = new PoolState(options, endedLeasesKept);
    this.facts = new Facts(this.state);
  }

  /** `tenant` is the tenant's row if it is known, else NONE. */
  grant(lease: NewLease, tenant: number, ticket: Ticket | null, now: number): number {
    this.counters.granted++;
    if (lease.warm) this.counters.warm++;
    return this.facts.leaseGranted(lease, tenant, ticket, now);
  }

  /** Tokens only grow: each grant and each move takes the next. */
  nextToken(): number {
    return this.state.lastToken + 1;
  }

  /** Ends a lease, and with the last one of a retiring agent the agent too. */
  end(row: number, reason: EndReason, now: number): void {
    const { agents, leases } = this.state;
    const agent = leases.agent(row);
    this.facts.leaseEnded(row, reason, now);
    this.rate.note(now);
    if (reason === 'reclaimed') this.counters.reclaimed++;
    if (agents.isRetiring(agent) && agents.used(agent) === 0) this.facts.agentRetired(agent, now);
  }
}

export function refuse(
  code: RefusalCode,
  detail: string,
  more: Partial<Pick<Refusal, 'errors' | 'retryAfterMs' | 'invites' | 'explain'>> = {},
): Refusal {
  return { outcome: 'refused', code, detail, ...more };
}

export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
