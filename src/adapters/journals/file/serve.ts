/** The worker's side of thread.ts. */
import { parentPort, type Transferable } from 'node:worker_threads';
import { JournalError } from '../../../host/ports.ts';
import {
  type Calls,
  Handover,
  type Reply,
  type Report,
  type Request,
  type SentError,
} from './messages.ts';

function post(message: Reply | Report, transfer: readonly Transferable[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** Tells the journal's owner something that no call asked for. */
export const report = (message: string): void => post({ report: message });

function toSent(error: unknown): SentError {
  if (error instanceof JournalError) return { message: error.message, fault: error.fault };
  if (error instanceof Error) return { message: error.message, stack: error.stack };
  return { message: String(error) };
}

/** Answers calls, one after another. `afterwards` runs when a reply has already left. */
export function serve(calls: Calls, afterwards?: () => void): void {
  parentPort?.on('message', ([id, name, args]: Request) => {
    try {
      const result = calls[name]!(...args);
      if (result instanceof Handover) post({ id, value: result.value }, result.transfer);
      else post({ id, value: result });
    } catch (error) {
      post({ id, error: toSent(error) });
    }
    afterwards?.();
  });
}
