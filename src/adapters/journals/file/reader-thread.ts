/** The worker thread that reads, beside a writer in this or in another process. */
import { workerData } from 'node:worker_threads';
import { Handover } from './messages.ts';
import type { JournalPaths } from './paths.ts';
import { type PageRequest, Reader } from './reader.ts';
import { serve } from './serve.ts';
import { verifyBatches } from './verify.ts';

const paths = workerData as JournalPaths;
const reader = new Reader(paths);

const calls = {
  lastEvent: () => reader.lastEvent(),
  page(request: PageRequest) {
    const page = reader.page(request);
    const buffers = page.batches.map(({ payload }) => payload.buffer);
    return new Handover(page, buffers);
  },
  verify: () => verifyBatches(paths),
  close: () => reader.close(),
};

export type ReaderCalls = typeof calls;

serve(calls);
