/** `remuda replay`: how would the pool have done with what happened? */
import { Command } from 'commander';
import { takesConfigFlags } from '../config-flags.ts';
import type { CliContext } from '../context.ts';
import { withConfigFile, withExample, withJson } from '../options.ts';
import { addReplayOptions, poolFlags, type ReplayOptions } from '../replay-options.ts';
import { readConfig } from './config.ts';

const POOL_HELP = `
Every option of the pool can be given by its key too, such as --pool.queue.max_length=50; what is
not given comes from the configuration (remuda config).`;

export function replayCommand(context: CliContext): Command {
  const command = new Command('replay')
    .description('run a recorded workload through a pool, in virtual time')
    .argument('<file>', 'CSV with a header, also compressed with gzip');
  addReplayOptions(command);
  withJson(withConfigFile(takesConfigFlags(command, 'pool.'))).addHelpText('after', POOL_HELP);
  withExample(
    command,
    'remuda replay messages.csv.gz --tenant-column sender --purpose ai_companion --agents 100',
    'remuda replay jobs.csv --tenant-column user --duration-column run_s --agents 1500 --json',
  );
  return command.action(async (file: string, options: ReplayOptions) => {
    const { config, sources } = await readConfig(context, options.config, poolFlags(command));
    const used = Object.entries(sources).find(([path, source]) => {
      return path.startsWith('pool.') && /:\d+:\d+$/.test(source);
    });
    if (used) context.out.note(`The options of the pool are those of ${used[1].split(':')[0]}.`);
    const { runReplay } = await import('../replay-run.ts');
    const report = await runReplay(context, file, options, config);
    if (options.json) {
      await context.out.json(report);
      return;
    }
    const { reportLines } = await import('../replay-report.ts');
    for (const line of reportLines(report, context.out.width)) await context.out.print(line);
  });
}
