/** A command of a group that is meant where none of them is named. */
import type { Command } from 'commander';

const defaults = new WeakMap<Command, Command>();

export function addDefaultCommand(group: Command, command: Command): Command {
  defaults.set(group, command);
  return group.addCommand(command, { isDefault: true });
}

export function defaultOf(group: Command): Command | undefined {
  return defaults.get(group);
}
