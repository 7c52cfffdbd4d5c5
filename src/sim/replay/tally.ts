/** What happened in a replay, counted from its events and from the answers to its requests. */
import type { Event } from '../../core/event.ts';
import { Usage } from './usage.ts';
import { Waits } from './waits.ts';

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

export class Tally {
  readonly usage: Usage;
  readonly waits: Waits = new Waits();
  readonly refused: { [code: string]: number } = {};
  readonly leasesEnded: { [reason: string]: number } = {};
  readonly agentsUsed: Set<string> = new Set();
  requests = 0;
  granted = 0;
  reused = 0;
  warm = 0;
  queued = 0;
  expired = 0;
  /** Live leases, and whether each is idle. */
  readonly #leases = new Map<string, boolean>();

  constructor(from: number, to: number) {
    this.usage = new Usage(from, to);
  }

  get live(): number {
    return this.#leases.size;
  }

  note(event: Event): void {
    this.usage.advance(event.at);
    if (event.type === 'lease_granted') this.#granted(event);
    else if (event.type === 'lease_reported') this.#reported(event);
    else if (event.type === 'lease_ended') this.#ended(event);
  }

  refuse(code: string): void {
    this.refused[code] = (this.refused[code] ?? 0) + 1;
  }

  #granted({ lease, agent, warm }: Of<'lease_granted'>): void {
    this.granted += 1;
    if (warm) this.warm += 1;
    this.agentsUsed.add(agent);
    this.#leases.set(lease, false);
    this.usage.change(1, 0);
  }

  #reported({ lease, state }: Of<'lease_reported'>): void {
    const isIdle = state === 'idle';
    if (this.#leases.get(lease) === isIdle) return;
    this.#leases.set(lease, isIdle);
    this.usage.change(0, isIdle ? 1 : -1);
  }

  #ended({ lease, reason }: Of<'lease_ended'>): void {
    this.usage.change(-1, this.#leases.get(lease) === true ? -1 : 0);
    this.#leases.delete(lease);
    this.leasesEnded[reason] = (this.leasesEnded[reason] ?? 0) + 1;
  }
}
