/** Completions for bash: a table of what each command knows, and a function that walks to it. */
import { type CompletedCommand, flatten } from './tree.ts';

export function bashScript(tree: CompletedCommand): string {
  return `# bash completion for remuda; source it, or put it into /etc/bash_completion.d.
_remuda() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path="" word words="" values=""
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${subcommands(tree)}
    esac
  done
  # --option=value arrives as three words.
  if [[ $current == "=" ]]; then current=""; previous=\${COMP_WORDS[COMP_CWORD-1]}; fi
  if [[ $previous == "=" ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case "$path $previous" in
${optionValues(tree)}
  esac
  if [[ -n $values ]]; then
    if [[ $values == "@file" ]]; then COMPREPLY=($(compgen -f -- "$current"))
    elif [[ $values != "@any" ]]; then COMPREPLY=($(compgen -W "$values" -- "$current")); fi
    return
  fi
  case "$path" in
${knownWords(tree)}
  esac
  if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -W "\${words//--+([^ ])/}" -- "$current"))
    case "$path" in ${files(tree)}) COMPREPLY+=($(compgen -f -- "$current")) ;; esac
  fi
}
shopt -s extglob
complete -o filenames -F _remuda remuda
`;
}

const keyOf = ({ path }: CompletedCommand): string => path.join('/');

function subcommands(tree: CompletedCommand): string {
  return flatten(tree)
    .filter(({ path }) => path.length > 0)
    .map((command) => {
      const parent = command.path.slice(0, -1).join('/');
      return `      "${parent} ${command.path.at(-1)}") path=${keyOf(command)} ;;`;
    })
    .join('\n');
}

function optionValues(tree: CompletedCommand): string {
  return flatten(tree)
    .flatMap((command) =>
      command.options
        .filter(({ takesValue }) => takesValue)
        .map(({ long, choices, takesFile }) => {
          const values = choices.length > 0 ? choices.join(' ') : takesFile ? '@file' : '@any';
          return `    "${keyOf(command)} ${long}") values="${values}" ;;`;
        }),
    )
    .join('\n');
}

function knownWords(tree: CompletedCommand): string {
  return flatten(tree)
    .map((command) => {
      const words = [
        ...command.commands.map(({ path }) => path.at(-1)),
        ...command.choices,
        ...command.options.map(({ long }) => long),
      ];
      return `    "${keyOf(command)}") words="${words.join(' ')}" ;;`;
    })
    .join('\n');
}

function files(tree: CompletedCommand): string {
  const keys = flatten(tree)
    .filter(({ takesFile }) => takesFile)
    .map(keyOf);
  return keys.length === 0 ? '-' : keys.join('|');
}
