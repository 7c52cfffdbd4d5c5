/** A lease in the hands of a client. */
import {
  InvalidTransitionError,
  LeaseEndedError,
  NotFoundError,
  StaleTokenError,
} from '../errors.ts';
import { surface } from '../net/wait.ts';
import { leaseInfo, type WireLease } from '../wire.ts';
import type { EndReason, Explain, LeaseInfo, LeaseState, Metadata } from '../words.ts';
import type { CallOptions, Lease, LeaseEvents } from './types.ts';

/** The calls that a lease makes. */
export interface LeaseCalls {
  report(
    lease: { readonly leaseId: string; readonly token: number },
    state: 'active' | 'idle',
    options?: CallOptions,
  ): Promise<WireLease>;
  release(leaseId: string): Promise<WireLease>;
  read(leaseId: string): Promise<WireLease>;
}

const hasEnded = (state: LeaseState) => state === 'releasing' || state === 'released';

export class HeldLease implements Lease {
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
  declare readonly explain?: Explain;

  readonly #calls: LeaseCalls;
  #wire: WireLease;
  readonly #over = new AbortController();
  readonly #listeners: { [E in keyof LeaseEvents]: Set<LeaseEvents[E]> } = {
    replaced: new Set(),
    lost: new Set(),
    state: new Set(),
  };
  #releasing: Promise<void> | null = null;
  #isGivenBack = false;
  #isLost = false;

  constructor(wire: WireLease, calls: LeaseCalls) {
    this.#calls = calls;
    this.#wire = wire;
    this.#assign(wire);
    if (hasEnded(this.state)) this.#end();
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  active(options?: CallOptions): Promise<void> {
    return this.#report('active', options);
  }

  idle(options?: CallOptions): Promise<void> {
    return this.#report('idle', options);
  }

  release(): Promise<void> {
    this.#releasing ??= this.#release().catch((error: unknown) => {
      this.#releasing = null;
      throw error;
    });
    return this.#releasing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  on<E extends keyof LeaseEvents>(event: E, listener: LeaseEvents[E]): () => void {
    const listeners: Set<LeaseEvents[E]> = this.#listeners[event];
    listeners.add(listener);
    // It may have happened between the answer and this line.
    if (event === 'lost' && this.#isLost) {
      queueMicrotask(() => {
        if (listeners.has(listener)) (listener as LeaseEvents['lost'])(this, this.reason);
      });
    }
    return () => void listeners.delete(listener);
  }

  /** Takes what the pool says of the lease. What is older than what is known changes nothing. */
  take(wire: WireLease): void {
    if (this.signal.aborted) {
      // It is over either way; only what it died of may still be news.
      if (hasEnded(wire.state)) this.#assign(wire);
      return;
    }
    const before: LeaseInfo = { ...(this as LeaseInfo) };
    if (wire.token < before.token) return;
    this.#assign(wire);
    if (wire.state !== before.state) this.#tell('state', before.state);
    if (hasEnded(this.state)) this.#end();
    else if (wire.token > before.token) this.#tell('replaced', before);
  }

  /** The pool knows nothing of it any more. */
  forgotten(): void {
    if (!this.signal.aborted) this.take({ ...this.#wire, state: 'released' });
  }

  explainedBy(explain: Explain | undefined): void {
    if (explain !== undefined) Object.assign(this, { explain });
  }

  #assign(wire: WireLease): void {
    this.#wire = wire;
    Object.assign(this, leaseInfo(wire));
  }

  async #report(state: 'active' | 'idle', options?: CallOptions): Promise<void> {
    if (this.signal.aborted) throw this.signal.reason;
    try {
      this.take(await this.#calls.report(this, state, options));
    } catch (error) {
      if (error instanceof NotFoundError) this.forgotten();
      else if (error instanceof StaleTokenError || error instanceof InvalidTransitionError) {
        // The events tell what has happened before the caller learns that it has.
        await this.#calls.read(this.leaseId).then(
          (wire) => this.take(wire),
          () => {},
        );
      }
      throw error;
    }
  }

  async #release(): Promise<void> {
    if (this.signal.aborted) return;
    this.#isGivenBack = true;
    try {
      this.take(await this.#calls.release(this.leaseId));
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      this.forgotten();
    }
  }

  #end(): void {
    const { reason = 'released' } = this;
    this.#isLost = !(this.#isGivenBack && reason === 'released');
    this.#over.abort(new LeaseEndedError(reason));
    if (this.#isLost) this.#tell('lost', this.reason);
  }

  #tell(event: 'state', previous: LeaseState): void;
  #tell(event: 'lost', reason: EndReason | undefined): void;
  #tell(event: 'replaced', previous: LeaseInfo): void;
  #tell(event: keyof LeaseEvents, detail: unknown): void {
    for (const listener of [...this.#listeners[event]]) {
      try {
        listener(this, detail as never);
      } catch (error) {
        surface(error);
      }
    }
  }
}
