/** A recording as a trace of jobs: every stretch of use of every lease is one. */
import { Trace, type TraceRow } from '../replay/trace.ts';
import type { RecordedRequest, Recording, Step, Use } from '../what-if/recording.ts';

export interface RecordedTrace {
  readonly trace: Trace;
  /** Requests whose use is not known, because they got nothing: they count as others did. */
  readonly guessed: number;
}

export function recordedTrace({ requests, held, to }: Recording): RecordedTrace {
  const rows: TraceRow[] = [];
  let guessed = 0;
  const add = (
    { tenant, purpose, demand }: Pick<RecordedRequest, 'tenant' | 'purpose' | 'demand'>,
    at: number,
    end: number,
  ): void => {
    const { specialization } = demand;
    rows.push({ at, tenant, durationMs: Math.max(0, end - at), purpose, specialization });
  };
  for (const request of requests) {
    const { at, uses, happened } = request;
    const isServed = happened.outcome === 'granted';
    if (!isServed) guessed += 1;
    for (const use of uses) {
      // Demand is when it was asked for, not when it could be served.
      const shift = at - use.grantedAt;
      for (const [nth, [begin, end]] of stretches(use, true, to).entries()) {
        if (nth > 0 && !isServed) break;
        const delay = nth === 0 ? shift : 0;
        add(request, begin + delay, end + delay);
      }
    }
  }
  for (const lease of held) {
    for (const [begin, end] of stretches(lease.use, lease.isActive, to)) add(lease, begin, end);
  }
  const trace = new Trace();
  for (const row of rows.sort((a, b) => a.at - b.at)) trace.add(row);
  return { trace, guessed };
}

/** When the lease was used: from its grant or a new beginning to rest, release or the end. */
function stretches(
  { grantedAt, steps }: Use,
  beginsInUse: boolean,
  to: number,
): (readonly [begin: number, end: number])[] {
  const found: (readonly [number, number])[] = [];
  let begin: number | null = beginsInUse ? grantedAt : null;
  for (const { at, kind } of steps) {
    if (kind === 'idle' || kind === 'end') {
      if (begin !== null) found.push([begin, at]);
      begin = null;
    } else begin ??= at;
  }
  if (begin !== null) found.push([begin, isUsed(steps) ? to : begin]);
  return found;
}

/** A lease that nobody ever reported was taken and left alone. */
const isUsed = (steps: readonly Step[]): boolean => steps.some(({ kind }) => kind === 'active');
