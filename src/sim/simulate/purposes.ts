/**
 * What sessions are for, and how long they last: log-normal, so that most are short and a few are
 * very long. The shares and medians are assumptions; the idle timeouts are those of the pool.
 */
import type { Random } from './random.ts';

const MINUTE_MS = 60_000;

/** No session is so short that it could end while its request is still in the queue. */
export const SHORTEST_SESSION_MS = 1.5 * MINUTE_MS;
/** Half of the time after which the pool takes an active lease for lost, so none has to be renewed. */
export const LONGEST_SESSION_MS = 12 * 60 * MINUTE_MS;

/** `share` of tenants; median and spread (deviation of the logarithm) of a session's length. */
export const PURPOSES = [
  { name: 'music', share: 0.4, medianMs: 45 * MINUTE_MS, spread: 0.8 },
  { name: 'moderation', share: 0.2, medianMs: 20 * MINUTE_MS, spread: 0.8 },
  { name: 'ai_companion', share: 0.25, medianMs: 25 * MINUTE_MS, spread: 1 },
  { name: 'utility', share: 0.15, medianMs: 10 * MINUTE_MS, spread: 0.8 },
] as const;

/** So many lengths, all equally likely, stand for a distribution: its quantiles. */
const LENGTHS = 4_096;
const NORMAL_STEP = 1e-3;
const NORMAL_REACH = 8;

export class SessionLengths {
  /** In whole ms, ascending. */
  readonly #lengths: Float64Array;
  readonly meanMs: number;

  constructor({ medianMs, spread }: { readonly medianMs: number; readonly spread: number }) {
    this.#lengths = NORMAL_QUANTILES.map((z) => {
      const length = Math.round(medianMs * Math.exp(spread * z));
      return Math.min(LONGEST_SESSION_MS, Math.max(SHORTEST_SESSION_MS, length));
    });
    this.meanMs = this.#lengths.reduce((sum, length) => sum + length, 0) / LENGTHS;
  }

  draw(random: Random): number {
    return this.#lengths[random.below(LENGTHS)]!;
  }

  /** For how much of each step, `stepMs` long, a session that begins with the first is still on. */
  survival(stepMs: number): Float64Array {
    const steps = new Float64Array(Math.ceil(LONGEST_SESSION_MS / stepMs));
    for (const length of this.#lengths) {
      const whole = Math.floor(length / stepMs);
      for (let step = 0; step < whole; step++) steps[step]! += 1;
      if (whole < steps.length) steps[whole]! += length / stepMs - whole;
    }
    return steps.map((sum) => sum / LENGTHS);
  }
}

/** The middles of LENGTHS equal parts of the standard normal distribution, by adding up its density. */
function normalQuantiles(): Float64Array {
  const quantiles = new Float64Array(LENGTHS);
  let below = 0;
  let next = 0;
  for (let z = -NORMAL_REACH; z < NORMAL_REACH && next < LENGTHS; z += NORMAL_STEP) {
    below += (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * NORMAL_STEP;
    while (next < LENGTHS && below >= (next + 0.5) / LENGTHS) quantiles[next++] = z;
  }
  return quantiles;
}

const NORMAL_QUANTILES = normalQuantiles();
