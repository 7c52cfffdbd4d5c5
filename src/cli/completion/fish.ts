/** Completions for fish: a line an option and a line a command, each with its condition. */
import { type CompletedCommand, type CompletedOption, flatten } from './tree.ts';

export function fishScript(tree: CompletedCommand): string {
  const lines = flatten(tree).flatMap((command) => {
    const condition = `-n '${conditionOf(command)}'`;
    return [
      ...command.commands.map(({ path, description }) =>
        line(condition, `-a '${path.at(-1)}'`, description),
      ),
      ...command.choices.map((choice) => line(condition, `-a '${choice}'`, '')),
      ...(command.takesFile ? [line(condition, '-F', '')] : []),
      ...command.options.map((option) => line(condition, flags(option), option.description)),
    ];
  });
  return `# fish completion for remuda; put it into ~/.config/fish/completions/remuda.fish.
function __remuda_at --description 'Is the command line at this command?'
    set -l words (commandline -opc | string match -rv '^-')
    set -e words[1]
    for step in $argv
        test "$words[1]" = $step; or return 1
        set -e words[1]
    end
end

function __remuda_before --description 'And none of these commands follows?'
    set -l words (commandline -opc | string match -rv '^-')
    not contains -- "$words[2]" $argv[1..]
end

complete -c remuda -f
${lines.join('\n')}
`;
}

function conditionOf({ path, commands }: CompletedCommand): string {
  const at = path.length === 0 ? '' : `__remuda_at ${path.join(' ')}`;
  if (path.length > 0) return at;
  return `__remuda_before ${commands.map((command) => command.path.at(-1)).join(' ')}`;
}

function flags({ long, short, takesValue, choices, takesFile }: CompletedOption): string {
  const words = [`-l '${long.replace(/^--/, '')}'`];
  if (short) words.push(`-s '${short.replace(/^-/, '')}'`);
  if (choices.length > 0) words.push(`-x -a '${choices.join(' ')}'`);
  else if (takesFile) words.push('-r -F');
  else if (takesValue) words.push('-r');
  return words.join(' ');
}

function line(condition: string, what: string, description: string): string {
  const words = description === '' ? '' : ` -d ${quoted(description)}`;
  return `complete -c remuda ${condition} ${what}${words}`;
}

/** Fish knows only these two escapes within single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
