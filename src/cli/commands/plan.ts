/** `remuda plan …`: one file beside this one for each of its commands. */
import { Command } from 'commander';
import { loadConfigFlags } from '../config-flags.ts';
import type { CliContext } from '../context.ts';
import { addDefaultCommand } from '../default-command.ts';
import { withExample } from '../options.ts';
import { planCapacityCommand } from './plan-capacity.ts';
import { planInvitesCommand } from './plan-invites.ts';

const DEFAULT = `
Without a command it plans capacity: \`remuda plan --rate 600 --hold 12\`. See \`remuda plan capacity --help\`.`;

export function planCommand(context: CliContext): Command {
  const group = new Command('plan')
    .description('decide ahead of time: how many agents it takes, and whom to invite where')
    .hook('preSubcommand', (_group, command) => loadConfigFlags(command))
    .addHelpText('after', DEFAULT);
  addDefaultCommand(group, planCapacityCommand(context)).addCommand(planInvitesCommand(context));
  withExample(
    group,
    'remuda plan --rate 600 --hold 12 --cost premium=1.2,standard=0.5',
    'remuda plan invites --url http://127.0.0.1:8766 --invites 100',
  );
  return group;
}
