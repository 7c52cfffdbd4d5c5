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
const FIRST_GUESS = 1.06;
const FIRST_STEP = 0.03;
/** A pool that is far too small need not be looked at to the end. */
const FAR_TOO_LATE = 16;
/** Interpolation is quick, halving is sure. */
const INTERPOLATIONS = 10;
/** An agent more can make a few requests more late: the agents that are taken back are others. So in
 *  a world of no more sessions than this all smaller pools are tried that are not far too small … */
const FEW_SESSIONS = 20_000;
/** … and in one as small as this by the core itself, where timeouts are bent: counting them is a
 *  little simplified. */
const FEW_SESSIONS_FOR_CORE = 5_000;
const HARDLY_TOO_LATE = 2;

interface Tried {
  readonly agents: number;
  /** The root of how many requests were late. */
  readonly late: number;
}

/** Yields before each run of the world, so that a caller can go on with other things in between. */
export function* neededAgents(world: World, options: PoolOptions): Generator<void, number> {
  const { requests, mostAgents } = demandOf(world);
  if (requests === 0) return 0;
  const mostLate = Math.floor((requests * LATE_PER_MILLE) / 1_000);
  const target = root(mostLate);
  const tryOut = (agents: number): Tried => {
    const { soon } = new CountingPool(world, agents, options).run(mostLate * FAR_TOO_LATE + 1);
    return { agents, late: root(requests - soon) };
  };

  let [few, enough] = yield* bracket(mostAgents, requests, target, tryOut);
  for (let nth = 0; enough.agents - few.agents > 1; nth++) {
    yield;
    const tried = tryOut(between(few, enough, target, nth));
    // The end that stays is moved half the way to the target, lest the search creep (Illinois).
    if (tried.late <= target) {
      few = { ...few, late: (few.late + target) / 2 };
      enough = tried;
    } else {
      enough = { ...enough, late: (enough.late + target) / 2 };
      few = tried;
    }
  }
  const { count } = world.sessions;
  if (count > FEW_SESSIONS) return enough.agents;
  const byCore = options.idlePolicy !== 'fixed' && count <= FEW_SESSIONS_FOR_CORE;
  const lateOf = (agents: number): number =>
    requests - (byCore ? soonByCore(world, agents, options) : soonByCount(world, agents, options));
  return yield* smallest(enough.agents, mostLate, lateOf);
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
  requests: number,
  target: number,
  tryOut: (agents: number) => Tried,
): Generator<void, [few: Tried, enough: Tried]> {
  let few: Tried = { agents: 0, late: root(requests) };
  let enough: Tried | null = null;
  let factor = FIRST_GUESS;
  for (let step = FIRST_STEP; ; step *= 2) {
    const agents = Math.ceil(mostAgents * factor);
    if (enough !== null && agents < 1) return [few, enough];
    yield;
    const tried = tryOut(agents);
    if (tried.late <= target) enough = tried;
    else few = tried;
    if (enough !== null && few.agents > 0) return [few, enough];
    factor += enough === null ? step : -step;
  }
}

/** The next number of agents to try. */
function between(few: Tried, enough: Tried, target: number, nth: number): number {
  const span = enough.agents - few.agents;
  let share = 0.5;
  if (nth < INTERPOLATIONS && few.agents > 0 && few.late > enough.late) {
    share = (few.late - target) / (few.late - enough.late);
  }
  const agents = few.agents + Math.ceil(share * span);
  return Math.min(enough.agents - 1, Math.max(few.agents + 1, agents));
}

/** Where agents run short for an hour or so, what comes late grows about with the square of how
 *  many are missing: its root is nearly a straight line. The half keeps it off the target. */
function root(late: number): number {
  return Math.sqrt(late + 0.5);
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
