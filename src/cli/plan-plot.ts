/** A plan of capacity as a picture: agents against the share that is granted in time. */
import { formatPercent } from './duration.ts';
import type { PlanReport } from './plan-run.ts';
import { lineChart } from './svg.ts';

export function planPlot({ sweep, agents, level, within_sec: within, demand }: PlanReport): string {
  const points = (of: (row: PlanReport['sweep'][number]) => number) =>
    sweep.map((row): [number, number] => [row.agents, of(row)]);
  const simulated = points((row) => row.within_share);
  const floor = Math.min(level, ...simulated.map(([, share]) => share));
  return lineChart({
    title: `Granted within ${within} s: ${demand}`,
    x: { label: 'agents' },
    y: { label: 'share of the requests', format: (value) => formatPercent(value) },
    floor: Math.max(0, floor - (1 - floor) * 0.05),
    series: [
      { name: 'simulated', points: simulated, hasMarks: true },
      { name: 'Erlang B (loss)', points: points((row) => row.erlang_b_share) },
      { name: `Erlang C (wait ≤ ${within} s)`, points: points((row) => row.erlang_c_share) },
      { name: 'Erlang C, idle time kept', points: points((row) => row.erlang_c_lease_share) },
    ],
    lines: [
      { axis: 'y', at: level, label: formatPercent(level) },
      { axis: 'x', at: agents, label: `${agents} agents` },
    ],
  });
}
