/** The tree of commands as completions see it. */
import type { Command, Option } from 'commander';
import { loadConfigFlags } from '../config-flags.ts';
import { defaultOf } from '../default-command.ts';

export interface CompletedOption {
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  /** Does a value follow? */
  readonly takesValue: boolean;
  /** The values there are, where they are known. */
  readonly choices: readonly string[];
  /** Its value is a file or a directory. */
  readonly takesFile: boolean;
}

export interface CompletedCommand {
  /** The words that lead to it; none for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly commands: readonly CompletedCommand[];
  readonly options: readonly CompletedOption[];
  /** Values of its first argument, where they are known. */
  readonly choices: readonly string[];
  /** Its arguments are files. */
  readonly takesFile: boolean;
}

export async function completionTree(
  command: Command,
  path: readonly string[] = [],
): Promise<CompletedCommand> {
  await loadConfigFlags(command);
  const commands: CompletedCommand[] = [];
  for (const child of command.commands) {
    commands.push(await completionTree(child, [...path, child.name()]));
  }
  const names = command.registeredArguments.map((argument) => argument.name());
  return {
    path,
    description: command.description(),
    commands,
    options: [
      ...command.options,
      ...(defaultOf(command)?.options ?? []),
      command.createHelp().visibleOptions(command).at(-1),
    ]
      .filter((option): option is Option => option !== undefined)
      .filter((option, index, all) => all.indexOf(option) === index)
      .map(completed),
    choices: command.registeredArguments[0]?.argChoices ?? [],
    takesFile: names.some((name) => /file|directory/.test(name)),
  };
}

function completed(option: Option): CompletedOption {
  return {
    long: option.long ?? '',
    short: option.short,
    description: option.description,
    takesValue: option.required,
    choices: option.argChoices ?? [],
    takesFile: /<(file|directory)>/.test(option.flags) || option.long === '--data',
  };
}

/** All commands of the tree, the program first. */
export function flatten(tree: CompletedCommand): CompletedCommand[] {
  return [tree, ...tree.commands.flatMap(flatten)];
}
