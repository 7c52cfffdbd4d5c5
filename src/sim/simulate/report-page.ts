/** A simulation as one HTML page with pictures. It loads nothing: it can be kept and sent around. */
import type { SimulationFigures } from './figures.ts';
import type { Series } from './tally.ts';

interface Line {
  readonly name: string;
  readonly color: string;
  readonly values: readonly number[];
}

interface Plot {
  readonly title: string;
  readonly says: string;
  readonly lines: readonly Line[];
  /** A level line, such as the size of the pool. */
  readonly level?: { readonly name: string; readonly value: number };
  readonly format: (value: number) => string;
}

const WIDTH = 900;
const HEIGHT = 220;
const MARGIN = { left: 76, right: 12, top: 12, bottom: 26 } as const;
const PLOT_WIDTH = WIDTH - MARGIN.left - MARGIN.right;
const PLOT_HEIGHT = HEIGHT - MARGIN.top - MARGIN.bottom;
const BLUE = '#2563ab';
const ORANGE = '#c2571a';
const GREEN = '#2e7d4f';
const HOUR_MS = 3_600_000;
const TICKS = 4;

const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 920px; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; } td, th { text-align: left; padding: 0.15rem 1.5rem 0.15rem 0; }
  td { font-variant-numeric: tabular-nums; } h2 { margin: 2rem 0 0; } p { margin: 0.25rem 0; }
  svg { width: 100%; height: auto; } text { font-size: 12px; fill: currentColor; }
  .grid { stroke: currentColor; opacity: 0.15; } .level { stroke: currentColor; stroke-dasharray: 6 4; opacity: 0.7; }
  .line { fill: none; stroke-width: 1.6; } .key { font-weight: 600; }`;

export function reportPage(figures: SimulationFigures, series: Series): string {
  const plots = plotsOf(figures, series).map((plot) => section(plot, series.binMs, figures.hours));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simulation of ${count(figures.tenants)} tenants</title>
<style>${STYLE}
</style>
<h1>Simulation of ${count(figures.tenants)} tenants</h1>
<table>
${rowsOf(figures)
  .map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`)
  .join('\n')}
</table>
${plots.join('\n')}
<p>Times are hours from a Monday midnight, UTC. Each point is the mean of ${duration(series.binMs)}; waits are the longest.</p>
</html>
`;
}

function rowsOf(figures: SimulationFigures): (readonly [name: string, value: string])[] {
  const { wait_ms: waits } = figures;
  return [
    ['Agents', count(figures.agents)],
    ['Tenants with a session at a time', percent(figures.active_mean)],
    ['Agents that a session wants', String(figures.agents_per_tenant)],
    ['Idle policy, seed', `${figures.idle_policy}, ${figures.seed}`],
    ['Requests', count(figures.requests)],
    ['Granted', count(figures.granted)],
    ['Granted within a second', percent(figures.granted_within_1s)],
    ['Queued', count(figures.queued)],
    ['Rejected', count(figures.rejected)],
    ['Waits: p50, p95, p99', [waits.p50, waits.p95, waits.p99].map(duration).join(', ')],
    ['Utilization', percent(figures.utilization_mean)],
    ['New leases that were warm', percent(figures.warm_hit_ratio)],
    ['Agents needed for 99.9 % within a second', count(figures.pooled_agents_needed_999)],
    ['Agents needed without a pool', count(figures.static_agents_needed)],
    ['Invariant violations', count(figures.invariant_violations)],
  ];
}

function plotsOf({ agents }: SimulationFigures, series: Series): Plot[] {
  const shareOf = (values: readonly number[]) => values.map((value) => value / agents);
  return [
    {
      title: 'Demand',
      says: 'Agents that all sessions want, and agents with a lease.',
      lines: [
        { name: 'wanted', color: BLUE, values: series.wanted },
        { name: 'leased', color: ORANGE, values: series.used },
      ],
      level: { name: 'agents', value: agents },
      format: count,
    },
    {
      title: 'Utilization',
      says: 'The share of agents with a lease, and with one that idles.',
      lines: [
        { name: 'leased', color: ORANGE, values: shareOf(series.used) },
        { name: 'idle', color: GREEN, values: shareOf(series.idle) },
      ],
      level: { name: 'all', value: 1 },
      format: percent,
    },
    {
      title: 'Waits',
      says: 'The longest wait of those who asked then.',
      lines: [{ name: 'longest', color: BLUE, values: series.longestWaitMs }],
      format: duration,
    },
    {
      title: 'Queue',
      says: 'Requests that wait.',
      lines: [{ name: 'waiting', color: BLUE, values: series.waiting }],
      format: count,
    },
    {
      title: 'Requests',
      says: 'Requests, and those that came to nothing.',
      lines: [
        { name: 'requests', color: BLUE, values: series.requests },
        { name: 'rejected', color: ORANGE, values: series.rejected },
      ],
      format: count,
    },
  ];
}

function section(plot: Plot, binMs: number, hours: number): string {
  const { title, says, lines, level, format } = plot;
  const most = Math.max(...lines.flatMap(({ values }) => values), level?.value ?? 0);
  const top = most > 0 ? most * 1.05 : 1;
  const x = (ms: number): number => MARGIN.left + (ms / (hours * HOUR_MS)) * PLOT_WIDTH;
  const y = (value: number): number => MARGIN.top + (1 - value / top) * PLOT_HEIGHT;
  const keys = lines.map(
    ({ name, color }) => `<span class="key" style="color:${color}">${name}</span>`,
  );
  if (level) keys.push(`<span class="key">╌ ${level.name}</span>`);
  return `<h2>${title}</h2>
<p>${says} ${keys.join(' · ')}</p>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title} over time">
${grid(top, hours, x, y, format)}
${level ? `<line class="level" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${short(y(level.value))}" y2="${short(y(level.value))}"/>` : ''}
${lines.map((line) => polyline(line, binMs, hours, x, y)).join('\n')}
</svg>`;
}

function polyline(
  { name, color, values }: Line,
  binMs: number,
  hours: number,
  x: (ms: number) => number,
  y: (value: number) => number,
): string {
  const points = values.map((value, bin) => {
    const middle = Math.min((bin + 0.5) * binMs, hours * HOUR_MS);
    return `${short(x(middle))},${short(y(value))}`;
  });
  return `<polyline class="line" stroke="${color}" points="${points.join(' ')}"><title>${name}</title></polyline>`;
}

function grid(
  top: number,
  hours: number,
  x: (ms: number) => number,
  y: (value: number) => number,
  format: (value: number) => string,
): string {
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const rows = Array.from({ length: TICKS + 1 }, (_, tick) => (top * tick) / TICKS).map(
    (value) =>
      `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${short(y(value))}" y2="${short(y(value))}"/>` +
      `<text x="${MARGIN.left - 8}" y="${short(y(value) + 4)}" text-anchor="end">${format(value)}</text>`,
  );
  const columns = Array.from({ length: 2 * TICKS + 1 }, (_, tick) => (hours * tick) / (2 * TICKS));
  const labels = columns.map(
    (hour) =>
      `<text x="${short(x(hour * HOUR_MS))}" y="${bottom + 18}" text-anchor="middle">${Math.round(hour * 10) / 10} h</text>`,
  );
  return [...rows, ...labels].join('\n');
}

const short = (value: number): string => String(Math.round(value * 10) / 10);
const count = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  return `${Math.round(ms / 6_000) / 10} min`;
}
