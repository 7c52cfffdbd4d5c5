/** `remuda serve` as a process to be stopped, killed and starved by the tests. */
import { flushCompileCache } from 'node:module';
import { runServer } from '../../src/server/run.ts';

process.exitCode = await runServer({
  args: process.argv.slice(2),
  env: process.env,
  print: (line) => {
    process.stdout.write(`${line}\n`);
    // A killed process writes no cache at its end, and the next start would compile all anew.
    flushCompileCache();
  },
  complain: (text) => process.stderr.write(`${text}\n`),
});
