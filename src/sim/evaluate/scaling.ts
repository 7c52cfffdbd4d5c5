/** How well a number of agents follows the demand for them, where agents take time to start. */
import { ReplayError } from '../replay/replay-error.ts';
import { MINUTES_PER_DAY } from './minutes.ts';
import { SteeredFleet } from './steered-fleet.ts';

export interface ScalingFigures {
  /** Demand that no agent served, as a share of all demand. */
  readonly short_ratio: number;
  /** Agents that ran beyond the demand, as a share of all demand. */
  readonly surplus_ratio: number;
  /** Changes of direction of the number running, a day. */
  readonly reversals_per_day: number;
  /** Minutes in which another number runs than in the minute before. */
  readonly changes: number;
}

export interface ScalingMoment {
  /** Minutes since the demand began. */
  readonly minute: number;
  /** What is needed in this minute; later minutes are not known. */
  readonly demand: number;
  readonly running: number;
  readonly starting: number;
}

/** The number of agents wanted, running and starting ones together. Minutes come in order. */
export type ScalingStrategy = (moment: ScalingMoment) => number;

/** Indexes of minutes; `to` is exclusive. */
export interface ScalingWindow {
  readonly from: number;
  readonly to: number;
}

/** What the strategy wants in each minute. */
export function decideScaling(
  demand: Float64Array,
  bootMinutes: number,
  strategy: ScalingStrategy,
): Int32Array {
  const fleet = new SteeredFleet(demand, bootMinutes);
  const desired = new Int32Array(demand.length);
  for (let minute = 0; minute < demand.length; minute += 1) {
    fleet.begin(minute);
    const { running, starting } = fleet;
    const wanted = strategy({ minute, demand: demand[minute]!, running, starting });
    fleet.steer(minute, wanted);
    desired[minute] = wanted;
  }
  return desired;
}

/** Throws ReplayError where the window has no demand: there is nothing to take shares of. */
export function measureScaling(
  demand: Float64Array,
  desired: Int32Array,
  bootMinutes: number,
  window: ScalingWindow = { from: 0, to: demand.length },
): ScalingFigures {
  const fleet = new SteeredFleet(demand, bootMinutes);
  let total = 0;
  let short = 0;
  let surplus = 0;
  let changes = 0;
  let reversals = 0;
  let direction = 0;
  let before: number | null = null;
  for (let minute = 0; minute < window.to; minute += 1) {
    fleet.begin(minute);
    fleet.steer(minute, desired[minute]!);
    if (minute < window.from) continue;
    const wanted = demand[minute]!;
    const { running } = fleet;
    total += wanted;
    short += Math.max(0, wanted - running);
    surplus += Math.max(0, running - wanted);
    const step = before === null ? 0 : Math.sign(running - before);
    before = running;
    if (step === 0) continue;
    changes += 1;
    if (step === -direction) reversals += 1;
    direction = step;
  }
  if (total === 0)
    throw new ReplayError('Nothing is ever in demand, so there is nothing to serve.');
  const days = (window.to - window.from) / MINUTES_PER_DAY;
  return {
    short_ratio: short / total,
    surplus_ratio: surplus / total,
    reversals_per_day: reversals / days,
    changes,
  };
}
