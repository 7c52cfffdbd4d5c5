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
  /** How agents were held, idle time included, and how they were worked with alone. */
  readonly held: Load;
  readonly used: Load;
}

export interface Load {
  /** Mean number at once in the busiest hour of the clock (or in all, where it is shorter). */
  readonly busiest: number;
  /** Mean number at once, all the time. */
  readonly mean: number;
  /** Of one stretch. */
  readonly meanMs: number;
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
    held: watch.held.load(from, to),
    used: watch.used.load(from, to),
  };
}

const HOUR = 3_600_000;

/** Stretches of time by what they belong to. */
class Stretches {
  readonly #open = new Map<string, number>();
  /** Milliseconds by hour. */
  readonly #hours = new Map<number, number>();
  #ms = 0;
  #count = 0;

  begin(name: string, at: number): void {
    if (!this.#open.has(name)) this.#open.set(name, at);
  }

  end(name: string, at: number): void {
    const since = this.#open.get(name);
    if (since === undefined) return;
    this.#open.delete(name);
    this.#ms += at - since;
    this.#count += 1;
    for (let begin = since; begin < at; ) {
      const hour = Math.floor(begin / HOUR);
      const end = Math.min(at, (hour + 1) * HOUR);
      this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + end - begin);
      begin = end;
    }
  }

  endAll(at: number): void {
    for (const name of [...this.#open.keys()]) this.end(name, at);
  }

  load(from: number, to: number): Load {
    const span = Math.min(HOUR, Math.max(1, to - from));
    let most = 0;
    for (const ms of this.#hours.values()) most = Math.max(most, ms);
    return {
      busiest: most / span,
      mean: this.#ms / Math.max(1, to - from),
      meanMs: this.#count === 0 ? 0 : this.#ms / this.#count,
    };
  }
}

class Watch {
  late = 0;
  readonly held: Stretches = new Stretches();
  readonly used: Stretches = new Stretches();
  readonly #withinMs: number;
  readonly #queued = new Map<string, number>();
  readonly #waits: number[] = [];

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
        this.held.begin(event.lease, event.at);
        this.used.begin(event.lease, event.at);
        break;
      case 'lease_reported':
        if (event.state === 'idle') this.used.end(event.lease, event.at);
        else this.used.begin(event.lease, event.at);
        break;
      case 'lease_ended':
        this.held.end(event.lease, event.at);
        this.used.end(event.lease, event.at);
        break;
      default:
    }
  }

  close(to: number): void {
    this.held.endAll(to);
    this.used.endAll(to);
  }

  /** Of `requests`, those who never queued waited for nothing. */
  waitsOf(requests: number, to: number): number[] {
    const waits = [...this.#waits];
    for (const since of this.#queued.values()) waits.push(to - since);
    while (waits.length < requests) waits.push(0);
    return waits;
  }
}
