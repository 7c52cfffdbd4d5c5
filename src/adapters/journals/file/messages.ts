/** What thread.ts and serve.ts say to each other. */
import type { Transferable } from 'node:worker_threads';
import type { JournalFault } from '../../../host/ports.ts';

// biome-ignore lint/suspicious/noExplicitAny: a call's arguments are checked where it is made.
export type Calls = Record<string, (...args: any[]) => unknown>;

/** What a call of the worker gives to its caller. */
export type Result<F extends (...args: never[]) => unknown> =
  Awaited<ReturnType<F>> extends Handover<infer T> ? T : Awaited<ReturnType<F>>;

/** A result whose buffers are handed over instead of copied. */
export class Handover<T> {
  readonly value: T;
  readonly transfer: readonly Transferable[];
  constructor(value: T, transfer: readonly Transferable[]) {
    this.value = value;
    this.transfer = transfer;
  }
}

/** An error on its way between threads: structured cloning drops an error's own fields. */
export interface SentError {
  readonly message: string;
  readonly stack?: string;
  readonly fault?: JournalFault;
}

export type Request = readonly [id: number, name: string, args: readonly unknown[]];

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError };

/** Something that no call asked for. */
export interface Report {
  readonly report: string;
}
