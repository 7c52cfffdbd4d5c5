/** Completions for zsh: a function for each command, which hands on to those of its commands. */
import { type CompletedCommand, type CompletedOption, flatten } from './tree.ts';

export function zshScript(tree: CompletedCommand): string {
  return `#compdef remuda
# zsh completion for remuda; put it into a directory of $fpath as _remuda.
${flatten(tree).map(functionOf).join('\n')}
if [ "$funcstack[1]" = "_remuda" ]; then _remuda "$@"; else compdef _remuda remuda; fi
`;
}

const nameOf = (path: readonly string[]): string => ['_remuda', ...path].join('_');

function functionOf(command: CompletedCommand): string {
  const { path, commands, options } = command;
  const specs = options.map((option) => `    ${spec(option)} \\`);
  if (commands.length === 0) {
    return `${nameOf(path)}() {
  _arguments -s \\
${specs.join('\n')}
    ${quoted(`*:${argumentsOf(command)}`)}
}`;
  }
  const listed = commands.map((child) => {
    return `    ${quoted(`${child.path.at(-1)}:${child.description.replaceAll(':', '\\:')}`)}`;
  });
  const cases = commands.map((child) => `    ${child.path.at(-1)}) ${nameOf(child.path)} ;;`);
  return `${nameOf(path)}() {
  local state line
  local -a commands=(
${listed.join('\n')}
  )
  _arguments -C -s \\
${specs.join('\n')}
    '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}`;
}

function argumentsOf({ choices, takesFile }: CompletedCommand): string {
  if (choices.length > 0) return `value:(${choices.join(' ')})`;
  return takesFile ? 'file:_files' : 'value: ';
}

function spec({ long, description, takesValue, choices, takesFile }: CompletedOption): string {
  const words = description.replaceAll(/[[\]:\\]/g, '\\$&');
  const values = choices.length > 0 ? `(${choices.join(' ')})` : takesFile ? '_files' : ' ';
  const value = takesValue ? `:value:${values}` : '';
  return quoted(`${long}${takesValue ? '=' : ''}[${words}]${value}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
