/** `remuda plan capacity`, or just `remuda plan`: how many agents does it take? */
import { Command } from 'commander';
import { takesConfigFlags } from '../config-flags.ts';
import type { CliContext } from '../context.ts';
import { wrongUsage } from '../failure.ts';
import {
  amount,
  collect,
  type JsonOptions,
  wholeNumber,
  withConfigFile,
  withExample,
  withJson,
} from '../options.ts';
import { addPoolOptions, poolFlags, type TraceOptions, time } from '../replay-options.ts';

export interface PlanCapacityOptions extends JsonOptions, Partial<TraceOptions> {
  readonly trace?: string;
  readonly journal?: string;
  readonly rate?: number;
  readonly hold?: number;
  readonly peakFactor?: number;
  readonly requests: number;
  readonly purpose?: string;
  readonly level: number;
  readonly within: number;
  readonly cost?: string;
  readonly costPerAgent?: number;
  readonly plot?: string;
  readonly config?: string;
}

const LEVEL = 0.999;
const WITHIN_SEC = 1;
const REQUESTS = 20_000;

const SOURCES = `
Where the demand comes from: a trace (--trace, with the columns of \`remuda replay\`), a journal
(--journal), or two numbers (--rate and --hold). Every option of the pool counts as it is configured, and
can be given by its key, such as --pool.idle_policy=pressure.`;

export function planCapacityCommand(context: CliContext): Command {
  const command = new Command('capacity')
    .description('find the fewest agents that grant requests in time, and what they cost')
    // It is also meant where an unknown command is named, and says so itself.
    .allowExcessArguments()
    .option('--level <share>', 'requests to be granted in time, such as 0.999', amount, LEVEL)
    .option('--within <sec>', 'in time means within so many seconds', amount, WITHIN_SEC)
    .option('--trace <file>', 'CSV with a header, also compressed with gzip')
    .option('--tenant-column <column>', 'who asks')
    .option('--time-column <column>', 'when, in unix seconds or ISO 8601')
    .option('--duration-column <column>', 'for how many seconds the agent works')
    .option('--purpose <name>', 'what the leases are for; it selects their idle timeout')
    .option('--purpose-column <column>', 'the same, row by row')
    .option('--specialization-column <column>', 'which kind of agent is wanted')
    .option('--exclude <column=value>', 'leave such rows out; may be repeated', collect)
    .option('--limit <n>', 'read no more usable rows than this', wholeNumber(1))
    .option('--journal <directory|url>', 'the demand that a journal has recorded')
    .option('--from <time>', 'leave out what was before', time)
    .option('--to <time>', 'leave out what was then or later', time)
    .option('--rate <n>', 'requests an hour, at random moments', amount)
    .option('--hold <min>', 'with --rate: minutes of use, random around this mean', amount)
    .option('--peak-factor <x>', 'with --rate: so many times the rate at the peak', amount)
    .option(
      '--requests <n>',
      'with --rate: so many requests are simulated',
      wholeNumber(100, 10_000_000),
      REQUESTS,
    )
    .option(
      '--cost <tier=n,…>',
      'what an agent of a tier costs an hour, such as premium=1.2,standard=0.5',
    )
    .option('--cost-per-agent <n>', 'what any agent costs an hour', amount)
    .option('--plot <file>', 'draw the result into an SVG file');
  withJson(withConfigFile(takesConfigFlags(addPoolOptions(command), 'pool.'))).addHelpText(
    'after',
    SOURCES,
  );
  withExample(
    command,
    'remuda plan --rate 600 --hold 12 --cost premium=1.2,standard=0.5',
    'remuda plan --trace jobs.csv --tenant-column user --duration-column run_s --plot plan.svg',
    'remuda plan --journal ./data --from 2026-03-01 --level 0.99 --within 5',
  );
  return command.action(async (options: PlanCapacityOptions) => {
    await check(command, options);
    const { runPlan } = await import('../plan-run.ts');
    await runPlan(context, options, poolFlags(command));
  });
}

async function check(command: Command, options: PlanCapacityOptions): Promise<void> {
  const [word] = command.args;
  if (word !== undefined) {
    const { didYouMean } = await import('../../protocol/suggest.ts');
    const known = (command.parent?.commands ?? []).map((child) => child.name());
    const hint = didYouMean(word, known) || `; there is ${known.join(', ')}`;
    throw wrongUsage(`unknown command '${word}'${hint} See \`remuda plan --help\`.`);
  }
  const { trace, journal, rate, hold, level, within, cost, costPerAgent, from, to } = options;
  const sources = [trace, journal, rate].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    throw wrongUsage(
      'Say where the demand comes from, in one way: --trace FILE, --journal DIRECTORY, or --rate N with --hold MINUTES.',
    );
  }
  if (!(level > 0 && level <= 1)) {
    throw wrongUsage(`--level must be more than 0 and at most 1 (0.999 is 99.9 %), not ${level}.`);
  }
  if (trace !== undefined && options.tenantColumn === undefined) {
    throw wrongUsage('--trace needs --tenant-column: which column says who asks?');
  }
  if (rate !== undefined && hold === undefined) {
    throw wrongUsage('--rate needs --hold: for how many minutes is an agent used?');
  }
  if (rate !== undefined && !(rate > 0)) throw wrongUsage('--rate must be more than 0.');
  if (hold !== undefined && !(hold > 0)) throw wrongUsage('--hold must be more than 0.');
  if (options.peakFactor !== undefined && !(options.peakFactor > 0)) {
    throw wrongUsage('--peak-factor must be more than 0.');
  }
  if (within > 86_400) throw wrongUsage('--within must be at most a day (86400).');
  if (cost !== undefined && costPerAgent !== undefined) {
    throw wrongUsage('--cost and --cost-per-agent say the same thing; give one.');
  }
  if (from !== undefined && to !== undefined && from >= to) {
    throw wrongUsage('--from must be earlier than --to.');
  }
  for (const [source, names] of Object.entries(BELONGS_TO)) {
    if (options[source as keyof PlanCapacityOptions] !== undefined) continue;
    const stray = names.find((name) => command.getOptionValueSource(name) === 'cli');
    if (stray !== undefined) throw wrongUsage(`${flagOf(stray)} goes with --${source}.`);
  }
  if (rate !== undefined && (from ?? to) !== undefined) {
    throw wrongUsage('--from and --to go with --trace or --journal.');
  }
}

const BELONGS_TO = {
  trace: [
    ...['tenantColumn', 'timeColumn', 'durationColumn', 'purposeColumn'],
    ...['specializationColumn', 'exclude', 'limit'],
  ],
  rate: ['hold', 'peakFactor', 'requests'],
} as const;

const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
