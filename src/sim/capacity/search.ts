/** The fewest agents that meet a level, and how it is with fewer and with more. */
import { ReplayError } from '../replay/replay-error.ts';
import { type Demand, type Probe, type ProbeOptions, probe } from './probe.ts';

export interface SearchOptions extends ProbeOptions {
  /** The share of requests to be served in time, 0 < level ≤ 1. */
  readonly level: number;
  /** Told before each run. */
  readonly onProbe?: (agents: number, runs: number) => void;
}

export interface Capacity {
  /** Meets the level; with one agent less it is missed. */
  readonly answer: Probe;
  /** Some numbers around it, ascending. */
  readonly sweep: readonly Probe[];
  readonly runs: number;
}

/** No number of agents meets the level. */
export class ImpossibleLevelError extends ReplayError {
  readonly best: Probe;
  constructor(best: Probe) {
    super('no number of agents meets the level');
    this.best = best;
  }
}

const MOST_AGENTS = 4_000_000;
const SWEEP = [0.6, 0.75, 0.85, 0.92, 0.97, 1, 1.05, 1.12, 1.25] as const;

export async function findCapacity(options: SearchOptions): Promise<Capacity> {
  const probes = new Map<number, Probe>();
  const tried = async (agents: number): Promise<Probe> => {
    const known = probes.get(agents);
    if (known !== undefined) return known;
    options.signal?.throwIfAborted();
    options.onProbe?.(agents, probes.size);
    const result = await probe(agents, options);
    probes.set(agents, result);
    return result;
  };
  const isMet = ({ share }: Probe): boolean => share >= options.level;
  const { trace } = options.demand;
  const kinds = Math.max(1, trace.rowsBySpecialization().size);

  // From what is busy on average upwards in doubling steps until it is met, then down by halves.
  let low = kinds - 1;
  let high = Math.max(kinds, Math.floor(meanLoad(options.demand)));
  for (;;) {
    const result = await tried(high);
    if (isMet(result)) break;
    // Nobody waits for an agent where not all are ever in use, and no more than there are requests.
    const isIdle = kinds === 1 && result.peak < high;
    if (isIdle || high >= Math.min(MOST_AGENTS, trace.length * 2 + kinds)) {
      throw new ImpossibleLevelError(result);
    }
    low = high;
    high = Math.min(MOST_AGENTS, high * 2);
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (isMet(await tried(middle))) high = middle;
    else low = middle;
  }
  const answer = await tried(high);
  const wanted = new Set(SWEEP.map((share) => Math.max(kinds, Math.round(high * share))));
  if (high > kinds) wanted.add(high - 1);
  wanted.add(high + 1);
  const sweep: Probe[] = [];
  for (const agents of [...wanted].sort((a, b) => a - b)) sweep.push(await tried(agents));
  return { answer, sweep, runs: probes.size };
}

/** Jobs at a time, on average; 0 where rows are moments. */
function meanLoad({ trace, from = trace.row(0).at, to = trace.row(trace.length - 1).at }: Demand) {
  if (!trace.hasDurations || to <= from) return 0;
  let busyMs = 0;
  for (let nth = 0; nth < trace.length; nth += 1) busyMs += trace.row(nth).durationMs ?? 0;
  return Math.min(busyMs / (to - from), trace.length);
}
