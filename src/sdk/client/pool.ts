/** The pool as a client has it. */
import type { RemudaError } from '../errors.ts';
import { closedError, makeError } from '../make-error.ts';
import { sleep } from '../net/wait.ts';
import { type ClientPush, leaseFilter, leaseInfo, leaseRequest, ticketInfo } from '../wire.ts';
import type { LeaseInfo } from '../words.ts';
import { acquire } from './acquire.ts';
import { Leases } from './leases.ts';
import { Session } from './session.ts';
import { Tickets } from './tickets.ts';
import type {
  CallOptions,
  ConnectOptions,
  GroupRequest,
  Lease,
  LeaseFilter,
  LeaseRequest,
  Pool,
  Preview,
  PreviewRequest,
} from './types.ts';

/** How long `close` waits for what was granted to requests that nobody wants any more. */
const CLOSE_PATIENCE_MS = 5_000;

export class ConnectedPool implements Pool {
  readonly #session: Session;
  readonly #leases: Leases;
  readonly #tickets: Tickets;
  readonly #closing = new AbortController();
  readonly #background = new Set<Promise<void>>();
  #closed: Promise<void> | null = null;

  constructor(url: string | URL, options: ConnectOptions) {
    this.#session = new Session(url, options, {
      watching: () => [...this.#leases.watching(), ...this.#tickets.watching()],
      push: (push) => this.#take(push),
      missing: (ids) => {
        this.#leases.missing(ids);
        for (const id of ids) this.#tickets.ended(id);
      },
      up: () => {
        this.#leases.up();
        this.#tickets.up();
      },
    });
    this.#leases = new Leases(this.#session, (options.pollSec ?? 10) * 1_000);
    this.#tickets = new Tickets(this.#session);
  }

  open(): Promise<void> {
    return this.#session.open();
  }

  get transport(): 'socket' | 'http' | null {
    return this.#session.link;
  }

  get trouble(): RemudaError | null {
    return this.#session.trouble;
  }

  async lease(request: LeaseRequest): Promise<Lease> {
    const [lease] = await this.#acquire(request);
    if (lease === undefined) throw makeError('NOT_A_POOL', 'The pool granted nothing.');
    return lease;
  }

  leaseGroup(request: GroupRequest): Promise<Lease[]> {
    return this.#acquire(request);
  }

  async preview({ signal, ...fields }: PreviewRequest): Promise<Preview> {
    const body = { ...leaseRequest(fields), dry_run: true };
    const answer = await this.#session.call({ call: 'lease', body }, { signal });
    if (answer.outcome === 'granted') return { ...answer, leases: answer.leases.map(leaseInfo) };
    return { ...answer, ticket: ticketInfo(answer.ticket) };
  }

  async getLease(leaseId: string, options?: CallOptions): Promise<Lease> {
    const wire = await this.#session.call({ call: 'lease.get', lease_id: leaseId }, options);
    const lease = this.#leases.adopt(wire);
    if (!lease.signal.aborted) this.#leases.watch([lease]);
    return lease;
  }

  async *leases(
    filter: LeaseFilter = {},
    options?: CallOptions,
  ): AsyncGenerator<LeaseInfo, void, undefined> {
    let query = leaseFilter(filter);
    for (;;) {
      const page = await this.#session.call({ call: 'lease.list', query }, options);
      for (const lease of page.items) yield leaseInfo(lease);
      if (page.next_cursor === null) return;
      query = { ...query, cursor: page.next_cursor };
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #acquire(request: LeaseRequest & { readonly count?: number }): Promise<Lease[]> {
    return acquire(
      {
        session: this.#session,
        leases: this.#leases,
        tickets: this.#tickets,
        closing: this.#closing.signal,
        background: (work) => {
          this.#background.add(work);
          void work.finally(() => this.#background.delete(work));
        },
      },
      request,
    );
  }

  async #close(): Promise<void> {
    this.#closing.abort(closedError('pool'));
    const patience = new AbortController();
    // Whoever waits learns of it first, and leaves what is to be given back in the background.
    await sleep(0, patience.signal);
    const late = sleep(CLOSE_PATIENCE_MS, patience.signal);
    await Promise.race([Promise.all(this.#background), late]);
    patience.abort();
    this.#session.close();
  }

  #take(push: ClientPush): void {
    if ('lease' in push) this.#leases.take(push.lease);
    else this.#tickets.ended(push.ticket.ticket_id);
  }
}
