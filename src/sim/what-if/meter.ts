/** What a run of events amounts to: use, cost and endings. The same for a recording and for runs. */
import type { Event } from '../../core/event.ts';
import { IDLE } from '../../core/leases.ts';
import type { Pool } from '../../core/pool.ts';
import { Usage, type UsageBin } from '../replay/usage.ts';
import type { Outcome } from './recording.ts';

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

export interface WaitFigures {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

/** The public names of the report. */
export interface RunFigures {
  readonly requests: number;
  /** Of them, those of tenants that found their lease ended when they went on. */
  readonly asked_again: number;
  readonly granted: number;
  readonly reused: number;
  /** Served without waiting ÷ requests. */
  readonly at_once_share: number;
  readonly queued: number;
  readonly expired: number;
  readonly cancelled: number;
  /** Still in the queue at the end. */
  readonly waiting: number;
  readonly refused: { readonly [code: string]: number };
  readonly waits_ms: WaitFigures;
  /** Of the leases granted: by an agent that had affinity with the tenant. */
  readonly warm_share: number;
  readonly idle_minutes: number;
  readonly lease_hours: number;
  readonly agent_hours: number;
  /** agent_hours by what each agent costs. */
  readonly cost: number;
  /** Leases ÷ slots of registered agents, weighted by time. */
  readonly utilization: number;
  readonly peak_leases: number;
  readonly leases_ended: { readonly [reason: string]: number };
  readonly leases_over_time: readonly UsageBin[];
}

const HOUR = 3_600_000;

export class Meter {
  readonly #usage: Usage;
  /** Live leases, and whether each is idle. */
  readonly #leases = new Map<string, boolean>();
  readonly #agents = new Map<string, { slots: number; costPerHour: number }>();
  readonly #ended: { [reason: string]: number } = {};
  #granted = 0;
  #warm = 0;
  #slots = 0;
  #costPerHour = 0;
  #at: number;
  #slotMs = 0;
  #leaseMs = 0;
  #agentMs = 0;
  #cost = 0;

  /** `pool`: as it is at `from`. */
  constructor(pool: Pool, from: number, to: number) {
    this.#usage = new Usage(from, to);
    this.#at = from;
    const { agents, leases } = pool.state;
    for (let row = 0; row < agents.names.end; row += 1) {
      if (!agents.names.has(row)) continue;
      const { costPerHour } = agents.profile(row);
      this.#come(agents.names.name(row), agents.slots(row), costPerHour);
      for (let held = agents.leaseHead(row); held >= 0; held = leases.nextOfAgent(held)) {
        const isIdle = leases.state(held) === IDLE;
        this.#leases.set(leases.id(held), isIdle);
        this.#usage.change(1, isIdle ? 1 : 0);
      }
    }
  }

  note(event: Event): void {
    this.advance(event.at);
    switch (event.type) {
      case 'agent_registered':
        this.#come(event.agent, event.slots, event.costPerHour);
        break;
      case 'agent_updated':
        this.#change(event);
        break;
      case 'agent_retired':
        this.#leave(event.agent);
        break;
      case 'lease_granted':
        this.#granted += 1;
        if (event.warm) this.#warm += 1;
        this.#leases.set(event.lease, false);
        this.#usage.change(1, 0);
        break;
      case 'lease_reported':
        this.#reported(event.lease, event.state === 'idle');
        break;
      case 'lease_moved':
        // Its work starts anew with the other agent.
        this.#reported(event.lease, false);
        break;
      case 'lease_ended':
        this.#usage.change(-1, this.#leases.get(event.lease) === true ? -1 : 0);
        this.#leases.delete(event.lease);
        this.#ended[event.reason] = (this.#ended[event.reason] ?? 0) + 1;
        break;
      default:
    }
  }

