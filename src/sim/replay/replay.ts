/**
 * A recorded workload through the real host, with time from the trace. Between two rows the clock
 * stops at everything that is due (idle timeouts, the queue's deadlines, ends of jobs), so that a
 * gap of hours between rows changes nothing of what happens in it. Before time moves on, every
 * decision of this moment has been seen and answered.
 *
 * Without durations a row is a moment of use: the tenant's lease is idle again at once. With
 * durations it is a job: it takes an idle lease of its tenant or asks for one of its own, is
 * active for its time, and leaves the lease idle behind it.
 */
import type { Command, LeaseCommand } from '../../core/command.ts';
import type { Event } from '../../core/event.ts';
import type { PoolOptions } from '../../core/options.ts';
import type { LeaseView } from '../../core/outcome.ts';
import { Host } from '../../host/host.ts';
import type { Journal } from '../../host/ports.ts';
import { GroupCommitJournal } from '../group-commit.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { figuresOf, type ReplayFigures } from './figures.ts';
import { fleetOf, shareOut } from './fleet.ts';
import { JobLeases } from './job-leases.ts';
import { Pace } from './pace.ts';
import { Tally } from './tally.ts';
import type { Trace, TraceRow } from './trace.ts';

export interface ReplayOptions {
  readonly trace: Trace;
  /** Empty, and not yet open. It is closed when the replay has ended, however it ended. */
  readonly journal: Journal;
  readonly pool: PoolOptions;
  readonly agents: number;
  /** Of rows that name none themselves. */
  readonly purpose?: string;
  /** Where the replay begins and ends, ms since 1970; the first and the last row unless given. */
  readonly from?: number;
  readonly to?: number;
  /** So many times as fast as the trace was recorded; Infinity, or left out, as fast as possible. */
  readonly speed?: number;
  readonly signal?: AbortSignal;
  /** Told now and then how far the replay is. */
  readonly onProgress?: (progress: ReplayProgress) => void;
}

export interface ReplayProgress {
  readonly rows: number;
  /** Virtual time, ms since 1970. */
  readonly at: number;
  readonly utilization: number;
}

/** A trace without rows has no time to begin at. */
export async function replayTrace(options: ReplayOptions): Promise<ReplayFigures> {
  const { trace } = options;
  if (trace.length === 0) throw new Error('a trace without rows cannot be replayed');
  const from = options.from ?? trace.row(0).at;
  const to = Math.max(options.to ?? trace.row(trace.length - 1).at, from);
  const clock = new VirtualClock(from);
  const journal = new GroupCommitJournal(options.journal);
  // Nobody sends heartbeats for the agents of a trace.
  const health = { ...options.pool.health, heartbeatTimeoutMs: 0 };
  const pool = { ...options.pool, health };
  let host: Host;
  try {
    host = await Host.open({ journal, clock, options: pool });
  } catch (error) {
    await journal.close().catch(() => {});
    throw error;
  }
  const replay = new Replay(options, host, clock, new Tally(from, to));
  try {
    await replay.run(to);
    await host.close();
  } catch (error) {
    await host.close().catch(() => {});
    // The host only knows that it could not write; the journal knows why.
    throw journal.failure ?? error;
  }
  return figuresOf(replay.tally, {
    agents: options.agents,
    waiting: replay.waiting,
    from,
    to,
    events: host.lastEvent,
    journalBytes: journal.bytes,
  });
}

/** A request in the queue. */
interface Waiting {
  readonly row: TraceRow;
  readonly since: number;
}

const AGENTS_PER_CALL = 10_000;
const ROWS_BETWEEN_REPORTS = 256;

class Replay {
  readonly tally: Tally;
  readonly #options: ReplayOptions;
  readonly #host: Host;
  readonly #clock: VirtualClock;
  readonly #jobs: JobLeases;
  readonly #waiting = new Map<string, Waiting>();
  /** Grants to those who waited, to be answered before time moves on. */
  #grants: { waiting: Waiting; ticket: string; lease: string; token: number }[] = [];
  /** The lease of each ticket that is being granted: its event comes just before the ticket's. */
  readonly #leaseOfTicket = new Map<string, { lease: string; token: number }>();
  #failure: Error | null = null;

