/** The `remuda` command. Importing this runs it. */
import { isVerbose, run } from './run.ts';

const interruption = new AbortController();

/** The first signal asks to stop, the second one does not wait. */
function onSignal(): void {
  if (interruption.signal.aborted) process.exit(1);
  interruption.abort(new Error('interrupted'));
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
for (const signal of SIGNALS) process.on(signal, onSignal);

/** For what escapes every command: a bug, but not one that may bury the user under a stack. */
function onEscape(error: unknown): void {
  const { argv, env } = process;
  const { stack, message } = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`remuda: unexpected error: ${isVerbose(argv, env) ? stack : message}\n`);
  process.exit(1);
}
process.on('uncaughtException', onEscape);

process.exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  releaseProcess: () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('uncaughtException', onEscape);
  },
});
