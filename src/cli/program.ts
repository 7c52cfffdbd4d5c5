/** The tree of commands. Each lives in a file of its own and loads what it needs when it runs. */
import { Command } from 'commander';
import { readVersion } from '../server/version.ts';
import { agentsCommand } from './commands/agents.ts';
import { autoscalerCommand } from './commands/autoscaler.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { journalCommand } from './commands/journal.ts';
import { leaseCommand } from './commands/lease.ts';
import { openapiCommand } from './commands/openapi.ts';
import { planCommand } from './commands/plan.ts';
import { releaseCommand } from './commands/release.ts';
import { replayCommand } from './commands/replay.ts';
import { serveCommand } from './commands/serve.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { whatIfCommand } from './commands/what-if.ts';
import { loadConfigFlags } from './config-flags.ts';
import type { CliContext } from './context.ts';
import { withExample } from './options.ts';

const ENVIRONMENT = `
REMUDA_URL and REMUDA_API_KEY stand for the pool and the key of commands that talk to a pool.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`;

export function createProgram(context: CliContext): Command {
  const program = new Command('remuda')
    .description('Leases long-lived agents to tenants.')
    .version(readVersion(), '-V, --version', 'print the version')
    .option('-v, --verbose', 'show where an unexpected error comes from; also REMUDA_DEBUG=1')
    .addHelpText('after', ENVIRONMENT)
    .hook('preSubcommand', (_program, command) => loadConfigFlags(command))
    .addCommand(serveCommand(context))
    .addCommand(agentsCommand(context))
    .addCommand(leaseCommand(context))
    .addCommand(releaseCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(autoscalerCommand(context))
    .addCommand(replayCommand(context))
    .addCommand(evaluateCommand(context))
    .addCommand(planCommand(context))
    .addCommand(simulateCommand(context))
    .addCommand(whatIfCommand(context))
    .addCommand(journalCommand(context))
    .addCommand(configCommand(context))
    .addCommand(openapiCommand(context))
    .addCommand(completionCommand(context));
  withExample(program, 'remuda serve', 'remuda lease guild-42 --tool music --purpose music');
  return program;
}
