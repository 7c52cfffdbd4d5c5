import { Command } from 'commander';
import { CONFIG_FLAGS_HELP, configFlags, takesConfigFlags } from '../config-flags.ts';
import { type CliContext, poolEnvironment } from '../context.ts';
import { EXIT, ToldFailure } from '../failure.ts';
import { withConfigFile, withExample } from '../options.ts';

export function serveCommand(context: CliContext): Command {
  const command = new Command('serve').description('run a pool until it is stopped');
  withConfigFile(takesConfigFlags(command)).addHelpText('after', CONFIG_FLAGS_HELP);
  withExample(
    command,
    'remuda serve --port 9000 --data /var/lib/remuda',
    'remuda serve --config pool.yaml --pool.reclaim.enabled=false',
  );
  return command.action(async ({ config }: { readonly config?: string }) => {
    const { runServer } = await import('../../server/run.ts');
    const flags = Object.entries(configFlags(command)).map(([name, text]) => `--${name}=${text}`);
    // The server ends by itself on a signal: first what is in flight, then the journal.
    context.releaseProcess();
    const exitCode = await runServer({
      args: [...(config === undefined ? [] : [`--config=${config}`]), ...flags],
      env: poolEnvironment(context),
      print: (line) => void context.out.print(line).catch(() => {}),
      complain: (text) => context.out.note(text),
    });
    if (exitCode === EXIT.usage) throw new ToldFailure(EXIT.usage);
    if (exitCode !== EXIT.done) throw new ToldFailure();
  });
}
