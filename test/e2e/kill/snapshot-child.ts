/**
 * Takes one snapshot after another beside the server, until it is killed too. The server itself
 * takes one only every half million events, which no test waits for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { snapshotsOf } from '../../../src/adapters/snapshots.ts';
import { DEFAULT_OPTIONS } from '../../../src/core/options.ts';

const [directory] = process.argv.slice(2);
const takeSnapshot = snapshotsOf(`file:${directory}`, DEFAULT_OPTIONS);

for (;;) {
  try {
    await takeSnapshot?.();
  } catch {
    // The server has not made the journal yet.
  }
  await sleep(50);
}
