/**
 * Every key of the configuration as an option: `--pool.queue.max_length 5000`. The schema is only
 * loaded for the commands that take them, because it would double the start of all others.
 */
import { type Command, Option } from 'commander';

/** The name of each such option of a command, by the attribute that holds its value. */
const registered = new WeakMap<Command, Map<string, string>>();
const wanted = new WeakMap<Command, string>();

/** The command takes the keys that begin with `prefix`; they are added by `loadConfigFlags`. */
export function takesConfigFlags(command: Command, prefix = ''): Command {
  wanted.set(command, prefix);
  return command;
}

export async function loadConfigFlags(command: Command): Promise<void> {
  const prefix = wanted.get(command);
  if (prefix === undefined || registered.has(command)) return;
  const [{ listSettings }, { DATA_FLAG }] = await Promise.all([
    import('../server/config/settings.ts'),
    import('../server/config/overrides.ts'),
  ]);
  const names = new Map<string, string>();
  registered.set(command, names);
  const add = (name: string, value: string, description: string, isShort: boolean): void => {
    const option = new Option(`--${name} ${value}`, description);
    if (!isShort) option.hideHelp();
    command.addOption(option);
    names.set(option.attributeName(), name);
  };
  for (const { path, flags, schema } of listSettings().settings) {
    if (!path.startsWith(prefix)) continue;
    const value = schema.type === 'boolean' ? '[value]' : '<value>';
    for (const name of flags) add(name, value, inList(schema.description ?? ''), name !== path);
  }
  if (prefix === '') {
    add(DATA_FLAG, '<directory>', 'where the journal is kept: --journal.url=file:DIRECTORY', true);
  }
}

/** A sentence of the reference as a line of a list of options. */
function inList(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '');
}

/** What was given of them, as `loadConfig` takes it. */
export function configFlags(command: Command): { [name: string]: string } {
  const flags: { [name: string]: string } = {};
  for (const [attribute, name] of registered.get(command) ?? []) {
    const value: unknown = command.getOptionValue(attribute);
    if (value !== undefined) flags[name] = String(value);
  }
  return flags;
}

export const CONFIG_FLAGS_HELP =
  '\nEvery key of the configuration is an option too, such as --pool.queue.max_length=5000;\n' +
  '`remuda config --reference` lists them. Options win over REMUDA_… variables, those over the file.';
