/** The client's own books: what it was granted, to be compared with what the pool says. */
import type { HeldLease, LoadResult } from './plan.ts';

interface Entry extends HeldLease {
  readonly tenant: number;
  /** The request to release it has been sent, so its agent may be somebody else's already. */
  isLeaving: boolean;
}

const MOST_COMPLAINTS = 10;

export class Ledger {
  readonly #byLease = new Map<string, Entry>();
  readonly #byAgent = new Map<string, Entry>();
  readonly #complaints: string[] = [];
  #granted = 0;
  #released = 0;
  #mostHeld = 0;
  #doubleGrants = 0;

  /** Takes the body of an answer; returns the id of the lease. */
  granted(text: string, tenant: number): string {
    const { leases } = JSON.parse(text) as {
      leases: [{ lease_id: string; agent_id: string; token: number }];
    };
    const [{ lease_id: lease, agent_id: agent, token }] = leases;
    const entry: Entry = { lease, agent, token, tenant, isLeaving: false };
    const other = this.#byAgent.get(agent);
    if (other && !other.isLeaving) {
      this.#doubleGrants += 1;
      this.complain(`${agent} is held by ${other.lease} and was granted to ${lease}`);
    }
    // Answers of one agent's two leases may arrive in either order; the token tells the newer.
    if (other === undefined || other.token < token) this.#byAgent.set(agent, entry);
    this.#byLease.set(lease, entry);
    this.#granted += 1;
    this.#mostHeld = Math.max(this.#mostHeld, this.#byLease.size);
    return lease;
  }

  releasing(lease: string): void {
    const entry = this.#byLease.get(lease);
    if (entry) entry.isLeaving = true;
  }

  /** Returns its tenant. */
  released(lease: string): number {
    const entry = this.#byLease.get(lease) as Entry;
    this.#byLease.delete(lease);
    if (this.#byAgent.get(entry.agent) === entry) this.#byAgent.delete(entry.agent);
    this.#released += 1;
    return entry.tenant;
  }

  complain(text: string): void {
    if (this.#complaints.length < MOST_COMPLAINTS) this.#complaints.push(text);
  }

  result(): Omit<LoadResult, 'operations' | 'cpuSec' | 'wallSec'> {
    const left = [...this.#byLease.values()];
    const held = left.filter(({ isLeaving }) => !isLeaving);
    return {
      held: held.map(({ lease, agent, token }) => ({ lease, agent, token })),
      unsure: left.filter(({ isLeaving }) => isLeaving).map(({ lease }) => lease),
      complaints: this.#complaints,
      granted: this.#granted,
      released: this.#released,
      mostHeld: this.#mostHeld,
      doubleGrants: this.#doubleGrants,
    };
  }
}
