/** `remuda agents …`: one file beside this one for each of its commands. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { agentsImportCommand } from './agents-import.ts';
import { agentsListCommand } from './agents-list.ts';
import { drainCommand, resumeCommand, retireCommand } from './agents-maintain.ts';
import { agentsRotateCommand } from './agents-rotate.ts';

export function agentsCommand(context: CliContext): Command {
  return new Command('agents')
    .description('register agents, look at them, take them out of service')
    .addCommand(agentsImportCommand(context))
    .addCommand(agentsListCommand(context))
    .addCommand(drainCommand(context))
    .addCommand(resumeCommand(context))
    .addCommand(retireCommand(context))
    .addCommand(agentsRotateCommand(context));
}
