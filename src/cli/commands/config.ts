/** `remuda config`: what is in force and where it comes from. */
import { Command } from 'commander';
import type { LoadedConfig } from '../../server/config/load.ts';
import { CONFIG_FLAGS_HELP, configFlags, takesConfigFlags } from '../config-flags.ts';
import { configLines } from '../config-lines.ts';
import { type CliContext, poolEnvironment } from '../context.ts';
import { EXIT, Failure } from '../failure.ts';
import { type JsonOptions, withConfigFile, withExample, withJson } from '../options.ts';

interface ConfigOptions extends JsonOptions {
  readonly config?: string;
  readonly check?: boolean;
  readonly reference?: boolean;
}

export function configCommand(context: CliContext): Command {
  const command = new Command('config')
    .description('print the configuration in force, and where each value comes from')
    .option('--check', 'only say whether it can be used')
    .option('--reference', 'print what every key means instead');
  withJson(withConfigFile(takesConfigFlags(command))).addHelpText('after', CONFIG_FLAGS_HELP);
  withExample(
    command,
    'remuda config --config pool.yaml',
    'REMUDA_SERVER_PORT=9000 remuda config --check',
  );
  return command.action(async (options: ConfigOptions) => {
    if (options.reference) {
      const { configReference } = await import('../../server/config/reference.ts');
      await context.out.write(configReference());
      return;
    }
    const loaded = await readConfig(context, options.config, configFlags(command));
    await (options.check ? printCheck(context, options) : printConfig(context, loaded, options));
  });
}

type Sound = LoadedConfig & { ok: true };

/** Throws a Failure that lists every fault. */
export async function readConfig(
  context: CliContext,
  file: string | undefined,
  flags: { readonly [name: string]: string },
): Promise<Sound> {
  const [{ loadConfig }, { formatFaults }] = await Promise.all([
    import('../../server/config/load.ts'),
    import('../../server/config/config-fault.ts'),
  ]);
  const loaded = loadConfig({ file, env: poolEnvironment(context), flags });
  if (loaded.ok) return loaded;
  throw new Failure(formatFaults(loaded.faults), {
    exitCode: EXIT.usage,
    code: 'WRONG_CONFIGURATION',
    errors: loaded.faults,
  });
}

async function printCheck({ out }: CliContext, { json }: ConfigOptions): Promise<void> {
  await (json ? out.json({ ok: true }) : out.print('The configuration can be used.'));
}

async function printConfig(
  { out }: CliContext,
  { config, sources }: Sound,
  { json }: ConfigOptions,
): Promise<void> {
  // What follows a user's name in an address is a password, and a screen is not the place for it.
  const url = config.journal.url.replace(/(\/\/[^/@:]*):[^/@]*@/, '$1:…@');
  const shown = { ...config, journal: { ...config.journal, url } };
  if (json) {
    await out.json({ config: shown, sources });
    return;
  }
  for (const line of configLines(shown, sources)) await out.print(line);
}
