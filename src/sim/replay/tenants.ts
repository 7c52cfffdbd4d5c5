/**
 * The tenants of a trace, as clients of the host. Between two rows the clock stops at everything
 * that is due (idle timeouts, the queue's deadlines, ends of jobs), so that a gap of hours between
 * rows changes nothing of what happens in it. Before time moves on, every decision of this moment
 * has been seen and answered.
 *
 * Without durations a row is a moment of use: the tenant's lease is idle again at once. With
 * durations it is a job: it takes an idle lease of its tenant or asks for one of its own, is
 * active for its time, and leaves the lease idle behind it. Whoever waits in the queue and comes by
 * a lease of its own tenant in the meantime leaves the queue for it.
 */
import type { Command, LeaseCommand } from '../../core/command.ts';
import type { Event } from '../../core/event.ts';
import type { Granted } from '../../core/outcome.ts';
import type { Host } from '../../host/host.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { type Held, JobLeases } from './job-leases.ts';
import type { Tally } from './tally.ts';
import { keyOf, type TraceRow } from './trace.ts';
import { type WaitingRequest, WaitingRequests } from './waiting.ts';

interface Options {
  readonly trace: { readonly hasDurations: boolean };
  readonly purpose?: string;
}

interface Grant {
  readonly request: WaitingRequest;
  readonly lease: Held;
}

export class Tenants {
  readonly #host: Host;
  readonly #clock: VirtualClock;
  readonly #tally: Tally;
  readonly #purpose: string | undefined;
  /** Null where rows are moments. */
  readonly #jobs: JobLeases | null;
  readonly #waiting = new WaitingRequests();
  /** Grants to those who waited, to be answered before time moves on. */
  #grants: Grant[] = [];
  /** The lease of each ticket that is being granted: its event comes just before the ticket's. */
  readonly #leaseOfTicket = new Map<string, Held>();
  #failure: Error | null = null;

