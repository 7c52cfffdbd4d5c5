/**
 * Idle leases in the order in which they would be missed least: by profile of their agent and by
 * priority, the longest idle first. Reclaiming looks at heads only.
 */
import type { AgentTable } from './agents.ts';
import type { LeaseTable } from './leases.ts';
import { NONE } from './rows.ts';
import { PRIORITIES } from './words.ts';

const LEVELS = PRIORITIES.length;

export class IdleLeases {
  readonly #leases: LeaseTable;
  readonly #agents: AgentTable;
  readonly #heads: number[] = [];
  readonly #tails: number[] = [];

  constructor(leases: LeaseTable, agents: AgentTable) {
    this.#leases = leases;
    this.#agents = agents;
  }

  /** The lease has just become idle, or has just been renewed while idle. */
  add(lease: number): void {
    const list = this.#listOf(lease);
    const tail = this.#tails[list] ?? NONE;
    this.#leases.setPreviousIdle(lease, tail);
    this.#leases.setNextIdle(lease, NONE);
    if (tail === NONE) this.#heads[list] = lease;
    else this.#leases.setNextIdle(tail, lease);
    this.#tails[list] = lease;
  }

  /** An idle lease whose agent has changed its profile: in by its last activity. */
  insert(lease: number): void {
    const list = this.#listOf(lease);
    const sequence = this.#leases.activitySequence(lease);
    let after = this.#tails[list] ?? NONE;
    while (after !== NONE && this.#leases.activitySequence(after) > sequence) {
      after = this.#leases.previousIdle(after);
    }
    const next = after === NONE ? (this.#heads[list] ?? NONE) : this.#leases.nextIdle(after);
    this.#leases.setPreviousIdle(lease, after);
    this.#leases.setNextIdle(lease, next);
    if (after === NONE) this.#heads[list] = lease;
    else this.#leases.setNextIdle(after, lease);
    if (next === NONE) this.#tails[list] = lease;
    else this.#leases.setPreviousIdle(next, lease);
  }

  /** Before the lease changes its state, its agent, or its agent's profile. */
  remove(lease: number): void {
    const list = this.#listOf(lease);
    const next = this.#leases.nextIdle(lease);
    const previous = this.#leases.previousIdle(lease);
    if (previous === NONE) this.#heads[list] = next;
    else this.#leases.setNextIdle(previous, next);
    if (next === NONE) this.#tails[list] = previous;
    else this.#leases.setPreviousIdle(next, previous);
  }

  /** The idle leases of a profile at a priority, the longest idle first. */
  *list(profile: number, priority: number): IterableIterator<number> {
    let row = this.#heads[profile * LEVELS + priority] ?? NONE;
    for (; row !== NONE; row = this.#leases.nextIdle(row)) yield row;
  }

  #listOf(lease: number): number {
    const profile = this.#agents.profile(this.#leases.agent(lease));
    return profile.id * LEVELS + this.#leases.priority(lease);
  }
}