  constructor(options: ReplayOptions, host: Host, clock: VirtualClock, tally: Tally) {
    this.#options = options;
    this.#host = host;
    this.#clock = clock;
    this.tally = tally;
    this.#jobs = new JobLeases(clock, (lease, state) => this.#report(lease, state));
    host.onCommitted((events) => {
      for (const { event } of events) this.#note(event);
    });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async run(to: number): Promise<void> {
    const { trace, signal, speed = Number.POSITIVE_INFINITY } = this.#options;
    await this.#register();
    const pace = new Pace(this.#clock.now(), speed, signal);
    for (let nth = 0; nth < trace.length; nth += 1) {
      const row = trace.row(nth);
      if (nth % ROWS_BETWEEN_REPORTS === 0 || pace.isAhead(row.at)) this.#tell(nth);
      signal?.throwIfAborted();
      if (pace.isAhead(row.at)) await pace.wait(row.at);
      await this.#advance(row.at);
      await (trace.hasDurations ? this.#job(row) : this.#moment(row));
      if (this.#failure) throw this.#failure;
    }
    await this.#advance(to);
    await this.#settle();
    if (this.#failure) throw this.#failure;
    this.tally.usage.advance(to);
    for (const { since } of this.#waiting.values()) this.tally.waits.add(to - since);
    this.#tell(trace.length);
  }

  async #register(): Promise<void> {
    const shares = shareOut(this.#options.agents, this.#options.trace.rowsBySpecialization());
    const agents = [...fleetOf(shares)];
    for (let first = 0; first < agents.length; first += AGENTS_PER_CALL) {
      const part = agents.slice(first, first + AGENTS_PER_CALL);
      await this.#host.execute({ type: 'register', agents: part });
    }
  }

  /** Lives through everything that is due until then, each at its own time. */
  async #advance(until: number): Promise<void> {
    while (this.#clock.step(until)) {
      // Whoever waits may have been served just now, and its lease begins now.
      if (this.#waiting.size > 0) await this.#settle();
    }
    this.#clock.moveTo(until);
    // A job that comes back must know whether its tenant's idle lease is still there.
    if (this.#options.trace.hasDurations || this.#waiting.size > 0) await this.#settle();
  }

  /** Resolves when everything decided so far has been seen and answered. */
  async #settle(): Promise<void> {
    await this.#host.read(() => undefined);
    this.#answerGrants();
  }

  async #moment(row: TraceRow): Promise<void> {
    const lease = await this.#request(row, true);
    if (lease !== null) this.#report(lease, 'idle');
  }

  async #job(row: TraceRow): Promise<void> {
    const idle = this.#jobs.take(row);
    if (idle !== null) {
      this.tally.requests += 1;
      this.tally.reused += 1;
      this.tally.waits.add(0);
      this.#jobs.begin(row, idle);
      return;
    }
    const lease = await this.#request(row, false);
    if (lease !== null) this.#jobs.begin(row, lease);
  }

  /** The lease, or null when the request was refused or waits. */
  async #request(row: TraceRow, reuse: boolean): Promise<LeaseView | null> {
    const command: LeaseCommand = {
      type: 'lease',
      tenant: row.tenant,
      purpose: row.purpose ?? this.#options.purpose,
      specialization: row.specialization,
      reuse,
    };
    const { tally } = this;
    tally.requests += 1;
    const outcome = await this.#host.execute(command);
    this.#answerGrants();
    if (outcome.outcome === 'queued') {
      tally.queued += 1;
      this.#waiting.set(outcome.ticket.ticketId, { row, since: this.#clock.now() });
      return null;
    }
    tally.waits.add(0);
    if (outcome.outcome === 'refused') {
      tally.refuse(outcome.code);
      return null;
    }
    if (outcome.reused) tally.reused += 1;
    return outcome.leases[0]!;
  }

  #note(event: Event): void {
    this.tally.note(event);
    if (event.type === 'lease_ended') this.#jobs.forget(event.lease);
    else if (event.type === 'lease_granted' && event.ticket !== undefined) {
      this.#leaseOfTicket.set(event.ticket, { lease: event.lease, token: event.token });
    } else if (event.type === 'ticket_ended') this.#ticketEnded(event.ticket, event.state);
  }

  #ticketEnded(ticket: string, state: string): void {
    const waiting = this.#waiting.get(ticket);
    if (waiting === undefined) throw new Error(`the ticket ${ticket} ended without having begun`);
    this.#waiting.delete(ticket);
    this.tally.waits.add(this.#clock.now() - waiting.since);
    const granted = this.#leaseOfTicket.get(ticket);
    this.#leaseOfTicket.delete(ticket);
    if (state === 'granted' && granted) this.#grants.push({ waiting, ticket, ...granted });
    else this.tally.expired += 1;
  }

  #answerGrants(): void {
    if (this.#grants.length === 0) return;
    const grants = this.#grants;
    this.#grants = [];
    for (const { waiting, ticket, lease, token } of grants) {
      this.#send({ type: 'claim_ticket', ticket });
      const held = { leaseId: lease, token };
      if (this.#options.trace.hasDurations) this.#jobs.begin(waiting.row, held);
      else this.#report(held, 'idle');
    }
  }

  #report({ leaseId, token }: Pick<LeaseView, 'leaseId' | 'token'>, state: 'active' | 'idle') {
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

  #tell(rows: number): void {
    this.#options.onProgress?.({
      rows,
      at: this.#clock.now(),
      utilization: this.tally.usage.used / this.#options.agents,
    });
  }
}