  advance(at: number): void {
    if (at <= this.#at) return;
    const span = at - this.#at;
    this.#usage.advance(at);
    this.#slotMs += this.#slots * span;
    this.#leaseMs += this.#leases.size * span;
    this.#agentMs += this.#agents.size * span;
    this.#cost += (this.#costPerHour * span) / HOUR;
    this.#at = at;
  }

  figures(outcomes: Iterable<Outcome>, askedAgain: number): RunFigures {
    const counts = countOutcomes(outcomes);
    return {
      ...counts,
      asked_again: askedAgain,
      granted: this.#granted,
      warm_share: rounded(this.#granted === 0 ? 0 : this.#warm / this.#granted),
      idle_minutes: rounded(this.#usage.idleMs / 60_000, 2),
      lease_hours: rounded(this.#leaseMs / HOUR, 3),
      agent_hours: rounded(this.#agentMs / HOUR, 3),
      cost: rounded(this.#cost, 4),
      utilization: rounded(this.#slotMs === 0 ? 0 : this.#leaseMs / this.#slotMs),
      peak_leases: this.#usage.peak,
      leases_ended: sortedByName(this.#ended),
      leases_over_time: this.#usage.overTime(1).map((bin) => ({
        ...bin,
        utilization: rounded(bin.utilization, 3),
      })),
    };
  }

  #reported(lease: string, isIdle: boolean): void {
    if (this.#leases.get(lease) === isIdle) return;
    this.#leases.set(lease, isIdle);
    this.#usage.change(0, isIdle ? 1 : -1);
  }

  #come(agent: string, slots: number, costPerHour: number): void {
    this.#agents.set(agent, { slots, costPerHour });
    this.#slots += slots;
    this.#costPerHour += costPerHour;
  }

  #change({ agent, slots, costPerHour }: Of<'agent_updated'>): void {
    const known = this.#agents.get(agent);
    if (known === undefined) return;
    this.#leave(agent);
    this.#come(agent, slots ?? known.slots, costPerHour ?? known.costPerHour);
  }

  #leave(agent: string): void {
    const known = this.#agents.get(agent);
    if (known === undefined) return;
    this.#agents.delete(agent);
    this.#slots -= known.slots;
    this.#costPerHour -= known.costPerHour;
  }
}

type Counts = Pick<
  RunFigures,
  | 'requests'
  | 'reused'
  | 'at_once_share'
  | 'queued'
  | 'expired'
  | 'cancelled'
  | 'waiting'
  | 'refused'
  | 'waits_ms'
>;

function countOutcomes(outcomes: Iterable<Outcome>): Counts {
  const of = { reused: 0, expired: 0, cancelled: 0, waiting: 0 };
  const refused: { [code: string]: number } = {};
  const waits: number[] = [];
  let queued = 0;
  let atOnce = 0;
  for (const { outcome, code = '', queued: hasQueued, waitMs } of outcomes) {
    waits.push(waitMs);
    if (hasQueued) queued += 1;
    else if (outcome === 'granted' || outcome === 'reused') atOnce += 1;
    if (outcome === 'refused') refused[code] = (refused[code] ?? 0) + 1;
    else if (outcome !== 'granted') of[outcome] += 1;
  }
  return {
    requests: waits.length,
    ...of,
    queued,
    at_once_share: rounded(waits.length === 0 ? 0 : atOnce / waits.length),
    refused: sortedByName(refused),
    waits_ms: waitFigures(waits),
  };
}

/** Percentiles by nearest rank: a wait that somebody really had. */
export function waitFigures(waits: readonly number[]): WaitFigures {
  if (waits.length === 0) return { p50: 0, p95: 0, p99: 0, max: 0, mean: 0 };
  const sorted = Float64Array.from(waits).sort();
  const percentile = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1]!;
  const sum = sorted.reduce((total, ms) => total + ms, 0);
  return {
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
    max: sorted.at(-1) ?? 0,
    mean: rounded(sum / sorted.length, 3),
  };
}

function rounded(value: number, digits = 6): number {
  return Number(value.toFixed(digits));
}

function sortedByName(counts: { readonly [name: string]: number }): { [name: string]: number } {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}
