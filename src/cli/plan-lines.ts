/** A plan of capacity for people. */
import { formatCount, formatPercent, formatSeconds, plural } from './duration.ts';
import type { Formula, PlanReport, SweepRow, Theory } from './plan-run.ts';
import { formatTable } from './table.ts';

export function planLines(report: PlanReport, width: number): string[] {
  const { agents, level, within_sec: within, use, lease, sweep } = report;
  const tiers = Object.keys(report.cost_per_hour);
  const header = ['AGENTS', `WITHIN ${within} S`, 'P50', 'P95', 'P99', 'NOT SERVED', 'UTILIZATION'];
  const costs = tiers.map((tier) => (tier === 'any' ? 'COST/H' : `${tier.toUpperCase()}/H`));
  const more = ['ERLANG B', 'ERLANG C'];
  const rows = sweep.map((row) => [
    ...sweepCells(row, row.agents === agents),
    ...tiers.map((tier) => money(row.cost_per_hour[tier] ?? 0)),
    ...[share(row.erlang_b_share), share(row.erlang_c_share)],
  ]);
  const cost = tiers.map((tier) => {
    const amount = money(report.cost_per_hour[tier] ?? 0);
    return tier === 'any' ? `${amount} an hour` : `${amount} an hour as ${tier}`;
  });
  return [
    `demand       ${report.demand}: ${plural(report.requests, 'request')}, ${day(report.from)} to ${day(report.to)}`,
    `level        ${formatLevel(level)} of the requests granted within ${within} s`,
    '',
    `simulated    ${plural(agents, 'agent')}${cost.length > 0 ? `: ${cost.join(', ')}` : ''}`,
    ...(use === null ? [] : theoryLines('in use', use)),
    ...theoryLines('on lease', lease),
    `Erlang B     ${lease.erlang_b.assumes}`,
    `Erlang C     ${lease.erlang_c.assumes}`,
    `R + β√R      ${lease.square_root.assumes}`,
    '',
    ...formatTable([...header, ...costs, ...more], rows, width),
    '',
    `→ the fewest agents that meet the level. ${plural(report.runs, 'run')} in ${formatSeconds(report.wall_sec)}.`,
  ];
}

function theoryLines(name: string, theory: Theory): string[] {
  const { load, mean_sec: mean, erlang_b, erlang_c, square_root } = theory;
  const count = ({ agents }: Formula): string => (agents === null ? 'none' : formatCount(agents));
  return [
    `${name.padEnd(13)}${load.toFixed(1)} at once, ${formatSeconds(mean)} each: ` +
      `Erlang B ${count(erlang_b)}, Erlang C ${count(erlang_c)}, R + β√R ${count(square_root)}`,
  ];
}

function sweepCells(row: SweepRow, isAnswer: boolean): string[] {
  const { p50, p95, p99 } = row.waits_ms;
  const ms = (value: number): string => formatSeconds(value / 1_000);
  return [
    `${isAnswer ? '→ ' : '  '}${formatCount(row.agents)}`,
    share(row.within_share),
    ...[ms(p50), ms(p95), ms(p99)],
    formatCount(row.not_served),
    formatPercent(row.utilization),
  ];
}

/** Cut, not rounded: what is just missed must not look met. */
function share(value: number): string {
  return `${(Math.floor(value * 1e5 + 1e-6) / 1e3).toFixed(3)} %`;
}

function formatLevel(level: number): string {
  return `${Number((level * 100).toFixed(6))} %`;
}

function money(amount: number): string {
  return amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function day(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
