/** `remuda plan …`: how many agents by itself, and one file beside this one for each command. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { planCapacity } from './plan-capacity.ts';
import { planInvitesCommand } from './plan-invites.ts';

export function planCommand(context: CliContext): Command {
  const command = new Command('plan')
    .description('decide ahead of time: how many agents it takes, and whom to invite where')
    .addCommand(planInvitesCommand(context));
  return planCapacity(command, context);
}
