/** One run: a world made from a seed, steps with faults, and the rest that must follow. */
import { disturb } from './chaos.ts';
import { draw, type Fault, type Plan } from './plan.ts';
import { Random } from './random.ts';
import { checkDrained, checkRest } from './rest.ts';
import { Scheduler } from './scheduler.ts';
import { type Violation, Violations } from './violation.ts';
import { virtualise } from './virtual-globals.ts';
import { START, World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
  /** Kinds of faults that do not happen. */
  readonly without?: readonly Fault[];
  /** Calls that a client sends in a step, at most, instead of a number that is drawn. */
  readonly calls?: number | undefined;
  /** Frames are part of the story, too. */
  readonly keepsFrames?: boolean;
}

export interface RunResult {
  readonly plan: Plan;
  readonly violation: Violation | null;
  /** Steps that were taken: for a violation, those that it needs. */
  readonly steps: number;
  /** It was found after the faults had stopped. */
  readonly isAtRest: boolean;
  /** Of all events, frames and answers. */
  readonly digest: string;
  /** Commands of all pools. */
  readonly commands: number;
  readonly walks: number;
  readonly events: number;
  readonly turns: number;
  readonly rests: number;
  readonly virtualMs: number;
  readonly tookMs: number;
  readonly story: readonly string[];
}

/** Longest time from one step to the next. */
const STEP_MS = 220;
/** Steps from one look at a world at rest to the next. */
const REST_EVERY = 50;
const REST_MS = 1_500;
/** More than any patience of the pool, or of those who talk to it. */
const PATIENCE_MS = 75_000;
const MOST_ROUNDS = 6;

const realNow: () => number = performance.now.bind(performance);

export async function simulate(options: RunOptions): Promise<RunResult> {
  const { seed, steps, without = [], keepsFrames = false } = options;
  const drawn = draw(seed, without);
  const plan = { ...drawn, callsPerStep: options.calls ?? drawn.callsPerStep };
  const violations = new Violations();
  const scheduler = new Scheduler(START);
  const startedAt = realNow();
  const onRejection = (error: unknown): void => {
    violations.add('no promise is left alone', (error as Error)?.stack ?? String(error));
  };
  process.on('unhandledRejection', onRejection);
  const restore = virtualise(scheduler);
  const world = new World(plan, violations, scheduler);
  world.keepsFrames = keepsFrames;
  const unwatch = world.checks.watch();
  let taken = 0;
  let isAtRest = false;
  let rests = 0;
  const isOver = () => violations.first !== null;
  try {
    world.start();
    while (taken < steps && !isOver()) {
      const random = new Random(seed, 100, taken);
      taken++;
      disturb(world, random);
      for (const client of world.clients) client.act(random, random.between(0, plan.callsPerStep));
      await scheduler.pass(random.between(1, STEP_MS), isOver);
      if (taken % REST_EVERY === 0 && !isOver() && (await rest(world, isOver))) rests++;
    }
    isAtRest = !isOver();
    if (isAtRest) await drain(world, isOver);
  } catch (error) {
    violations.add('nothing is thrown', (error as Error).stack ?? String(error));
  } finally {
    unwatch();
    restore();
    process.off('unhandledRejection', onRejection);
  }
  return {
    ...{ plan, violation: violations.first, steps: taken, isAtRest, rests },
    digest: world.truth.digest(),
    ...{ commands: world.checks.commands, walks: world.checks.walks, events: world.truth.events },
    ...{ turns: scheduler.turns, virtualMs: scheduler.clock.now() - START },
    ...{ tookMs: realNow() - startedAt, story: world.story },
  };
}

/** For a moment nothing new goes wrong: what all know must fit. True where it was looked at. */
async function rest(world: World, isOver: () => boolean): Promise<boolean> {
  world.setCalm(true);
  await world.scheduler.pass(REST_MS, isOver);
  let isChecked = false;
  for (let i = 0; i < 20 && !isOver() && !isChecked; i++) {
    await world.scheduler.pass(25, isOver);
    const pool = await world.quietPool();
    if (pool === null) continue;
    isChecked = true;
    checkRest(world, pool);
  }
  world.setCalm(false);
  return isChecked;
}

/** The faults stop and all let go: everything comes to rest. */
async function drain(world: World, isOver: () => boolean): Promise<void> {
  const { scheduler, violations, truth } = world;
  world.tell('the faults stop');
  world.endFaults();
  await scheduler.pass(PATIENCE_MS, isOver);
  for (let round = 0; round < MOST_ROUNDS && !isOver(); round++) {
    const live = truth.live().map(({ id }) => id);
    if (live.length === 0 && truth.pool.state.queue.length === 0 && round > 1) break;
    const [first, ...others] = world.clients;
    first.letGo(live);
    for (const client of others) client.letGo([]);
    await scheduler.pass(4_000, isOver);
  }
  await scheduler.pass(PATIENCE_MS, isOver);
  for (let i = 0; i < 200 && !isOver(); i++) {
    await scheduler.pass(25, isOver);
    const pool = await world.quietPool();
    if (pool === null) continue;
    checkRest(world, pool);
    checkDrained(world, pool);
    return;
  }
  if (!isOver()) violations.add('in the end the pool is ready', world.state());
}
