/**
 * A process to be killed: opens the journal in a directory, appends, and prints each
 * acknowledgement before it goes on.
 *
 *     node append-child.ts DIRECTORY BATCHES PAYLOAD_BYTES SNAPSHOT_EVERY
 */
import { writeSync } from 'node:fs';
import { FileJournal } from '../../src/adapters/journals/file.ts';
import { JournalError } from '../../src/host/ports.ts';

const [directory = '', ...numbers] = process.argv.slice(2);
const [batches = 0, payloadBytes = 0, snapshotEvery = 0] = numbers.map(Number);

const print = (text: string) => writeSync(1, `${text}\n`);

const retainBytes = snapshotEvery > 0 ? 0 : undefined;
const journal = new FileJournal(directory, { retainBytes });
const reader = new FileJournal(directory);

async function appendOnce(first: number, epoch: number): Promise<boolean> {
  const payload = new Uint8Array(payloadBytes).fill(first);
  try {
    await journal.append({ first, count: 1, epoch, at: Date.now(), payload });
    print(`acknowledged ${first}`);
    return true;
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    print(`failed ${first} ${error.fault} ${error.message}`);
    return false;
  }
}

async function run(): Promise<void> {
  const { epoch, lastEvent } = await journal.open();
  print(`opened ${process.pid}`);
  let saving: Promise<void> = Promise.resolve();
  for (let first = lastEvent + 1; first <= lastEvent + batches; first++) {
    if (!(await appendOnce(first, epoch))) return;
    if (snapshotEvery > 0 && first % snapshotEvery === 0) {
      await saving;
      const chunks = [new Uint8Array(300_000).fill(first), new Uint8Array(10)];
      saving = reader.saveSnapshot({ lastEvent: first, chunks });
    }
  }
  // Stay, so that whoever ends this process ends it in the middle of its work.
  print('done');
  setInterval(() => undefined, 1000);
}

run().catch((error: unknown) => {
  print(`failed to open: ${error instanceof JournalError ? error.fault : ''} ${String(error)}`);
  process.exit(1);
});
