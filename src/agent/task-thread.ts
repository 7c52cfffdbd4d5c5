/** A worker thread that runs one job after the other: see task-threads.ts. */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { type Job, runJob } from './task-jobs.ts';

/** On Linux this is the priority of this thread alone: heartbeats and the pool go first. */
const NICE = 5;
try {
  setPriority(NICE);
} catch {
  // Without permission it works at the priority that it has.
}

parentPort?.on('message', (job: Job) => parentPort?.postMessage(runJob(job)));
