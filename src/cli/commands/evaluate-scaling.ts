/** `remuda evaluate scaling`: does the number of agents follow the demand for them? */
import { Command, Option } from 'commander';
import type { CliContext } from '../context.ts';
import { formatCount, plural } from '../duration.ts';
import { type ScalingOptions, STRATEGIES, withDecisions } from '../evaluate-options.ts';
import type { ScalingReport } from '../evaluate-run.ts';
import { amount, withExample, withJson } from '../options.ts';
import { time } from '../replay-options.ts';
import { formatTable } from '../table.ts';

const DEFAULT_BOOT_SEC = 300;

export function evaluateScalingCommand(context: CliContext): Command {
  const command = new Command('scaling')
    .description('demand that no agent served, and agents that nobody needed')
    .requiredOption('--demand <file>', 'CSV with the columns t_sec and demand, a row a minute')
    .option('--boot-sec <sec>', 'how long an agent takes to start', amount, DEFAULT_BOOT_SEC)
    .addOption(
      new Option('--strategy <strategy>', 'how the number of agents is decided; staffing not yet')
        .choices(STRATEGIES)
        .default(STRATEGIES[0]),
    )
    .option('--from <t_sec>', 'figures count from then on; the run begins with the file', time)
    .option('--to <t_sec>', '… and until then, exclusive; the end of the file unless given', time);
  withExample(
    withJson(withDecisions(command, 't_sec,desired')),
    'remuda evaluate scaling --demand demand.csv --boot-sec 300 --strategy threshold',
    'remuda evaluate scaling --demand demand.csv --from 172800 --decisions desired.csv --json',
  );
  return command.action(async (options: ScalingOptions) => {
    const { runScaling } = await import('../evaluate-run.ts');
    const report = await runScaling(context, options);
    if (options.json) await context.out.json(report);
    else for (const line of lines(report, context.out.width)) await context.out.print(line);
  });
}

/** Shares that matter here are small: two decimals. */
const percent = (ratio: number): string => `${(ratio * 100).toFixed(2)} %`;

function lines(report: ScalingReport, width: number): string[] {
  return [
    `${plural(report.minutes, 'minute')}; an agent takes ${report.boot_sec} s to start.`,
    '',
    ...formatTable(
      ['strategy', 'short', 'surplus', 'reversals a day', 'changes'],
      [
        [
          report.strategy,
          percent(report.short_ratio),
          percent(report.surplus_ratio),
          report.reversals_per_day.toFixed(1),
          formatCount(report.changes),
        ],
      ],
      width,
    ),
  ];
}
