/** `remuda plan …`: one file beside this one for each of its commands. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { planInvitesCommand } from './plan-invites.ts';

export function planCommand(context: CliContext): Command {
  return new Command('plan')
    .description('decide ahead of time: whom to invite where')
    .addCommand(planInvitesCommand(context));
}
