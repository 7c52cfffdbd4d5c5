/** A recorded workload through the real host, with time from the trace: from options to figures. */
import type { Event } from '../../core/event.ts';
import type { PoolOptions } from '../../core/options.ts';
import { Host } from '../../host/host.ts';
import type { Journal } from '../../host/ports.ts';
import { GroupCommitJournal } from '../group-commit.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { figuresOf, type ReplayFigures } from './figures.ts';
import { fleetOf, shareOut } from './fleet.ts';
import { Pace } from './pace.ts';
import { ReplayError } from './replay-error.ts';
import { Tally } from './tally.ts';
import { Tenants } from './tenants.ts';
import type { Trace } from './trace.ts';

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
  /** Told of every event, in order. */
  readonly onEvent?: (event: Event) => void;
}

export interface ReplayProgress {
  readonly rows: number;
  /** Virtual time, ms since 1970. */
  readonly at: number;
  readonly utilization: number;
}

const AGENTS_PER_CALL = 10_000;
const ROWS_BETWEEN_REPORTS = 256;

/** Throws ReplayError, JournalError, or the reason of the signal. */
export async function replayTrace(options: ReplayOptions): Promise<ReplayFigures> {
  const { trace, agents } = options;
  if (trace.length === 0) throw new ReplayError('The trace has no rows.');
  const shares = shareOut(agents, trace.rowsBySpecialization());
  if (shares.size > agents) {
    throw new ReplayError(
      `The trace asks for ${shares.size} specializations, and each needs an agent: ${agents} are not enough.`,
    );
  }
  const from = options.from ?? trace.row(0).at;
  const to = Math.max(options.to ?? trace.row(trace.length - 1).at, from);
  const clock = new VirtualClock(from);
  const journal = new GroupCommitJournal(options.journal);
  // Nobody sends heartbeats for the agents of a trace.
  const health = { ...options.pool.health, heartbeatTimeoutMs: 0 };
  const host = await openHost(journal, clock, { ...options.pool, health });
  const { onEvent } = options;
  if (onEvent !== undefined) {
    host.onCommitted((events) => {
      for (const { event } of events) onEvent(event);
    });
  }
  const tally = new Tally(from, to);
  const tenants = new Tenants(host, clock, tally, options);
  try {
    await register(host, shares);
    await run(options, tenants, clock, to);
    await host.close();
  } catch (error) {
    await host.close().catch(() => {});
    // The host only knows that it could not write; the journal knows why.
    throw journal.failure ?? error;
  }
  const { waiting } = tenants;
  const end = { agents, waiting, from, to, events: host.lastEvent, journalBytes: journal.bytes };
  return figuresOf(tally, end);
}

async function openHost(
  journal: Journal,
  clock: VirtualClock,
  options: PoolOptions,
): Promise<Host> {
  try {
    return await Host.open({ journal, clock, options });
  } catch (error) {
    await journal.close().catch(() => {});
    throw error;
  }
}

async function register(host: Host, shares: ReadonlyMap<string, number>): Promise<void> {
  const agents = [...fleetOf(shares)];
  for (let first = 0; first < agents.length; first += AGENTS_PER_CALL) {
    const part = agents.slice(first, first + AGENTS_PER_CALL);
    await host.execute({ type: 'register', agents: part });
  }
}

async function run(
  { trace, agents, signal, speed = Number.POSITIVE_INFINITY, onProgress }: ReplayOptions,
  tenants: Tenants,
  clock: VirtualClock,
  to: number,
): Promise<void> {
  const pace = new Pace(clock.now(), speed, signal);
  const tell = (rows: number): void => {
    onProgress?.({ rows, at: clock.now(), utilization: tenants.used / agents });
  };
  for (let nth = 0; nth < trace.length; nth += 1) {
    const row = trace.row(nth);
    const isAhead = pace.isAhead(row.at);
    if (isAhead || nth % ROWS_BETWEEN_REPORTS === 0) tell(nth);
    signal?.throwIfAborted();
    if (isAhead) await pace.wait(row.at);
    await tenants.live(row.at);
    await tenants.ask(row);
  }
  await tenants.live(to);
  await tenants.finish(to);
  tell(trace.length);
}
