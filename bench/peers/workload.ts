/**
 * One subject's share of the work: whose turn it is to ask, and how long the pairs took.
 */
import { generator, type Random } from '../http/random.ts';
import { quantile } from '../lib/report.ts';
import type { Round, Setup } from './peer.ts';

/** Pairs that end so soon are not counted: connections and caches are cold. */
const WARMUP_MS = 1_000;

export class Workload {
  readonly #tenants: number;
  readonly #random: Random;
  readonly #isAsking: Uint8Array;
  #times: number[] = [];
  #seconds = 0;
  #from = 0;
  #until = 0;

  constructor({ tenants, seed }: Setup) {
    this.#tenants = tenants;
    this.#random = generator(seed);
    this.#isAsking = new Uint8Array(tenants);
  }

  begin(seconds: number): void {
    this.#seconds = seconds;
    this.#from = performance.now() + WARMUP_MS;
    this.#until = this.#from + seconds * 1_000;
    this.#times = [];
  }

  isOver(now: number): boolean {
    return now >= this.#until;
  }

  /** One that has no pair under way: its next lease would be the one that it has already. */
  nextTenant(): number {
    for (;;) {
      const tenant = Math.floor(this.#random() * this.#tenants);
      if (this.#isAsking[tenant] === 1) continue;
      this.#isAsking[tenant] = 1;
      return tenant;
    }
  }

  /** The pair that began at `startedAt` has been answered. */
  ended(tenant: number, startedAt: number, now: number): void {
    this.#isAsking[tenant] = 0;
    if (now >= this.#from && now < this.#until) this.#times.push(now - startedAt);
  }

  round(): Round {
    const times = Float64Array.from(this.#times).sort();
    return {
      pairs: times.length,
      seconds: this.#seconds,
      p50Ms: quantile(times, 0.5),
      p99Ms: quantile(times, 0.99),
    };
  }
}

/** A closed loop: `slots` pairs are under way until the time is up. */
export async function runPairs(
  workload: Workload,
  seconds: number,
  slots: number,
  pair: (slot: number, tenant: number) => Promise<void>,
): Promise<Round> {
  workload.begin(seconds);
  const loop = async (slot: number): Promise<void> => {
    for (let now = performance.now(); !workload.isOver(now); ) {
      const tenant = workload.nextTenant();
      const startedAt = now;
      await pair(slot, tenant);
      now = performance.now();
      workload.ended(tenant, startedAt, now);
    }
  };
  await Promise.all(Array.from({ length: slots }, (_, slot) => loop(slot)));
  return workload.round();
}

/** Between two rounds nobody holds anything. */
export function checkBooks(agents: number, free: number): void {
  if (free !== agents) throw new Error(`${free} of ${agents} agents are free after the round`);
}
