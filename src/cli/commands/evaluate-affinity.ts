/** `remuda evaluate affinity`: how often a tenant meets the agent that still knows it. */
import { Command, Option } from 'commander';
import type { CliContext } from '../context.ts';
import { formatCount, formatPercent, plural } from '../duration.ts';
import {
  type AffinityOptions,
  addTraceOptions,
  MOST_AGENTS,
  SELECTIONS_EVALUATED,
  withDecisions,
} from '../evaluate-options.ts';
import type { AffinityReport } from '../evaluate-run.ts';
import { wholeNumber, withExample, withJson } from '../options.ts';
import { time } from '../replay-options.ts';
import { formatTable } from '../table.ts';

const DEFAULT_AGENTS = 100;

export function evaluateAffinityCommand(context: CliContext): Command {
  const command = addTraceOptions(
    new Command('affinity').description('how often tenants meet the agent that served them last'),
  )
    .option(
      '--learn-from <time>',
      'leave out what was before; the start of the trace unless given',
      time,
    )
    .option('--agents <n>', 'agents that there are', wholeNumber(1, MOST_AGENTS), DEFAULT_AGENTS)
    .addOption(
      new Option(
        '--selection <selection>',
        'how an agent is chosen: score as the pool does it; warmth not yet',
      )
        .choices(SELECTIONS_EVALUATED)
        .default(SELECTIONS_EVALUATED[0]),
    );
  withExample(
    withJson(withDecisions(command, 'minute,tenant,agent')),
    'remuda evaluate affinity --trace messages.csv.gz --tenant-column sender --agents 50',
    'remuda evaluate affinity --trace messages.csv.gz --tenant-column sender --selection lru ' +
      '--from 2025-09-01 --to 2025-12-01 --decisions chosen.csv --json',
  );
  return command.action(async (options: AffinityOptions) => {
    const { runAffinity } = await import('../evaluate-run.ts');
    const report = await runAffinity(context, options);
    if (options.json) await context.out.json(report);
    else for (const line of lines(report, context.out.width)) await context.out.print(line);
  });
}

function lines(report: AffinityReport, width: number): string[] {
  const { requests, tenants, agents } = report;
  return [
    `${plural(requests, 'request')} of ${plural(tenants, 'tenant')} to ${plural(agents, 'agent')}.`,
    '',
    ...formatTable(
      ['selection', 'hits', 'hit ratio'],
      [
        [report.selection, formatCount(report.hits), formatPercent(report.hit_ratio)],
        ['optimum', '', formatPercent(report.oracle_hit_ratio)],
      ],
      width,
    ),
  ];
}
