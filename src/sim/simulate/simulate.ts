/** A simulation from its options to its figures. */
import { setImmediate } from 'node:timers/promises';
import { figuresOf, type SimulationFigures } from './figures.ts';
import { neededAgents } from './needed.ts';
import type { SimulationOptions } from './options.ts';
import { poolOptions, Run } from './run.ts';
import { WARM_UP_MS } from './sessions.ts';
import type { Series } from './tally.ts';
import { makeWorld } from './world.ts';

export interface Progress {
  /** `making` the world, `running` it through the core, or `sizing`: the search for the smallest
   *  pool. */
  readonly stage: 'making' | 'running' | 'sizing';
  /** How much of the stage is done, 0…1; nothing certain while `sizing`. */
  readonly share: number;
  /** The share of agents with a lease, and how many requests wait, while `running`. */
  readonly utilization: number;
  readonly waiting: number;
  /** Pools tried while `sizing`. */
  readonly tried: number;
}

export interface Simulated {
  readonly figures: SimulationFigures;
  readonly series: Series;
}

export interface SimulationHooks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Between two looks at the signal and reports of progress. */
const BREATHER_MS = 100;
/** How many pools a search usually tries. */
const USUALLY_TRIED = 10;

/** Throws the reason of the signal. */
export async function simulate(
  options: SimulationOptions,
  { signal, onProgress }: SimulationHooks = {},
): Promise<Simulated> {
  const { agents, idlePolicy } = options;
  const tell = async (progress: Partial<Progress> & Pick<Progress, 'stage'>): Promise<void> => {
    onProgress?.({ share: 0, utilization: 0, waiting: 0, tried: 0, ...progress });
    await setImmediate();
    signal?.throwIfAborted();
  };
  await tell({ stage: 'making' });
  const world = makeWorld(options);
  const pool = poolOptions(idlePolicy);

  const run = new Run(world, agents, pool);
  let toldAt = 0;
  while (run.step()) {
    if (performance.now() - toldAt < BREATHER_MS) continue;
    const share = (run.now + WARM_UP_MS) / (world.endMs + WARM_UP_MS);
    const { live, waiting } = run.ledger;
    await tell({ stage: 'running', share, utilization: live / agents, waiting });
    toldAt = performance.now();
  }
  const series = run.tally.series();

  const search = neededAgents(world, pool);
  let found = search.next();
  for (let tried = 0; found.done !== true; tried++) {
    await tell({ stage: 'sizing', share: Math.min(1, tried / USUALLY_TRIED), tried });
    found = search.next();
  }
  return { figures: figuresOf(options, world, run, found.value), series };
}
