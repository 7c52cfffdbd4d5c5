/** A journal twice through the core, told on the way to whoever watches. */
import type { PoolOptions } from '../core/options.ts';
import type { Agreement, Difference } from '../sim/what-if/compare.ts';
import { agreementOf, differences } from '../sim/what-if/compare.ts';
import { changeFleet, type FleetChange, NO_CHANGE } from '../sim/what-if/fleet-change.ts';
import type { RunFigures } from '../sim/what-if/meter.ts';
import type { Outcome, Recording } from '../sim/what-if/recording.ts';
import { runRecording } from '../sim/what-if/run.ts';
import type { AgentsWanted, WhatIfOptions } from './commands/what-if.ts';
import type { CliContext } from './context.ts';
import { plural } from './duration.ts';
import { Failure, wrongUsage } from './failure.ts';
import { readJournal } from './read-journal.ts';
import { readConfigs, type WhatIfConfigs, withRecordedTimeouts } from './what-if-config.ts';

export interface WhatIfReport {
  readonly journal: string;
  readonly from: string;
  readonly to: string;
  readonly events: number;
  readonly agents: {
    /** The most that were registered at once. */
    readonly recorded: number;
    readonly added: number;
    readonly removed: number;
  };
  /** Options of the pool (durations in ms) that differ: what was configured, what is asked for. */
  readonly changed_options: WhatIfConfigs['changes'];
  readonly recorded: RunFigures;
  /** The same configuration run again, and how far that agrees with what happened. */
  readonly baseline: RunFigures;
  readonly agreement: Agreement;
  readonly what_if: RunFigures;
  readonly differences: {
    readonly total: number;
    readonly by_change: { readonly [change: string]: number };
    /** Those that only had another agent come after the others. */
    readonly first: readonly Difference[];
  };
  readonly notes: readonly string[];
}

/** Below this share of requests that go as they went, differences say little. */
const WEAK_AGREEMENT = 0.95;

export async function runWhatIf(
  context: CliContext,
  options: WhatIfOptions,
): Promise<WhatIfReport> {
  const configs = await readConfigs(context, options);
  const { place, recording } = await readJournal(context, options, configs.recorded);
  if (recording.requests.length === 0) {
    throw new Failure(
      `No request falls into that time: ${place} has ${plural(recording.events, 'event')} there, but none that asks for an agent.`,
    );
  }
  const { recorded, changed, changes } = withRecordedTimeouts(configs, recording.idleTimeouts);
  const change = fleetChange(recording, options.agents);
  if (Object.keys(changes).length === 0 && change === NO_CHANGE) {
    throw wrongUsage('Nothing would be different: what is asked for is what was configured.');
  }
  const run = (pool: PoolOptions, fleet: FleetChange) =>
    runRecording(recording, { pool, change: fleet, signal: context.signal });
  const baseline = run(recorded, NO_CHANGE);
  const whatIf = run(changed, change);
  const real = recording.requests.map(({ happened }) => happened);
  const agreement = agreementOf(real, baseline.outcomes);
  return {
    journal: place,
    from: new Date(recording.from).toISOString(),
    to: new Date(recording.to).toISOString(),
    events: recording.events,
    agents: {
      recorded: recording.peakAgents,
      added: change.added.length,
      removed: change.removed.size,
    },
    changed_options: changes,
    recorded: recording.figures,
    baseline: baseline.figures,
    agreement,
    what_if: whatIf.figures,
    differences: listed(recording, baseline.outcomes, whatIf.outcomes, options.differences),
    notes: notesOf(recording, agreement, changes),
  };
}

function fleetChange(recording: Recording, wanted: AgentsWanted | undefined): FleetChange {
  if (wanted === undefined) return NO_CHANGE;
  const { peakAgents } = recording;
  const delta = wanted.isRelative ? wanted.count : wanted.count - peakAgents;
  if (peakAgents === 0) throw new Failure('No agent was registered in that time.');
  if (-delta >= peakAgents) {
    throw wrongUsage(
      `--agents would leave nobody: there were ${plural(peakAgents, 'agent')} at once.`,
    );
  }
  return delta === 0 ? NO_CHANGE : changeFleet(recording, delta);
}

function listed(
  recording: Recording,
  before: readonly Outcome[],
  after: readonly Outcome[],
  most: number,
): WhatIfReport['differences'] {
  const byChange: { [change: string]: number } = {};
  const weighty: Difference[] = [];
  const others: Difference[] = [];
  let total = 0;
  for (const difference of differences(recording, before, after)) {
    total += 1;
    for (const change of difference.changes) byChange[change] = (byChange[change] ?? 0) + 1;
    const list = difference.changes.some((change) => change !== 'agent') ? weighty : others;
    if (list.length < most) list.push(difference);
  }
  const first = [...weighty, ...others].slice(0, most);
  return { total, by_change: byChange, first };
}

function notesOf(
  { isCut, changedTimeouts, agents }: Recording,
  { same }: Agreement,
  changes: WhatIfConfigs['changes'],
): string[] {
  const notes: string[] = [];
  if (isCut) notes.push('Older events are no longer kept: this begins at a snapshot.');
  for (const purpose of changedTimeouts) {
    notes.push(
      `The idle timeout of ${purpose} was changed meanwhile; the last one counts throughout.`,
    );
  }
  if (same < WEAK_AGREEMENT) {
    notes.push(
      'The baseline does not agree well with what happened. Was something else configured then (--recorded-config)?',
    );
  }
  if (agents.some(({ spec }) => spec.managed === true)) {
    notes.push('Agents that the pool started and stopped by itself come and go as they did.');
  }
  if (Object.keys(changes).some((path) => path.startsWith('health.'))) {
    notes.push('Losses of agents are taken as they were: heartbeats are not in a journal.');
  }
  return notes;
}
