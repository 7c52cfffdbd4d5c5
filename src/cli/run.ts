/** One run of the command line: from its arguments to its exit code. */
import { type Command, CommanderError } from 'commander';
import { JournalError } from '../host/ports.ts';
import { didYouMean } from '../protocol/suggest.ts';
import type { CliContext } from './context.ts';
import { EXIT, type ExitCode, Failure, ToldFailure, wrongUsage } from './failure.ts';
import { Output, ReaderGone, type Streams } from './output.ts';
import { createProgram } from './program.ts';

export interface RunOptions extends Streams {
  /** Without the program's own name. */
  readonly argv: readonly string[];
  readonly env: CliContext['env'];
  readonly signal: AbortSignal;
  readonly releaseProcess: () => void;
}

export async function run(options: RunOptions): Promise<ExitCode> {
  const { argv, env, signal, releaseProcess } = options;
  const out = new Output(options);
  const program = createProgram({ out, env, signal, releaseProcess });
  prepare(program, out);
  try {
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(argv, { from: 'user' });
    await out.finish();
    return EXIT.done;
  } catch (error) {
    return await tell(error, out, options);
  }
}

/** Read from the arguments as they are: the error may be one of reading them. */
export function isVerbose(argv: readonly string[], env: CliContext['env']): boolean {
  const { REMUDA_DEBUG: debug = '' } = env;
  return argv.includes('--verbose') || argv.includes('-v') || (debug !== '' && debug !== '0');
}

/** The command whose arguments were wrong. */
const blamed = new WeakMap<CommanderError, Command>();

/** Commander throws its errors to us, and never ends the process by itself. */
function prepare(command: Command, out: Output): void {
  command.exitOverride((error) => {
    blamed.set(error, command);
    throw error;
  });
  command.configureOutput({
    writeOut: (text) => void out.write(text).catch(() => {}),
    writeErr: (text) => out.note(text.trimEnd()),
    outputError: () => {},
    getOutHelpWidth: () => Math.min(out.width, 100),
    getErrHelpWidth: () => 100,
  });
  command.showSuggestionAfterError(false);
  for (const child of command.commands) prepare(child, out);
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** Help and version have been printed already. */
const isHelp = ({ exitCode, code }: CommanderError): boolean =>
  exitCode === 0 || code === 'commander.help';

function usageWords(error: CommanderError): string {
  const message = error.message.replace(/^error: /, '').replace(/\.$/, '');
  const command = blamed.get(error);
  if (command === undefined) return `${message}.`;
  const word = /^unknown (?:option|command) '([^'=]+)/.exec(message)?.[1] ?? '';
  const known = word.startsWith('-')
    ? command.options.flatMap(({ long, short }) => [long ?? '', short ?? ''])
    : command.commands.map((child) => child.name());
  const hint = word === '' ? '' : didYouMean(word, known);
  return `${message}${hint || '.'} See \`${pathOf(command)} --help\`.`;
}

/** Says what went wrong in a line or a few; resolves with the exit code. */
async function tell(
  error: unknown,
  out: Output,
  { argv, env, signal }: RunOptions,
): Promise<ExitCode> {
  if (error instanceof CommanderError && isHelp(error)) {
    await out.finish().catch(() => {});
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  if (error instanceof ReaderGone) return EXIT.done;
  if (error instanceof ToldFailure) return error.exitCode;
  const failure = signal.aborted
    ? new Failure('Interrupted.', { code: 'INTERRUPTED' })
    : asFailure(error);
  out.note(`remuda: ${failure.message}`);
  if (isVerbose(argv, env) && error instanceof Error) out.note(error.stack ?? String(error));
  if (argv.includes('--json')) await out.json(failure.document).catch(() => {});
  return failure.exitCode;
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return wrongUsage(usageWords(error));
  // A journal says itself what happened, where, and what to do.
  if (error instanceof JournalError) {
    return new Failure(error.message, { code: `JOURNAL_${error.fault.toUpperCase()}` });
  }
  const message = (error instanceof Error ? error.message : String(error)).split('\n')[0];
  return new Failure(`unexpected error: ${message} (run again with --verbose to see where)`, {
    code: 'UNEXPECTED',
  });
}
