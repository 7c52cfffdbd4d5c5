/** `remuda what-if`: how would the live pool have done under another configuration? */
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';
import { fileFailure, wrongUsage } from '../failure.ts';
import {
  collect,
  type JsonOptions,
  wholeNumber,
  withConfigFile,
  withExample,
  withJson,
} from '../options.ts';
import { time } from '../replay-options.ts';

export interface WhatIfOptions extends JsonOptions {
  readonly journal?: string;
  readonly config?: string;
  readonly recordedConfig?: string;
  readonly set?: readonly string[];
  readonly agents?: AgentsWanted;
  readonly from?: number;
  readonly to?: number;
  readonly report?: string;
  readonly differences: number;
}

/** A number of agents, or so many more or fewer than there were. */
export interface AgentsWanted {
  readonly count: number;
  readonly isRelative: boolean;
}

const MOST_AGENTS = 4_000_000;
const SHOWN_DIFFERENCES = 20;

const EXPLANATION = `
The journal says who asked when, how each lease was used, and how the agents came, went and failed. That
is run twice: as it was configured (which shows how far a run agrees with what happened), and as asked
for. The server may go on meanwhile.`;

export function whatIfCommand(context: CliContext): Command {
  const command = new Command('what-if')
    .description('run what a journal has recorded under another configuration')
    .option('--journal <directory|url>', 'the journal; that of the configuration unless given')
    .option('--recorded-config <file>', 'what was configured; ./config.yaml unless given')
    .option(
      '--set <key=value>',
      'another value for a key of the pool, such as pool.idle_policy=pressure; may be repeated',
      collect,
    )
    .option('--agents <n>', 'so many agents; +N or -N: more or fewer than there were', agentsWanted)
    .option('--from <time>', 'begin then', time)
    .option('--to <time>', 'end then', time)
    .option('--report <file>', 'write a report as one HTML file')
    .option(
      '--differences <n>',
      'list so many requests that go differently',
      wholeNumber(0, 100_000),
      SHOWN_DIFFERENCES,
    );
  withJson(withConfigFile(command)).addHelpText('after', EXPLANATION);
  withExample(
    command,
    'remuda what-if --journal ./data --set pool.idle_policy=pressure',
    'remuda what-if --journal ./data --agents -10 --from 2026-03-01 --report what-if.html',
    'remuda what-if --journal ./data --config tomorrow.yaml --json',
  );
  return command.action(async (options: WhatIfOptions) => {
    check(options);
    const { runWhatIf } = await import('../what-if-run.ts');
    const report = await runWhatIf(context, options);
    if (options.report !== undefined) {
      const { reportPage } = await import('../what-if-page.ts');
      try {
        await writeFile(options.report, reportPage(report));
      } catch (error) {
        throw fileFailure(options.report, error);
      }
    }
    if (options.json) {
      await context.out.json(report);
      return;
    }
    const { whatIfLines } = await import('../what-if-lines.ts');
    for (const line of whatIfLines(report, context.out.width)) await context.out.print(line);
    if (options.report !== undefined) context.out.note(`The report is in ${options.report}.`);
  });
}

function check({ config, set = [], agents, from, to }: WhatIfOptions): void {
  if (config === undefined && set.length === 0 && agents === undefined) {
    throw wrongUsage('Say what should be different: --config FILE, --set KEY=VALUE or --agents N.');
  }
  if (from !== undefined && to !== undefined && from >= to) {
    throw wrongUsage('--from must be earlier than --to.');
  }
}

function agentsWanted(text: string): AgentsWanted {
  const match = /^([+-]?)(\d{1,7})$/.exec(text);
  const count = Number(match?.[2] ?? Number.NaN);
  const isRelative = match?.[1] !== '';
  if (count <= MOST_AGENTS && (isRelative || count > 0)) {
    return { count: match?.[1] === '-' ? -count : count, isRelative };
  }
  throw new InvalidArgumentError('It must be a number of agents, such as 200, +10 or -10.');
}
