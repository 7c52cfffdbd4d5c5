/** The worker thread that writes. SQLite is synchronous; here it blocks nobody. */
import { workerData } from 'node:worker_threads';
import type { Batch } from '../../../host/ports.ts';
import { report, serve } from './serve.ts';
import { Writer, type WriterOptions } from './writer.ts';

const writer = new Writer(workerData as WriterOptions, report);

let isPruning = false;

/** A step at a time, so that an append never waits for more than one. */
function prune(): void {
  isPruning = writer.prune();
  writer.checkpointIfDue();
  if (isPruning) setImmediate(prune);
}

function startPruning(): void {
  void writer.review().then(() => {
    if (!isPruning) prune();
  });
}

const calls = {
  open() {
    const opened = writer.open();
    startPruning();
    return opened;
  },
  append: (batch: Batch) => writer.append(batch),
  probe: () => writer.probe(),
  snapshotSaved: () => startPruning(),
  close: () => writer.close(),
};

export type WriterCalls = typeof calls;

serve(calls, () => {
  // Another thread or process may have saved a snapshot in the meantime.
  if (writer.checkpointIfDue()) startPruning();
});
