/** A worker thread as an object with calls. The worker's side is serve.ts. */
import { type Transferable, Worker } from 'node:worker_threads';
import { JournalError } from '../../../host/ports.ts';
import type { Calls, Reply, Report, Request, Result, SentError } from './messages.ts';

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

function toError(sent: SentError): Error {
  if (sent.fault) return new JournalError(sent.fault, sent.message);
  const error = new Error(sent.message);
  if (sent.stack) error.stack = sent.stack;
  return error;
}

export interface ThreadOptions {
  /** The worker's file without extension, beside this one. */
  readonly file: string;
  readonly data: unknown;
  /** Gets what the worker has to tell without having been asked. */
  readonly report: (message: string) => void;
}

export class Thread<C extends Calls> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #end: Error | null = null;

  constructor({ file, data, report }: ThreadOptions) {
    // The sources run as they are (.ts) and compiled (.js); the worker comes from the same place.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const url = new URL(`${file}${extension}`, import.meta.url);
    this.#worker = new Worker(url, { workerData: data, name: 'journal' });
    // An idle journal does not keep its process alive; a call that waits does.
    this.#worker.unref();
    this.#worker.on('message', (message: Reply | Report) => {
      if ('report' in message) report(message.report);
      else this.#settle(message);
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('it was closed')));
  }

  call<K extends keyof C & string>(
    name: K,
    args: Parameters<C[K]>,
    transfer: readonly Transferable[] = [],
  ): Promise<Result<C[K]>> {
    return new Promise((resolve, reject) => {
      if (this.#end) {
        reject(this.#ended());
        return;
      }
      const id = this.#nextId++;
      const request: Request = [id, name, args];
      this.#worker.postMessage(request, transfer);
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(id, { resolve, reject });
    });
  }

  /** Ends the thread. Calls that still wait are rejected. */
  async end(): Promise<void> {
    this.#fail(new Error('it was closed'));
    await this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('error' in reply) waiting?.reject(toError(reply.error));
    else waiting?.resolve(reply.value as never);
  }

  #fail(error: Error): void {
    this.#end ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended());
    this.#waiting.clear();
  }

  #ended(): JournalError {
    const cause = this.#end;
    return new JournalError('io', `The journal's thread has ended: ${cause?.message}.`, { cause });
  }
}
