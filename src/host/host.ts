/**
 * The one writer. A command is decided at once; its answer leaves when its events are durable, and
 * so does every answer that was decided on them. While one batch is being written the next one
 * collects (group commit): under load a batch holds many commands and the disk is asked as often
 * as it can answer.
 *
 *   starting ──► ready ◄──► recovering ──► closed
 *
 * The state in memory is never ahead of the journal for good: when a batch cannot be written, its
 * commands are refused and the pool is rebuilt from what the journal has.
 */
import type { Command } from '../core/command.ts';
import type { Event } from '../core/event.ts';
import type { PoolOptions } from '../core/options.ts';
import type { Outcome, OutcomeOf } from '../core/outcome.ts';
import { FRAME, type Pool } from '../core/pool.ts';
import type { PoolQueries } from '../core/queries.ts';
import { decodeEvents, encodeEvents } from './codec.ts';
import { type CommittedEvent, NotReadyError, type PoolHost, type Readiness } from './host-api.ts';
import { loadPool } from './load.ts';
import { type Clock, type Journal, JournalError } from './ports.ts';

export interface HostLog {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export interface HostOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly options: PoolOptions;
  readonly log?: HostLog;
  /** Takes a snapshot somewhere else (a follower) and resolves with its last event's number. */
  readonly snapshot?: (stop: AbortSignal) => Promise<number>;
  /** False where somebody else checks heartbeats (fleet.ts). */
  readonly checksHealth?: boolean;
  /** Events after which the next snapshot is taken. */
  readonly snapshotEveryEvents?: number;
}

/** A restart reads at most about this many events after its snapshot: some three seconds. */
const SNAPSHOT_EVERY_EVENTS = 500_000;
/**
 * A snapshot costs as much as some hundred thousand events: under a load that makes them due one after
 * the other, this share of the time may pass between two, up to so many times the usual events.
 */
const SNAPSHOT_PAUSE = 5;
const SNAPSHOT_AT_LATEST = 3;
/** How often a journal that could not be written is tried again. */
const PROBE_MS = 1_000;
const SILENT: HostLog = { info() {}, warn() {}, error() {} };

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** Commands that share a batch: their events, and who waits for them to be durable. */
interface Batch {
  events: Event[];
  waiters: Waiter[];
}

type State = 'ready' | 'recovering' | 'closing' | 'closed' | 'fenced';

export class Host implements PoolHost {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #options: PoolOptions;
  readonly #log: HostLog;
  readonly #takeSnapshot: HostOptions['snapshot'];
  readonly #snapshotEvery: number;
  readonly #listeners = new Set<(events: readonly CommittedEvent[]) => void>();
  #pool: Pool;
  #epoch: number;
  #lastEvent: number;
  #lastSnapshot: number;
  #snapshotting: Promise<void> | null = null;
  /** No snapshot before, unless very many events are due. */
  #snapshotNotBefore = 0;
  readonly #stopSnapshot = new AbortController();
  /** While recovering: settles when the pool is again what the journal says. */
  #rebuilding: PromiseWithResolvers<void> | null = null;
  #state: State = 'ready';
  #detail = 'ready';
  #collecting: Batch = { events: [], waiters: [] };
  #writing: Batch | null = null;
  /** Settles, never rejects, when the batch being written has been written or has failed. */
  #appending: Promise<void> = Promise.resolve();
  #flushPlanned = false;
  #idle: (() => void)[] = [];
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = () => {};
  #cancelCheck: () => void = () => {};

  private constructor(
    { journal, clock, options, log, snapshot, snapshotEveryEvents }: HostOptions,
    pool: Pool,
    epoch: number,
    lastEvent: number,
    lastSnapshot: number,
  ) {
    this.#journal = journal;
    this.#clock = clock;
    this.#options = options;
    this.#log = log ?? SILENT;
    this.#takeSnapshot = snapshot;
    this.#snapshotEvery = snapshotEveryEvents ?? SNAPSHOT_EVERY_EVENTS;
    this.#pool = pool;
    this.#epoch = epoch;
    this.#lastEvent = lastEvent;
    this.#lastSnapshot = lastSnapshot;
  }

