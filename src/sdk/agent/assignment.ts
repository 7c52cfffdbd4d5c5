/**
 * A lease in the hands of an agent, and the handler that serves it.
 *
 *   waiting ──► running ──► over        the handler has ended: released, or rejected if not accepted
 *      │           │
 *      └───────────┴──► stopping ──► over    not the agent's any more: the handler is asked to end
 */
import { LeaseEndedError } from '../errors.ts';
import { leaseInfo, type RunnerFrame, type WireLease } from '../wire.ts';
import type { EndReason, LeaseState, Metadata } from '../words.ts';
import type { AssignedLease } from './types.ts';

export interface AssignmentOwner {
  /** Goes to the pool if it can be reached now. */
  send(frame: RunnerFrame): void;
  run(assignment: Assignment): Promise<void> | void;
  /** It was rejected; its handler may still run. */
  rejected(assignment: Assignment, reason: string | undefined): void;
  /** The handler has ended. `failure` holds what it threw. */
  ended(assignment: Assignment, failure: { readonly error: unknown } | null): void;
}

export class Assignment implements AssignedLease {
  // Assigned all at once by `take`.
  declare readonly leaseId: string;
  declare readonly tenant: string;
  declare readonly agentId: string;
  declare readonly purpose: string;
  declare readonly tools: readonly string[];
  declare readonly state: LeaseState;
  declare readonly token: number;
  declare readonly warm: boolean;
  declare readonly allocatedAt: Date;
  declare readonly lastActivityAt: Date;
  declare readonly idleTimeoutSec: number;
  declare readonly expiresAt: Date;
  declare readonly endpoint?: string;
  declare readonly metadata: Metadata;
  declare readonly reason?: EndReason;
  declare readonly releasedAt?: Date;

  readonly #owner: AssignmentOwner;
  readonly #over = new AbortController();
  #step: 'waiting' | 'running' | 'stopping' | 'over' = 'waiting';
  #word: 'none' | 'active' | 'idle' | 'rejected' = 'none';
  /** The pool gave it another token on this connection, so a complaint may be about the old one. */
  wasRenewed = false;

  constructor(wire: WireLease, owner: AssignmentOwner) {
    this.#owner = owner;
    this.take(wire);
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get isAccepted(): boolean {
    return this.#word === 'active' || this.#word === 'idle';
  }

  get isWaiting(): boolean {
    return this.#step === 'waiting';
  }

  /** Runs the handler. The owner is told of its end. */
  start(accepts: boolean): void {
    if (this.#step !== 'waiting') return;
    this.#step = 'running';
    if (accepts) this.accept();
    void this.#run();
  }

  async #run(): Promise<void> {
    let failure: { readonly error: unknown } | null = null;
    try {
      await this.#owner.run(this);
    } catch (error) {
      failure = { error };
    }
    this.reject(failure === null ? 'the handler ended without accepting' : textOf(failure.error));
    this.#step = 'over';
    this.#owner.ended(this, failure);
    this.#over.abort(new LeaseEndedError('released'));
  }

  accept(): void {
    if (this.#word !== 'none' || this.#step !== 'running') return;
    this.#owner.send({ type: 'accepted', ...this.fence });
    this.active();
  }

  reject(reason?: string): void {
    if (this.#word !== 'none' || this.#step !== 'running') return;
    this.#word = 'rejected';
    this.#owner.rejected(this, reason);
  }

  active(): void {
    this.#say('active');
  }

  idle(): void {
    this.#say('idle');
  }

  /** The same lease as the pool describes it now. */
  take(wire: WireLease): void {
    if (wire.token < this.token) return;
    const isRenewed = this.token !== undefined && wire.token > this.token;
    const { state = wire.state } = this;
    Object.assign(this, leaseInfo(wire), { state });
    if (isRenewed) this.wasRenewed = true;
  }

  /** Says once more what was said last: it may not have arrived. */
  repeat(): void {
    const word = this.#word;
    if (this.#step === 'running' && (word === 'active' || word === 'idle')) {
      this.#owner.send({ type: 'state', ...this.fence, state: word });
    }
  }

  /** The lease is not the agent's any more. One that has not begun is over with it. */
  stop(reason: string): void {
    if (this.#step === 'waiting') this.#step = 'over';
    else if (this.#step === 'running') this.#step = 'stopping';
    this.#over.abort(new LeaseEndedError(reason));
  }

  get fence(): { lease_id: string; token: number } {
    return { lease_id: this.leaseId, token: this.token };
  }

  #say(state: 'active' | 'idle'): void {
    if (this.#step !== 'running' || this.#word === 'rejected') return;
    this.#word = state;
    Object.assign(this, { state });
    this.#owner.send({ type: 'state', ...this.fence, state });
  }
}

const textOf = (error: unknown) => String((error as Error | null)?.message ?? error);
