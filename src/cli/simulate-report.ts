/** The result of a simulation for people. */
import { formatCount, formatPercent, formatSeconds, plural } from './duration.ts';
import type { SimulationReport } from './simulate-run.ts';

export function simulationLines(report: SimulationReport): string[] {
  const { invariant_violations: violations } = report;
  return [
    ...worldLines(report),
    '',
    ...requestLines(report),
    '',
    ...agentLines(report),
    '',
    ...sizeLines(report),
    '',
    ...(violations === 0
      ? ['No invariant was violated.']
      : [`${plural(violations, 'invariant violation')}:`, ...report.violations]),
    `${plural(report.events, 'event')} in ${formatSeconds(report.wall_sec)}, ${formatCount(report.peak_rss_mb)} MB of memory at most.`,
  ];
}

function worldLines(report: SimulationReport): string[] {
  const { tenants, active, active_mean: mean, agents_per_tenant: each, hours, seed } = report;
  return [
    `world        ${plural(tenants, 'tenant')}, ${formatPercent(active)} with a session at a time (${formatPercent(mean)} came out), ${plural(each, 'agent')} each`,
    `             ${plural(hours, 'hour')}, seed ${seed}, idle policy ${report.idle_policy}`,
  ];
}

function requestLines(report: SimulationReport): string[] {
  const { requests, granted, reused, queued, rejected, waiting, expired, refused } = report;
  const share = (count: number): string =>
    requests === 0 ? '' : ` (${formatPercent(count / requests)})`;
  const reasons = Object.entries({ ...(expired > 0 && { expired }), ...refused })
    .map(([code, count]) => `${formatCount(count)} ${code}`)
    .join(', ');
  const { p50, p95, p99 } = report.wait_ms;
  const ms = (value: number): string => formatSeconds(value / 1_000);
  return [
    `requests     ${formatCount(requests)}`,
    `granted      ${formatCount(granted)}${share(granted)}, ${formatCount(reused)} of them by leases they still had`,
    `in a second  ${formatPercent(report.granted_within_1s)} of all`,
    `queued       ${formatCount(queued)}${share(queued)}`,
    `rejected     ${formatCount(rejected)}${share(rejected)}${reasons && `: ${reasons}`}`,
    ...(waiting > 0 ? [`waiting      ${formatCount(waiting)} at the end`] : []),
    `waits        p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}`,
  ];
}

function agentLines(report: SimulationReport): string[] {
  return [
    `agents       ${formatCount(report.agents)}; sessions want ${formatCount(report.wanted_mean)} on average, ${formatCount(report.wanted_peak)} at the peak`,
    `utilization  ${formatPercent(report.utilization_mean)} on average, ${formatPercent(report.utilization_peak)} at the peak; ${formatPercent(report.idle_mean)} idle`,
    `warm         ${formatPercent(report.warm_hit_ratio)} of new leases`,
  ];
}

function sizeLines(report: SimulationReport): string[] {
  return [
    `needed       ${formatCount(report.pooled_agents_needed_999)} agents grant 99.9 % within a second`,
    `static       ${formatCount(report.static_agents_needed)} agents, one's own for each tenant: ${report.efficiency_vs_static.toFixed(1)} times as many`,
  ];
}
