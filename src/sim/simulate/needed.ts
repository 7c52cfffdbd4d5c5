/**
 * The smallest pool that serves a world well: with which 99.9 % of the requests are granted within
 * a second, idle holds and reclaim as the pool has them. Found by running the world again and again.
 */
import type { PoolOptions } from '../../core/options.ts';
import { CountingPool } from './counting-pool.ts';
import { Timeline } from './timeline.ts';
import type { World } from './world.ts';

/** Of a thousand requests, so many may come late or never. */
const LATE_PER_MILLE = 1;
const FIRST_STEP = 0.01;

/** `onRun` is told before each run, so that somebody who waits can be told. */
export function* neededAgents(world: World, options: PoolOptions): Generator<void, number> {
  const { requests, mostAgents } = demandOf(world);
  const mostLate = Math.floor((requests * LATE_PER_MILLE) / 1_000);
  const isEnough = (agents: number): boolean => {
    const { soon } = new CountingPool(world, agents, options).run(mostLate);
    return requests - soon <= mostLate;
  };
  if (requests === 0) return 0;
  // What sessions want at most is near: a little less than what idle leases add to it.
  let few = 0;
  let enough = mostAgents;
  let step = Math.max(1, Math.ceil(mostAgents * FIRST_STEP));
  while (true) {
    yield;
    if (isEnough(enough)) break;
    few = enough;
    enough += step;
    step *= 2;
  }
  step = Math.max(1, Math.ceil(mostAgents * FIRST_STEP));
  while (few === 0 && enough > 1) {
    yield;
    const fewer = Math.max(1, enough - step);
    if (isEnough(fewer)) enough = fewer;
    else few = fewer;
    step *= 2;
  }
  while (enough - few > 1) {
    yield;
    const middle = (few + enough) >> 1;
    if (isEnough(middle)) enough = middle;
    else few = middle;
  }
  return enough;
}

/** Requests that count, and the agents that the sessions of a world want at most at once. */
function demandOf({ sessions, population, endMs }: World): {
  readonly requests: number;
  readonly mostAgents: number;
} {
  const timeline = new Timeline(sessions, endMs);
  let requests = 0;
  let wanted = 0;
  let mostAgents = 1;
  while (timeline.next()) {
    const agents = population.agentsOf(sessions.tenant[timeline.session]!);
    if (timeline.isStart && timeline.at >= 0) requests += 1;
    wanted += timeline.isStart ? agents : -agents;
    mostAgents = Math.max(mostAgents, wanted);
  }
  return { requests, mostAgents };
}
