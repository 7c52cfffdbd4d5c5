/**
 * The smallest pool that serves a world well: with which 99.9 % of the requests are granted within
 * a second, idle holds and reclaim as the pool has them. Found by running the world again and again.
 */
import type { PoolOptions } from '../../core/options.ts';
import { CountingPool } from './counting-pool.ts';
import { Run } from './run.ts';
import { Timeline } from './timeline.ts';
import type { World } from './world.ts';

/** Of a thousand requests, so many may come late or never. */
const LATE_PER_MILLE = 1;
/** Idle leases add about so much to what sessions want at most at once: where the search begins,
 *  and how far it goes from there at first. */
const FIRST_GUESS = 1.08;
const FIRST_STEP = 0.015;
/** A pool that is far too small need not be looked at to the end. */
const FAR_TOO_LATE = 16;
/** Following the slope is quick, halving is sure. */
const SLOPES_FOLLOWED = 10;
/** An agent more can make a few requests more late: the agents that are taken back are others. So in
 *  a world of no more sessions than this all smaller pools are tried that are not far too small … */
const FEW_SESSIONS = 20_000;
/** … and in one as small as this by the core itself, where timeouts are bent: counting them is a
 *  little simplified. */
const FEW_SESSIONS_FOR_CORE = 5_000;
const HARDLY_TOO_LATE = 2;

interface Tried {
  readonly agents: number;
  /** Requests that were not granted soon. */
  readonly late: number;
}

/** Yields before each run of the world, so that a caller can go on with other things in between. */
export function* neededAgents(world: World, options: PoolOptions): Generator<void, number> {
  const { requests, mostAgents } = demandOf(world);
  if (requests === 0) return 0;
  const mostLate = Math.floor((requests * LATE_PER_MILLE) / 1_000);
  const tooLate = mostLate * FAR_TOO_LATE + 1;
  const tried: Tried[] = [];
  const isEnough = (agents: number): boolean => {
    const { soon } = new CountingPool(world, agents, options).run(tooLate);
    const late = requests - soon;
    // Of those that served everybody, or were stopped, it is not known by how much.
    if (late > 0 && late < tooLate) tried.push({ agents, late });
    return late <= mostLate;
  };

  let [few, enough] = yield* bracket(mostAgents, isEnough);
  for (let nth = 0; enough - few > 1; nth++) {
    yield;
    const guess = nth < SLOPES_FOLLOWED ? bySlope(tried, mostLate) : Number.NaN;
    const isInside = guess > few && guess < enough;
    const agents = isInside ? guess : (few + enough) >> 1;
    if (isEnough(agents)) enough = agents;
    else few = agents;
  }
  const { count } = world.sessions;
  if (count > FEW_SESSIONS) return enough;
  const byCore = options.idlePolicy !== 'fixed' && count <= FEW_SESSIONS_FOR_CORE;
  const lateOf = (agents: number): number =>
    requests - (byCore ? soonByCore(world, agents, options) : soonByCount(world, agents, options));
  return yield* smallest(enough, mostLate, lateOf);
}

function soonByCount(world: World, agents: number, options: PoolOptions): number {
  return new CountingPool(world, agents, options).run().soon;
}

function soonByCore(world: World, agents: number, options: PoolOptions): number {
  const run = new Run(world, agents, options);
  while (run.step());
  return run.tally.grantedSoon;
}

/** From a number of agents that is about enough to the smallest one that is. */
function* smallest(
  guess: number,
  mostLate: number,
  lateOf: (agents: number) => number,
): Generator<void, number> {
  let enough = guess;
  yield;
  while (lateOf(enough) > mostLate) {
    enough += 1;
    yield;
  }
  for (let agents = enough - 1; agents > 0; agents--) {
    yield;
    const late = lateOf(agents);
    if (late <= mostLate) enough = agents;
    else if (late > HARDLY_TOO_LATE * mostLate + HARDLY_TOO_LATE) break;
  }
  return enough;
}

/** Two pools, one too small and one large enough. */
function* bracket(
  mostAgents: number,
  isEnough: (agents: number) => boolean,
): Generator<void, [few: number, enough: number]> {
  let few = 0;
  let enough = 0;
  let factor = FIRST_GUESS;
  for (let step = FIRST_STEP; few === 0 || enough === 0; step *= 2) {
    const agents = Math.ceil(mostAgents * factor);
    if (agents < 1) break;
    yield;
    if (isEnough(agents)) enough = agents;
    else few = agents;
    factor += enough === 0 ? step : -step;
  }
  return [few, enough];
}

/**
 * Where the two pools that came nearest say that the target lies: how many are late is nearly a
 * straight line there. NaN if they say nothing.
 */
function bySlope(tried: readonly Tried[], target: number): number {
  const [near, other] = [...tried].sort(
    (a, b) => Math.abs(a.late - target) - Math.abs(b.late - target),
  );
  if (near === undefined || other === undefined || near.late === other.late) return Number.NaN;
  const perAgent = (other.late - near.late) / (other.agents - near.agents);
  return near.agents + Math.ceil((target - near.late) / perAgent);
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
