/** `remuda serve` as it is, but its parent can ask what it has cost so far. Needs an IPC channel. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { runServer } from '../../src/server/run.ts';
import type { Cost, Question } from './server.ts';

/** How late a timer of one millisecond fires: how long the thread that answers was held up. */
const delay = monitorEventLoopDelay({ resolution: 1 });

process.on('message', (question: Question) => {
  if (question === 'watch') {
    delay.enable();
    delay.reset();
  }
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  const cost: Cost = {
    cpuSec: (user + system) / 1e6,
    rssMb: rss / 1024 / 1024,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
    // A delay that was never watched has no maximum.
    longestStopMs: delay.count > 0 ? delay.max / 1e6 : 0,
  };
  process.send?.(cost);
});

process.exitCode = await runServer({
  args: process.argv.slice(2),
  env: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (text) => process.stderr.write(`${text}\n`),
});
process.disconnect?.();
