/** The `remuda` command. Importing this runs it. */
import { run } from './run.ts';

const interruption = new AbortController();

/** The first signal asks to stop, the second one does not wait. */
function onSignal(): void {
  if (interruption.signal.aborted) process.exit(1);
  interruption.abort(new Error('interrupted'));
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
for (const signal of SIGNALS) process.on(signal, onSignal);

process.exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  releaseSignals: () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  },
});
