/** The result of a what-if run for people. */
import type { Difference, DifferentOutcome } from '../sim/what-if/compare.ts';
import type { RunFigures } from '../sim/what-if/meter.ts';
import { formatCount, formatPercent, formatSeconds, plural } from './duration.ts';
import { formatTable } from './table.ts';
import type { WhatIfReport } from './what-if-run.ts';

export function whatIfLines(report: WhatIfReport, width: number): string[] {
  const lines = [
    `${shortTime(report.from)} to ${shortTime(report.to)}, ${plural(report.events, 'event')} of ${report.journal}`,
    ...changeLines(report),
    '',
    ...formatTable(['', 'HAPPENED', 'BASELINE', 'WHAT IF'], figureRows(report), width),
    '',
    agreementLine(report),
    ...report.notes,
  ];
  const { total, first, by_change: by } = report.differences;
  if (total === 0) return [...lines, 'No request would have gone differently.'];
  const kinds = Object.entries(by).map(([change, count]) => `${change} ${formatCount(count)}`);
  lines.push(`${plural(total, 'request')} would have gone differently (${kinds.join(', ')}).`);
  if (first.length === 0) return lines;
  const header = ['TIME', 'TENANT', 'PURPOSE', 'BASELINE', 'WHAT IF'];
  return [...lines, '', ...formatTable(header, first.map(differenceRow), width)];
}

export function changeLines({ changed_options: options, agents }: WhatIfReport): string[] {
  const lines = Object.entries(options).map(
    ([path, [before, after]]) => `  ${path}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
  );
  const { recorded, added, removed } = agents;
  if (added > 0)
    lines.push(`  agents: ${formatCount(recorded)} → ${formatCount(recorded + added)}`);
  if (removed > 0) {
    lines.push(`  agents: ${formatCount(recorded)}, of which ${formatCount(removed)} are left out`);
  }
  return lines;
}

export function agreementLine({ agreement }: WhatIfReport): string {
  const { requests, same, same_outcome, same_agents, same_warmth, same_time } = agreement;
  return (
    `The baseline agrees with what happened in ${formatPercent(same)} of ${plural(requests, 'request')} ` +
    `(outcome ${formatPercent(same_outcome)}, within 1 s ${formatPercent(same_time)}, ` +
    `agents ${formatPercent(same_agents)}, warm or not ${formatPercent(same_warmth)}).`
  );
}

const ms = (value: number): string => formatSeconds(value / 1_000);

const FIGURES: readonly (readonly [name: string, show: (figures: RunFigures) => string])[] = [
  ['requests', ({ requests }) => formatCount(requests)],
  ['  asked again', ({ asked_again }) => formatCount(asked_again)],
  ['served at once', ({ at_once_share }) => formatPercent(at_once_share)],
  ['queued', ({ queued }) => formatCount(queued)],
  ['expired', ({ expired }) => formatCount(expired)],
  ['refused', ({ refused }) => refusedWords(refused)],
  ['wait p50', ({ waits_ms }) => ms(waits_ms.p50)],
  ['wait p95', ({ waits_ms }) => ms(waits_ms.p95)],
  ['wait p99', ({ waits_ms }) => ms(waits_ms.p99)],
  ['wait longest', ({ waits_ms }) => ms(waits_ms.max)],
  ['warm', ({ warm_share }) => formatPercent(warm_share)],
  ['reclaimed', ({ leases_ended }) => formatCount(leases_ended.reclaimed ?? 0)],
  ['lease-hours', ({ lease_hours }) => formatCount(Number(lease_hours.toFixed(1)))],
  ['idle minutes', ({ idle_minutes }) => formatCount(Math.round(idle_minutes))],
  ['agent-hours', ({ agent_hours }) => formatCount(Number(agent_hours.toFixed(1)))],
  ['cost', ({ cost }) => formatCount(Number(cost.toFixed(2)))],
  ['utilization', ({ utilization }) => formatPercent(utilization)],
  ['leases at once', ({ peak_leases }) => formatCount(peak_leases)],
];

/** Name, what happened, baseline, what if. */
export function figureRows({ recorded, baseline, what_if: whatIf }: WhatIfReport): string[][] {
  return FIGURES.map(([name, show]) => [name, show(recorded), show(baseline), show(whatIf)]);
}

function refusedWords(refused: RunFigures['refused']): string {
  const words = Object.entries(refused).map(([code, count]) => `${formatCount(count)} ${code}`);
  return words.join(', ') || '0';
}

export function differenceRow({ at, tenant, purpose, before, after }: Difference): string[] {
  return [shortTime(at), tenant, purpose, outcomeWords(before), outcomeWords(after)];
}

function outcomeWords({ outcome, code, queued, wait_ms, agents, warm }: DifferentOutcome): string {
  if (outcome === 'refused') return `refused ${code}`;
  const wait = queued ? ` after ${ms(wait_ms)}` : '';
  if (agents.length === 0) return `${outcome}${wait}`;
  const isNew = outcome === 'granted';
  return `${outcome}${wait}: ${agents.join(' ')}${isNew ? (warm ? ' warm' : ' cold') : ''}`;
}

function shortTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
