/**
 * Snapshots taken beside the writer: a worker thread follows the journal up to now, saves the
 * state and ends. It costs memory only while it works, and it never stops the writer.
 */
import { Worker } from 'node:worker_threads';
import type { PoolOptions } from '../core/options.ts';

export interface SnapshotTask {
  readonly url: string;
  readonly options: PoolOptions;
}

/** For `HostOptions.snapshot`. Only a journal that other threads can open has one. */
export function snapshotsOf(
  url: string,
  options: PoolOptions,
): ((stop?: AbortSignal) => Promise<number>) | undefined {
  if (!url.startsWith('file:')) return undefined;
  return (stop) => takeSnapshot({ url, options }, stop);
}

/** An unfinished snapshot is no loss: the one before it still counts. */
function takeSnapshot(task: SnapshotTask, stop?: AbortSignal): Promise<number> {
  // The sources run as they are (.ts) and compiled (.js); the worker comes from the same place.
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const file = new URL(`./snapshot-thread${extension}`, import.meta.url);
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: task, name: 'snapshot' });
    stop?.addEventListener('abort', () => void worker.terminate(), { once: true });
    worker.once('message', (lastEvent: number) => resolve(lastEvent));
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the snapshot thread ended with code ${code}`)));
  });
}
