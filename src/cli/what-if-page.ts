/** The result of a what-if run as one HTML file that needs nothing from outside. */
import { plural } from './duration.ts';
import { lineChart } from './svg.ts';
import { agreementLine, changeLines, differenceRow, figureRows } from './what-if-lines.ts';
import type { WhatIfReport } from './what-if-run.ts';
import { escapeXml as text } from './xml.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --line: #d5d8dc; --soft: #f4f5f7 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6ea; --paper: #17181b; --line: #3a3d42; --soft: #212327 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line) }
thead th { background: var(--soft) }
.numbers td { text-align: right }
.numbers thead th:not(:first-child) { text-align: right }
svg { width: 100%; height: auto }
code { background: var(--soft); padding: 0 .3em }`;

export function reportPage(report: WhatIfReport): string {
  const { total, first } = report.differences;
  const changes = changeLines(report).map((line) => `<li><code>${text(line.trim())}</code></li>`);
  const figures = figureRows(report).map(
    ([name = '', ...cells]) =>
      `<tr><th scope="row">${text(name.trim())}</th>${cellsOf(cells)}</tr>`,
  );
  const rows = first.map((difference) => `<tr>${cellsOf(differenceRow(difference))}</tr>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What if: ${text(report.journal)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>What if?</h1>
<p>${text(report.from)} to ${text(report.to)}, ${plural(report.events, 'event')} of <code>${text(report.journal)}</code></p>
<h2>What is different</h2>
<ul>${changes.join('')}</ul>
<h2>Figures</h2>
<table class="numbers"><thead><tr><th></th><th>Happened</th><th>Baseline</th><th>What if</th></tr></thead>
<tbody>${figures.join('\n')}</tbody></table>
<p>${text(agreementLine(report))}</p>
${report.notes.map((note) => `<p>${text(note)}</p>`).join('\n')}
<h2>Leases over time</h2>
${leaseChart(report)}
<h2>What would have gone differently</h2>
<p>${plural(total, 'request')}${total > first.length ? `, of which the first ${first.length} are listed` : ''}.</p>
<table><thead><tr><th>Time</th><th>Tenant</th><th>Purpose</th><th>Baseline</th><th>What if</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>
</body>
</html>
`;
}

function cellsOf(cells: readonly string[]): string {
  return cells.map((cell) => `<td>${text(cell)}</td>`).join('');
}

function leaseChart({ recorded, baseline, what_if: whatIf }: WhatIfReport): string {
  const series = [
    { name: 'happened', bins: recorded.leases_over_time },
    { name: 'baseline', bins: baseline.leases_over_time },
    { name: 'what if', bins: whatIf.leases_over_time },
  ];
  const ends = [recorded.leases_over_time[0]?.at, recorded.leases_over_time.at(-1)?.at];
  const [begin = '', end = ''] = ends.map((iso) => iso?.slice(0, 16).replace('T', ' '));
  return lineChart({
    title: 'Mean number of leases over time',
    x: { label: 'time (UTC)', ticks: [] },
    y: { label: 'leases' },
    edges: [begin, end],
    series: series.map(({ name, bins }) => ({
      name,
      points: bins.map(({ t, utilization }): [number, number] => [t, utilization]),
    })),
  });
}
