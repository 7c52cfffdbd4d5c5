/** `remuda evaluate keepalive`: for how long to keep an agent for a tenant that has gone quiet. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { formatCount, formatPercent, plural } from '../duration.ts';
import {
  addTraceOptions,
  type KeepaliveOptions,
  keepPolicy,
  MOST_AGENTS,
  withDecisions,
} from '../evaluate-options.ts';
import type { KeepaliveReport } from '../evaluate-run.ts';
import { amount, wholeNumber, withExample, withJson } from '../options.ts';
import { time } from '../replay-options.ts';
import { formatTable } from '../table.ts';

const DEFAULT_COST = 30;
const COLUMNS = 'tenant,minute,prewarm_after_min,keep_min';

export function evaluateKeepaliveCommand(context: CliContext): Command {
  const command = addTraceOptions(
    new Command('keepalive').description('cold starts against minutes kept without use'),
  )
    .option('--learn-from <time>', 'what a policy may learn from begins then', time)
    .requiredOption(
      '--policy <policy>',
      'fixed:N minutes; pressure[:N], an idle timeout of N (15) bent by utilization; learned (not yet)',
      keepPolicy,
    )
    .option('--cost <minutes>', 'idle minutes that a cold start is worth', amount, DEFAULT_COST)
    .option(
      '--agents <n>',
      'with pressure: agents that there are; the most held so far unless given',
      wholeNumber(1, MOST_AGENTS),
    );
  withExample(
    withJson(withDecisions(command, COLUMNS)),
    'remuda evaluate keepalive --trace messages.csv.gz --tenant-column sender --policy fixed:30',
    'remuda evaluate keepalive --trace messages.csv.gz --tenant-column sender --policy pressure ' +
      '--from 2025-09-01 --to 2025-12-01 --cost 10 --decisions kept.csv --json',
  );
  return command.action(async (options: KeepaliveOptions) => {
    const { runKeepalive } = await import('../evaluate-run.ts');
    const report = await runKeepalive(context, options);
    if (options.json) await context.out.json(report);
    else for (const line of lines(report, context.out.width)) await context.out.print(line);
  });
}

function lines(report: KeepaliveReport, width: number): string[] {
  const { active_minutes: active, cold } = report;
  const among = `${plural(active, 'active minute')} of ${plural(report.tenants, 'tenant')}`;
  return [
    `${among}; a cold start is worth ${plural(report.cost, 'idle minute')}.`,
    '',
    ...formatTable(
      ['policy', 'cold', 'idle minutes', 'cost per active minute'],
      [
        [
          report.policy,
          `${formatCount(cold)} (${formatPercent(cold / active)})`,
          formatCount(report.idle_minutes),
          report.cost_per_active_minute.toFixed(2),
        ],
        ['optimum', '', '', report.oracle_cost_per_active_minute.toFixed(2)],
        ['regret', '', '', report.regret.toFixed(2)],
      ],
      width,
    ),
  ];
}
