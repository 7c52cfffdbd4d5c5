/** Two ways in which the same requests went: how far they agree, and where they part. */
import type { Outcome, Recording } from './recording.ts';

export interface Agreement {
  readonly requests: number;
  /** Shares of the requests, 0…1. */
  readonly same_outcome: number;
  readonly same_agents: number;
  readonly same_warmth: number;
  /** Served, or given up, within a second of when it really was. */
  readonly same_time: number;
  /** All of these. */
  readonly same: number;
  readonly largest_difference_ms: number;
}

export interface Difference {
  /** Of the request, counted from 0. */
  readonly index: number;
  readonly at: string;
  readonly tenant: string;
  readonly purpose: string;
  readonly changes: readonly ('outcome' | 'wait' | 'agent' | 'warmth')[];
  readonly before: DifferentOutcome;
  readonly after: DifferentOutcome;
}

export interface DifferentOutcome {
  readonly outcome: Outcome['outcome'];
  readonly code?: string;
  readonly queued: boolean;
  readonly wait_ms: number;
  readonly agents: readonly string[];
  readonly warm: boolean;
}

/** Waits that differ by less are alike: clocks and timers of a live pool are not exact. */
const ALIKE_MS = 1_000;

export function agreementOf(real: readonly Outcome[], run: readonly Outcome[]): Agreement {
  const same = { outcome: 0, agent: 0, warmth: 0, wait: 0, all: 0 };
  let largest = 0;
  for (const [index, before] of real.entries()) {
    const after = run[index]!;
    const changes = changesOf(before, after);
    for (const aspect of ['outcome', 'agent', 'warmth', 'wait'] as const) {
      if (!changes.includes(aspect)) same[aspect] += 1;
    }
    if (changes.length === 0) same.all += 1;
    largest = Math.max(largest, Math.abs(after.waitMs - before.waitMs));
  }
  const share = (count: number): number =>
    real.length === 0 ? 1 : Number((count / real.length).toFixed(6));
  return {
    requests: real.length,
    same_outcome: share(same.outcome),
    same_agents: share(same.agent),
    same_warmth: share(same.warmth),
    same_time: share(same.wait),
    same: share(same.all),
    largest_difference_ms: largest,
  };
}

export function* differences(
  { requests }: Recording,
  before: readonly Outcome[],
  after: readonly Outcome[],
): IterableIterator<Difference> {
  for (const [index, { at, tenant, purpose }] of requests.entries()) {
    const [old, now] = [before[index]!, after[index]!];
    const changes = changesOf(old, now);
    if (changes.length === 0) continue;
    yield {
      ...{ index, at: new Date(at).toISOString(), tenant, purpose, changes },
      ...{ before: shown(old), after: shown(now) },
    };
  }
}

function changesOf(before: Outcome, after: Outcome): Difference['changes'] {
  const changes: Difference['changes'][number][] = [];
  const isOther =
    before.outcome !== after.outcome ||
    before.code !== after.code ||
    before.queued !== after.queued;
  if (isOther) changes.push('outcome');
  if (Math.abs(before.waitMs - after.waitMs) >= ALIKE_MS) changes.push('wait');
  if (before.agents.join('\n') !== after.agents.join('\n')) changes.push('agent');
  if (before.warm !== after.warm) changes.push('warmth');
  return changes;
}

function shown({ outcome, code, queued, waitMs, agents, warm }: Outcome): DifferentOutcome {
  return {
    ...{ outcome, ...(code !== undefined && { code }), queued },
    ...{ wait_ms: waitMs, agents, warm },
  };
}
