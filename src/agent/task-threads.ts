/**
 * Threads for the work that takes processor time, so that heartbeats and health go on meanwhile.
 * None is started before it is needed, and there are never more than processors. A thread that
 * fails or hangs is given up; the next job gets a new one.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LIMITS } from './limits.ts';
import type { Job } from './task-jobs.ts';

interface Waiting {
  readonly job: Job;
  readonly gone: AbortSignal;
  readonly resolve: (result: object | null) => void;
  readonly reject: (error: Error) => void;
}

export class TaskThreads {
  readonly #most: number;
  readonly #free: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  /** How to end each job that runs, by its thread. */
  readonly #running = new Map<Worker, (error: Error) => void>();
  #isClosed = false;

  constructor(slots: number) {
    this.#most = Math.min(slots, availableParallelism());
  }

  /**
   * Rejects when the thread fails, takes too long or is closed, or when `gone` fires before a thread
   * has begun.
   */
  run(job: Job, gone: AbortSignal): Promise<object | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, gone, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const threads = [...this.#free.splice(0), ...this.#running.keys()];
    const error = new Error('the agent stops');
    for (const end of [...this.#running.values()]) end(error);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #next(): void {
    while (this.#running.size < this.#most) {
      const waiting = this.#waiting.shift();
      if (!waiting) return;
      if (this.#isClosed) waiting.reject(new Error('the agent stops'));
      else if (waiting.gone.aborted) waiting.reject(new Error('nobody waits for it'));
      else this.#start(this.#free.pop() ?? this.#open(), waiting);
    }
  }

  #open(): Worker {
    // The sources run as they are (.ts) and compiled (.js); the thread comes from the same place.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const thread = new Worker(new URL(`task-thread${extension}`, import.meta.url), {
      name: 'task',
      // Secrets of the environment are no business of the work.
      env: {},
      resourceLimits: {
        maxOldGenerationSizeMb: LIMITS.threadHeapMb,
        maxYoungGenerationSizeMb: LIMITS.threadYoungMb,
      },
    });
    const end = (error: Error): void => {
      const index = this.#free.indexOf(thread);
      if (index >= 0) this.#free.splice(index, 1);
      this.#running.get(thread)?.(error);
    };
    thread.on('error', end);
    thread.on('exit', () => end(new Error('the thread has ended')));
    return thread;
  }

  #start(thread: Worker, { job, resolve, reject }: Waiting): void {
    const settle = (): void => {
      clearTimeout(timer);
      thread.off('message', succeed);
      this.#running.delete(thread);
    };
    const succeed = (result: object | null): void => {
      settle();
      thread.unref();
      this.#free.push(thread);
      resolve(result);
      this.#next();
    };
    const fail = (error: Error): void => {
      if (this.#running.get(thread) !== fail) return;
      settle();
      void thread.terminate();
      reject(error);
      this.#next();
    };
    const timer = setTimeout(() => {
      fail(new Error(`the task took longer than ${LIMITS.threadTaskMs / 1_000} s`));
    }, LIMITS.threadTaskMs);
    this.#running.set(thread, fail);
    thread.on('message', succeed);
    thread.ref();
    thread.postMessage(job);
  }
}