  /** Becomes the journal's writer and rebuilds the pool. Throws JournalError. */
  static async open(options: HostOptions): Promise<Host> {
    const { journal, clock, log = SILENT } = options;
    const startedAt = clock.now();
    const { epoch } = await journal.open();
    try {
      const { pool, lastEvent, fromSnapshot } = await loadPool(journal, options.options);
      pool.resume(clock.now());
      const host = new Host(options, pool, epoch, lastEvent, fromSnapshot);
      log.info(
        { events: lastEvent, fromSnapshot, epoch, tookMs: clock.now() - startedAt },
        `Pool rebuilt from ${journal.name}`,
      );
      host.#plan();
      if (options.checksHealth !== false) host.#planCheck();
      return host;
    } catch (error) {
      await journal.close().catch(() => {});
      throw error;
    }
  }

  execute<C extends Command>(command: C): Promise<OutcomeOf<C>> {
    if (this.#state !== 'ready') return Promise.reject(new NotReadyError(this.#detail));
    let outcome: OutcomeOf<C>;
    try {
      outcome = this.#pool.execute(command, this.#clock.now());
    } catch (error) {
      void this.#recover(error as Error, null);
      return Promise.reject(error);
    }
    const events = this.#pool.takeEvents();
    for (const event of events) this.#collecting.events.push(event);
    this.#plan();
    return this.#durable(outcome);
  }

  executeAll(commands: readonly Command[]): Promise<Outcome[]> {
    if (this.#state !== 'ready') return Promise.reject(new NotReadyError(this.#detail));
    const now = this.#clock.now();
    const outcomes: Outcome[] = [];
    try {
      for (let from = 0; from < commands.length; from += FRAME) {
        const frame = commands.length <= FRAME ? commands : commands.slice(from, from + FRAME);
        this.#pool.prepare(frame);
        for (const command of frame) outcomes.push(this.#pool.execute(command, now));
      }
    } catch (error) {
      void this.#recover(error as Error, null);
      return Promise.reject(error);
    }
    const events = this.#pool.takeEvents();
    for (const event of events) this.#collecting.events.push(event);
    this.#plan();
    return this.#durable(outcomes);
  }

  read<T>(query: (pool: PoolQueries) => T): Promise<T> {
    // A fenced one has decided what never happened; a closed one may lag behind.
    const isOver = this.#state === 'closed' || this.#state === 'fenced';
    if (isOver) return Promise.reject(new NotReadyError(this.#detail));
    // Until it is rebuilt the pool is ahead of the journal: what it says may never have happened.
    if (this.#rebuilding !== null) return this.#rebuilding.promise.then(() => this.read(query));
    // What it has seen may turn out not to be: then it looks again.
    return this.#durable(query(this.#pool), () => this.read(query));
  }

  onCommitted(listener: (events: readonly CommittedEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async *history(from: number): AsyncIterable<CommittedEvent> {
    for await (const batch of this.#journal.read(from)) {
      const events = decodeEvents(batch.payload);
      for (let i = Math.max(0, from - batch.first); i < events.length; i++) {
        yield { number: batch.first + i, event: events[i] as Event };
      }
    }
  }

  readiness(): Readiness {
    return { ready: this.#state === 'ready', detail: this.#detail };
  }

  /** The number of the last durable event. */
  get lastEvent(): number {
    return this.#lastEvent;
  }

  async close(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'closing') return;
    const wasReady = this.#state === 'ready';
    // While recovering there is nothing left to write; the loop ends with the state.
    this.#become(wasReady ? 'closing' : 'closed', 'stopping');
    this.#cancelWake();
    this.#cancelCheck();
    this.#stopSnapshot.abort();
    this.#rebuilding?.reject(new NotReadyError('stopping'));
    if (wasReady) await new Promise<void>((resolve) => this.#whenIdle(resolve));
    await this.#snapshotting;
    this.#become('closed', 'stopped');
    await this.#journal.close();
  }

  /**
   * Resolves with `value` once everything that has been decided so far is durable. If that never
   * happens, it is refused, or `again` has another answer.
   */
  #durable<T>(value: T, again?: () => Promise<T>): Promise<T> {
    const batch = this.#collecting.events.length > 0 ? this.#collecting : this.#writing;
    if (batch === null) return Promise.resolve(value);
    if (batch === this.#collecting && !this.#flushPlanned && this.#writing === null) {
      // After the requests that have arrived together: they share the batch.
      this.#flushPlanned = true;
      setImmediate(() => this.#flush());
    }
    return new Promise((resolve, reject) => {
      batch.waiters.push({
        resolve: () => resolve(value),
        reject: again === undefined ? reject : () => resolve(again()),
      });
    });
  }

  #flush(): void {
    this.#flushPlanned = false;
    const batch = this.#collecting;
    if (this.#writing !== null || batch.events.length === 0) return;
    this.#collecting = { events: [], waiters: [] };
    this.#writing = batch;
    const first = this.#lastEvent + 1;
    this.#appending = this.#journal
      .append({
        first,
        count: batch.events.length,
        epoch: this.#epoch,
        at: this.#clock.now(),
        payload: encodeEvents(batch.events),
      })
      .then(
        () => this.#committed(batch, first),
        (error: Error) => {
          void this.#recover(error, batch);
        },
      );
  }

  #committed(batch: Batch, first: number): void {
    this.#lastEvent = first + batch.events.length - 1;
    this.#writing = null;
    for (const waiter of batch.waiters) waiter.resolve();
    if (this.#listeners.size > 0) {
      const events = batch.events.map((event, i) => ({ number: first + i, event }));
      for (const listener of this.#listeners) listener(events);
    }
    if (this.#state !== 'recovering') this.#flush();
    this.#settleIdle();
    const due = this.#lastEvent - this.#lastSnapshot;
    if (due >= this.#snapshotEvery) this.#snapshot(due);
  }

  /**
   * A batch could not be written, or a decision broke an invariant. If the journal has the batch
   * after all, only its acknowledgement was lost. Otherwise nothing of it happened: its commands
   * are refused, and so are those decided on it; the pool is rebuilt.
   */
  async #recover(error: Error, failed: Batch | null): Promise<void> {
    if (this.#state !== 'ready' && this.#state !== 'closing') return;
    const closing = this.#state === 'closing';
    if (error instanceof JournalError && error.fault === 'fenced') {
      this.#stepDown(error);
      return;
    }
    this.#become('recovering', `journal unwritable: ${error.message}`);
    this.#log.error({ err: error }, 'Recovering: the pool is rebuilt from its journal');
    this.#rebuilding = Promise.withResolvers();
    // Nobody may be reading just now.
    this.#rebuilding.promise.catch(() => {});
    if (failed === null) await this.#appending;
    let undecided = failed;
    while (this.#is('recovering')) {
      try {
        if (undecided !== null && (await this.#kept(undecided))) {
          this.#become(closing ? 'closing' : 'ready', closing ? 'stopping' : 'ready');
          this.#rebuilt();
          this.#committed(undecided, this.#lastEvent + 1);
          this.#plan();
          return;
        }
        undecided = null;
        if (this.#rebuilding !== null) {
          await this.#rebuild();
          this.#refuseUndurable(error);
          this.#rebuilt();
        }
        await this.#journal.probe();
        this.#become(closing ? 'closing' : 'ready', closing ? 'stopping' : 'ready');
        this.#log.info({ events: this.#lastEvent }, 'Recovered: the journal can be written again');
        this.#plan();
        this.#settleIdle();
        return;
      } catch (again) {
        if (again instanceof JournalError && again.fault === 'fenced') {
          this.#stepDown(again);
          return;
        }
        this.#detail = `journal unwritable: ${(again as Error).message}`;
        await new Promise<void>((resolve) => {
          this.#clock.wakeAt(this.#clock.now() + PROBE_MS, resolve);
        });
      }
    }
  }

  async #kept(batch: Batch): Promise<boolean> {
    return (await this.#journal.lastEvent()) === this.#lastEvent + batch.events.length;
  }

  async #rebuild(): Promise<void> {
    const { pool, lastEvent } = await loadPool(this.#journal, this.#options);
    pool.resume(this.#clock.now());
    this.#pool = pool;
    this.#lastEvent = lastEvent;
  }

  #rebuilt(): void {
    this.#rebuilding?.resolve();
    this.#rebuilding = null;
  }

  #refuseUndurable(cause: Error): void {
    const refused = new NotReadyError(`journal unwritable: ${cause.message}`);
    const waiters = [...(this.#writing?.waiters ?? []), ...this.#collecting.waiters];
    this.#writing = null;
    this.#collecting = { events: [], waiters: [] };
    for (const waiter of waiters) waiter.reject(refused);
  }

  /** Another writer has taken over: nothing that this one decides counts any more. */
  #stepDown(error: JournalError): void {
    this.#become('fenced', `another writer has taken over: ${error.message}`);
    this.#log.error({ err: error }, 'Stepping down: another writer has taken over the journal');
    this.#refuseUndurable(error);
    this.#rebuilt();
    this.#cancelWake();
    this.#cancelCheck();
    this.#settleIdle();
  }

  #is(state: State): boolean {
    return this.#state === state;
  }

  /** The only setter of the state. */
  #become(state: State, detail: string): void {
    this.#state = state;
    this.#detail = detail;
  }

  /** Wakes up when the pool next has something to do by itself. */
  #plan(): void {
    const at = this.#pool.nextDeadline();
    if (at >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = at;
    this.#cancelWake = this.#clock.wakeAt(at, () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      // While recovering nothing can be carried out; whoever ends that plans again.
      if (this.#state !== 'ready') return;
      this.#byItself({ type: 'tick' });
      this.#plan();
    });
  }

  #planCheck(): void {
    const { checkIntervalMs, heartbeatTimeoutMs } = this.#options.health;
    if (heartbeatTimeoutMs === 0) return;
    this.#cancelCheck = this.#clock.wakeAt(this.#clock.now() + checkIntervalMs, () => {
      this.#byItself({ type: 'check_health' });
      this.#planCheck();
    });
  }

  #byItself(command: Command): void {
    if (this.#state !== 'ready') return;
    this.execute(command).catch((error: Error) => {
      this.#log.warn({ err: error, command: command.type }, 'A timed command was not carried out');
    });
  }

  #snapshot(due: number): void {
    if (this.#takeSnapshot === undefined || this.#snapshotting !== null) return;
    const startedAt = this.#clock.now();
    const isLate = due >= this.#snapshotEvery * SNAPSHOT_AT_LATEST;
    if (startedAt < this.#snapshotNotBefore && !isLate) return;
    this.#lastSnapshot = this.#lastEvent;
    const stop = this.#stopSnapshot.signal;
    this.#snapshotting = this.#takeSnapshot(stop)
      .then((lastEvent) => {
        this.#lastSnapshot = lastEvent;
        const tookMs = this.#clock.now() - startedAt;
        this.#snapshotNotBefore = this.#clock.now() + tookMs * SNAPSHOT_PAUSE;
        this.#log.info({ lastEvent, tookMs }, 'Snapshot taken');
      })
      .catch((error: Error) => {
        if (stop.aborted) return;
        this.#log.warn({ err: error }, 'No snapshot could be taken; the next start takes longer');
      })
      .finally(() => {
        this.#snapshotting = null;
      });
  }

  #whenIdle(callback: () => void): void {
    this.#idle.push(callback);
    this.#settleIdle();
  }

  #settleIdle(): void {
    if (this.#idle.length === 0) return;
    const busy = this.#writing !== null || this.#collecting.events.length > 0;
    if (busy && this.#state !== 'fenced') return;
    for (const callback of this.#idle.splice(0)) callback();
  }
}
