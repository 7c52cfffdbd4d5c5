/** The worker thread that takes one snapshot: see snapshots.ts. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { Follower } from '../host/follower.ts';
import { openJournal } from './journals/open.ts';
import type { SnapshotTask } from './snapshots.ts';

const { url, options } = workerData as SnapshotTask;

/** On Linux this is the priority of this thread alone: those who grant leases go first. */
const NICE = 10;
try {
  setPriority(NICE);
} catch {
  // Without permission it works at the priority that it has.
}

const journal = openJournal(url);
const follower = await Follower.start(journal, options);
const lastEvent = await follower.snapshot();
await journal.close();
parentPort?.postMessage(lastEvent);
