/** The leases that this client holds, by their ids: one object a lease, however it was come by. */
import { NotFoundError } from '../errors.ts';
import { sleep } from '../net/wait.ts';
import type { CallOf, WireLease } from '../wire.ts';
import { HeldLease, type LeaseCalls } from './lease.ts';
import type { Session } from './session.ts';

/** The most that a call `watch` may name. */
const WATCHED_AT_ONCE = 1_000;
/** Looking at very many leases over HTTP takes longer, rather than all of the pool. */
const LEAST_POLL_GAP_MS = 20;

export class Leases {
  readonly #session: Session;
  readonly #pollMs: number;
  readonly #live = new Map<string, HeldLease>();
  #isPolling = false;

  constructor(session: Session, pollMs: number) {
    this.#session = session;
    this.#pollMs = pollMs;
  }

  readonly #calls: LeaseCalls = {
    report: ({ leaseId, token }, state, options) =>
      this.#session.call(
        { call: 'lease.state', lease_id: leaseId, body: { state, token } },
        options,
      ),
    release: (leaseId) => this.#session.call({ call: 'release', lease_id: leaseId }),
    read: (leaseId) => this.#session.call({ call: 'lease.get', lease_id: leaseId }),
  };

  /** The lease of this answer, up to date. */
  adopt(wire: WireLease): HeldLease {
    const known = this.#live.get(wire.lease_id);
    if (known !== undefined) {
      known.take(wire);
      return known;
    }
    const lease = new HeldLease(wire, this.#calls);
    if (lease.signal.aborted) return lease;
    this.#live.set(lease.leaseId, lease);
    lease.signal.addEventListener('abort', () => this.#live.delete(lease.leaseId));
    this.#poll();
    return lease;
  }

  /** A push about a lease that this client let go of meanwhile is nobody's news. */
  take(wire: WireLease): void {
    this.#live.get(wire.lease_id)?.take(wire);
  }

  /** Asks the pool to tell of these; what has happened to them already is told at once. */
  watch(leases: readonly HeldLease[]): void {
    for (const call of watchCalls(leases)) {
      this.#session.call(call).then(
        ({ missing = [] }) => this.missing(missing),
        () => {},
      );
    }
  }

  /** The pool knows nothing of these any more. */
  missing(ids: readonly string[]): void {
    for (const id of ids) this.#live.get(id)?.forgotten();
  }

  /** The calls with which a new connection takes up what the old one followed. */
  watching(): CallOf<'watch'>[] {
    return watchCalls([...this.#live.values()]);
  }

  /** Over HTTP nothing is pushed, so the leases are looked at one after the other. */
  up(): void {
    this.#poll();
  }

  #poll(): void {
    if (this.#isPolling || this.#session.link !== 'http' || this.#live.size === 0) return;
    this.#isPolling = true;
    void this.#pollRounds().finally(() => {
      this.#isPolling = false;
    });
  }

  async #pollRounds(): Promise<void> {
    const { closed } = this.#session;
    let round: HeldLease[] = [];
    while (this.#session.link === 'http' && this.#live.size > 0) {
      if (round.length === 0) round = [...this.#live.values()];
      await sleep(Math.max(LEAST_POLL_GAP_MS, this.#pollMs / this.#live.size), closed);
      if (closed.aborted) return;
      const lease = round.pop();
      if (lease !== undefined && !lease.signal.aborted) await this.#look(lease);
    }
  }

  async #look(lease: HeldLease): Promise<void> {
    try {
      lease.take(await this.#session.call({ call: 'lease.get', lease_id: lease.leaseId }));
    } catch (error) {
      if (error instanceof NotFoundError) lease.forgotten();
    }
  }
}

function watchCalls(leases: readonly HeldLease[]): CallOf<'watch'>[] {
  const calls: CallOf<'watch'>[] = [];
  for (let i = 0; i < leases.length; i += WATCHED_AT_ONCE) {
    const some = leases.slice(i, i + WATCHED_AT_ONCE);
    calls.push({
      call: 'watch',
      leases: some.map(({ leaseId, token }) => ({ lease_id: leaseId, token })),
    });
  }
  return calls;
}
