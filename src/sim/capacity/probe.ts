/** One number of agents, tried: the demand through the real pool, and how many were served in time. */
import type { Event } from '../../core/event.ts';
import type { PoolOptions } from '../../core/options.ts';
import { replayTrace } from '../replay/replay.ts';
import type { Trace } from '../replay/trace.ts';
import { type WaitFigures, waitFigures } from '../what-if/meter.ts';
import { NoJournal } from './no-journal.ts';

export interface Demand {
  readonly trace: Trace;
  /** Of rows that name none. */
  readonly purpose?: string;
  readonly from?: number;
  readonly to?: number;
}

export interface ProbeOptions {
  readonly demand: Demand;
  readonly pool: PoolOptions;
  readonly withinMs: number;
  readonly signal?: AbortSignal;
}

export interface Probe {
  readonly agents: number;
  readonly requests: number;
  /** Served within the time ÷ requests. */
  readonly share: number;
  readonly waits: WaitFigures;
  readonly utilization: number;
  /** The most agents that were in use at once. */
  readonly peak: number;
  readonly refused: { readonly [code: string]: number };
  readonly notServed: number;
  /** Leases that began, and the time that they lasted, idle time included. */
  readonly leases: number;
  readonly leaseMs: number;
  /** Mean number of leases in the busiest hour of the clock (or in all, where it is shorter). */
  readonly busyLeases: number;
}

export async function probe(agents: number, options: ProbeOptions): Promise<Probe> {
  const { demand, pool, withinMs, signal } = options;
  const watch = new Watch(withinMs);
  const figures = await replayTrace({
    ...{ ...demand, pool, agents, signal },
    journal: new NoJournal(),
    onEvent: (event) => watch.note(event),
  });
  const from = Date.parse(figures.from);
  const to = Date.parse(figures.to);
  const refused = Object.values(figures.refused).reduce((sum, count) => sum + count, 0);
  const { requests } = figures;
  const late = watch.late + figures.waiting + refused;
  watch.close(to);
  return {
    ...{ agents, requests, refused: figures.refused },
    share: requests === 0 ? 1 : (requests - late) / requests,
    waits: waitFigures(watch.waitsOf(requests - refused, to)),
    utilization: figures.utilization.mean,
    peak: figures.agents_ever_needed.at_once,
    notServed: figures.rejected + figures.waiting,
    leases: figures.granted,
    leaseMs: watch.leaseMs,
    busyLeases: watch.busiest(from, to),
  };
}

const HOUR = 3_600_000;

class Watch {
  late = 0;
  leaseMs = 0;
  readonly #withinMs: number;
  readonly #queued = new Map<string, number>();
  readonly #waits: number[] = [];
  readonly #leases = new Map<string, number>();
  /** Lease-milliseconds by hour. */
  readonly #hours = new Map<number, number>();

  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  note(event: Event): void {
    switch (event.type) {
      case 'ticket_queued':
        this.#queued.set(event.ticket, event.at);
        break;
      case 'ticket_ended': {
        const wait = event.at - (this.#queued.get(event.ticket) ?? event.at);
        this.#queued.delete(event.ticket);
        this.#waits.push(wait);
        // A cancelled one was served by a lease that its tenant had meanwhile.
        if (event.state === 'expired' || wait > this.#withinMs) this.late += 1;
        break;
      }
      case 'lease_granted':
        this.#leases.set(event.lease, event.at);
        break;
      case 'lease_ended':
        this.#end(event.lease, event.at);
        break;
      default:
    }
  }

  close(to: number): void {
    for (const lease of [...this.#leases.keys()]) this.#end(lease, to);
  }

  /** Of `requests`, those who never queued waited for nothing. */
  waitsOf(requests: number, to: number): number[] {
    const waits = [...this.#waits];
    for (const since of this.#queued.values()) waits.push(to - since);
    while (waits.length < requests) waits.push(0);
    return waits;
  }

  busiest(from: number, to: number): number {
    const span = Math.min(HOUR, Math.max(1, to - from));
    let most = 0;
    for (const ms of this.#hours.values()) most = Math.max(most, ms);
    return most / span;
  }

  #end(lease: string, at: number): void {
    const since = this.#leases.get(lease);
    if (since === undefined) return;
    this.#leases.delete(lease);
    this.leaseMs += at - since;
    for (let begin = since; begin < at; ) {
      const hour = Math.floor(begin / HOUR);
      const end = Math.min(at, (hour + 1) * HOUR);
      this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + end - begin);
      begin = end;
    }
  }
}