  constructor(host: Host, clock: VirtualClock, tally: Tally, { trace, purpose }: Options) {
    this.#host = host;
    this.#clock = clock;
    this.#tally = tally;
    this.#purpose = purpose;
    this.#jobs = trace.hasDurations
      ? new JobLeases(clock, (lease, state) => this.#report(lease, state))
      : null;
    host.onCommitted((events) => {
      for (const { event } of events) this.#note(event);
    });
  }

  /** Requests in the queue. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Agents in use. */
  get used(): number {
    return this.#tally.usage.used;
  }

  /** Lives through everything that is due until then, each at its own time. */
  async live(until: number): Promise<void> {
    while (this.#clock.step(until)) {
      // Whoever waits may have been served just now, and its lease begins now.
      if (this.#waiting.size > 0) await this.#settle();
    }
    this.#clock.moveTo(until);
    // A job that comes must know whether its tenant's idle leases are still there.
    if (this.#jobs || this.#waiting.size > 0) await this.#settle();
  }

  async ask(row: TraceRow): Promise<void> {
    const idle = this.#jobs?.take(row) ?? null;
    if (idle === null) {
      await this.#request(row);
      return;
    }
    this.#tally.requests += 1;
    this.#tally.reused += 1;
    this.#tally.waits.add(0);
    this.#begin(row, idle);
  }

  async finish(at: number): Promise<void> {
    await this.#settle();
    this.#tally.usage.advance(at);
    for (const { since } of this.#waiting) this.#tally.waits.add(at - since);
  }

  async #request(row: TraceRow): Promise<void> {
    const command: LeaseCommand = {
      type: 'lease',
      tenant: row.tenant,
      purpose: row.purpose ?? this.#purpose,
      specialization: row.specialization,
      reuse: this.#jobs === null,
    };
    const tally = this.#tally;
    tally.requests += 1;
    const outcome = await this.#host.execute(command);
    if (outcome.outcome === 'queued') {
      tally.queued += 1;
      this.#waiting.add(outcome.ticket.ticketId, row, this.#clock.now());
    } else {
      tally.waits.add(0);
      if (outcome.outcome === 'refused') tally.refuse(outcome.code);
      else this.#granted(row, outcome);
    }
    await this.#answer();
  }

  #granted(row: TraceRow, { leases: [lease], reused }: Granted): void {
    if (reused) this.#tally.reused += 1;
    if (lease) this.#begin(row, lease);
  }

  #begin(row: TraceRow, lease: Held): void {
    if (this.#jobs) this.#jobs.begin(row, lease);
    else this.#report(lease, 'idle');
  }

  /** Resolves when everything decided so far has been seen and answered. */
  async #settle(): Promise<void> {
    await this.#host.read(() => undefined);
    await this.#answer();
  }

  async #answer(): Promise<void> {
    while (this.#grants.length > 0) {
      const { request, lease } = this.#grants.shift()!;
      this.#send({ type: 'claim_ticket', ticket: request.ticket });
      this.#begin(request.row, lease);
      if (this.#jobs === null) await this.#shareMoment(keyOf(request.row), lease);
    }
    for (const key of this.#jobs?.takeRested() ?? []) await this.#shareIdle(key);
    if (this.#failure) throw this.#failure;
  }

  /** The tenant has a lease now: its other requests need none of their own. */
  async #shareMoment(key: string, lease: Held): Promise<void> {
    let next = this.#waiting.oldestOf(key);
    while (next !== undefined && (await this.#leaveQueue(next))) {
      this.#report(lease, 'idle');
      next = this.#waiting.oldestOf(key);
    }
  }

  /** A lease has become idle: a job of its tenant that waits can have it. */
  async #shareIdle(key: string): Promise<void> {
    const next = this.#waiting.oldestOf(key);
    if (next === undefined || !this.#jobs?.hasIdle(key)) return;
    if (!(await this.#leaveQueue(next))) return;
    const lease = this.#jobs.take(next.row);
    if (lease) this.#begin(next.row, lease);
  }

  /** False when the ticket has been granted at this very moment: that is answered as any grant. */
  async #leaveQueue({ ticket }: WaitingRequest): Promise<boolean> {
    const outcome = await this.#host.execute({ type: 'cancel_ticket', ticket });
    return outcome.outcome === 'ticket' && outcome.ticket.state === 'cancelled';
  }

  #note(event: Event): void {
    this.#tally.note(event);
    switch (event.type) {
      case 'lease_granted':
        if (event.ticket !== undefined) {
          const lease = { leaseId: event.lease, token: event.token };
          this.#leaseOfTicket.set(event.ticket, lease);
        }
        break;
      case 'lease_ended':
        this.#jobs?.forget(event.lease);
        break;
      case 'ticket_ended':
        this.#ticketEnded(event.ticket, event.state);
        break;
      default:
    }
  }

  #ticketEnded(ticket: string, state: 'granted' | 'expired' | 'cancelled'): void {
    const request = this.#waiting.remove(ticket);
    this.#tally.waits.add(this.#clock.now() - request.since);
    if (state === 'granted') {
      const lease = this.#leaseOfTicket.get(ticket);
      this.#leaseOfTicket.delete(ticket);
      if (lease) this.#grants.push({ request, lease });
    } else if (state === 'expired') this.#tally.expired += 1;
    else this.#tally.reused += 1;
  }

  #report({ leaseId, token }: Held, state: 'active' | 'idle'): void {
    this.#send({ type: 'report', lease: leaseId, state, token });
  }

  /** Decided at once. Only the host's word that it is written comes later, and is not waited for. */
  #send(command: Command): void {
    this.#host.execute(command).then(
      (outcome) => {
        if (outcome.outcome !== 'refused') return;
        this.#failure ??= new Error(`the pool refused a ${command.type}: ${outcome.detail}`);
      },
      (error: Error) => {
        this.#failure ??= error;
      },
    );
  }
}
