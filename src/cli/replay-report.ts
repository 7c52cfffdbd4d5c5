/** The result of a replay for people. */
import { chart } from './chart.ts';
import { formatCount, formatPercent, formatSeconds, plural } from './duration.ts';
import type { ReplayReport } from './replay-run.ts';

const CHART_HEIGHT = 4;
const CHART_MARGIN = 8;
const CHART_WIDTH = 120;

export function reportLines(report: ReplayReport, width: number): string[] {
  return [
    ...requestLines(report),
    '',
    ...agentLines(report),
    '',
    ...chartLines(report, Math.min(CHART_WIDTH, width - CHART_MARGIN)),
    '',
    ...hints(report),
    `${plural(report.events, 'event')} in ${formatSeconds(report.wall_sec)}, ${formatCount(report.peak_rss_mb)} MB of memory at most.`,
  ];
}

function requestLines(report: ReplayReport): string[] {
  const { requests, granted, reused, warm, reclaimed, queued, rejected, waiting } = report;
  const share = (count: number): string =>
    requests === 0 ? '' : `(${formatPercent(count / requests)})`;
  const { p50, p99, max, mean } = report.waits_ms;
  const refused = Object.entries({
    ...(report.expired > 0 && { expired: report.expired }),
    ...report.refused,
  })
    .map(([code, count]) => `${formatCount(count)} ${code}`)
    .join(', ');
  const ms = (value: number): string => formatSeconds(value / 1_000);
  return [
    ...aligned([
      ['requests', requests, ''],
      [
        'granted',
        granted,
        `${share(granted)}, ${formatCount(warm)} of them warm (${formatPercent(report.warm_ratio)})`,
      ],
      ['reused', reused, share(reused)],
      ['rejected', rejected, `${share(rejected)}${refused && `: ${refused}`}`],
      ...(waiting > 0 ? [['waiting', waiting, 'at the end'] as const] : []),
      ['queued', queued, share(queued)],
      ['reclaimed', reclaimed, reclaimed === 0 ? '' : 'idle leases taken back for others'],
    ]),
    `waits        p50 ${ms(p50)}, p99 ${ms(p99)}, longest ${ms(max)}, mean ${ms(mean)}`,
  ];
}

function agentLines(report: ReplayReport): string[] {
  const { agents, agents_ever_needed: needed, utilization, leases_ended: ended } = report;
  const endings = Object.entries(ended).map(([reason, count]) => `${formatCount(count)} ${reason}`);
  if (report.leases_live > 0) endings.push(`${formatCount(report.leases_live)} still live`);
  return [
    `agents       ${formatCount(agents)}; at most ${formatCount(needed.at_once)} in use at once, ${formatCount(needed.distinct)} ever used`,
    `utilization  ${formatPercent(utilization.mean)} on average, ${formatPercent(utilization.peak)} at the peak`,
    `idle         ${formatCount(Math.round(report.idle_minutes))} agent-minutes`,
    `leases       ${endings.join(', ') || 'none'}`,
  ];
}

function chartLines({ utilization, from, to }: ReplayReport, width: number): string[] {
  const values = utilization.over_time.map((bin) => bin.utilization);
  const rows = chart(values, CHART_HEIGHT, width);
  const [first, last] = [from.slice(0, 16), to.slice(0, 16)].map((text) => text.replace('T', ' '));
  const columns = (rows[0]?.length ?? 0) - CHART_MARGIN + 1;
  const gap = Math.max(2, columns - (first?.length ?? 0) - (last?.length ?? 0));
  return ['utilization over time', ...rows, `       ${first}${' '.repeat(gap)}${last}`];
}

/** What the figures ask the user to try next. */
function hints({ refused, expired, waiting }: ReplayReport): string[] {
  const lines: string[] = [];
  if (refused.TENANT_AT_LIMIT) {
    lines.push('Tenants asked for more agents than they may hold: see --max-agents-per-tenant.');
  }
  if (expired > 0 || waiting > 0 || refused.AGENT_POOL_EXHAUSTED) {
    lines.push('Agents were missing at times: see --agents, --queue-timeout and --idle-policy.');
  }
  return lines;
}

function aligned(
  rows: readonly (readonly [name: string, count: number, more: string])[],
): string[] {
  const counts = rows.map(([, count]) => formatCount(count));
  const width = Math.max(...counts.map((text) => text.length));
  return rows.map(([name, , more], index) =>
    `${name.padEnd(13)}${counts[index]?.padStart(width)} ${more}`.trimEnd(),
  );
}
