/** Batches and snapshots to write, and what to expect of them. */
import { expect } from 'vitest';
import { type Batch, type Journal, JournalError, type Snapshot } from '../../src/host/ports.ts';

/** Bytes that differ from batch to batch, and are the same each time. */
export function payloadOf(first: number, length: number): Uint8Array {
  const payload = new Uint8Array(length);
  let state = (first * 2654435761) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    payload[i] = state >>> 24;
  }
  return payload;
}

export function batchOf(first: number, count = 1, epoch = 1, length = 40): Batch {
  return { first, count, epoch, at: 1_700_000_000_000 + first, payload: payloadOf(first, length) };
}

export async function readAll(journal: Journal, from = 1): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of journal.read(from)) batches.push(batch);
  return batches;
}

/** The batches until the read fails, and what it failed with. */
export async function readUntilFault(
  journal: Journal,
): Promise<{ batches: Batch[]; error: unknown }> {
  const batches: Batch[] = [];
  try {
    for await (const batch of journal.read(1)) batches.push(batch);
    return { batches, error: null };
  } catch (error) {
    return { batches, error };
  }
}

/** Fails unless the promise is rejected with a JournalError of this fault; returns the error. */
export async function expectFault(
  promise: Promise<unknown>,
  fault: JournalError['fault'],
): Promise<JournalError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(JournalError);
  expect((error as JournalError).fault).toBe(fault);
  return error as JournalError;
}

/** As plain arrays: a payload may come back as a Buffer. */
const plain = ({ first, count, epoch, at, payload }: Batch) => ({
  first,
  count,
  epoch,
  at,
  payload: Buffer.from(payload).toString('base64'),
});

export function expectBatches(actual: readonly Batch[], expected: readonly Batch[]): void {
  expect(actual.map(plain)).toEqual(expected.map(plain));
}

export function expectSnapshot(actual: Snapshot | null, expected: Snapshot): void {
  const content = (snapshot: Snapshot | null) => ({
    lastEvent: snapshot?.lastEvent,
    chunks: snapshot?.chunks.map((chunk) => Buffer.from(chunk).toString('base64')),
  });
  expect(content(actual)).toEqual(content(expected));
}

export function snapshotOf(lastEvent: number, ...lengths: number[]): Snapshot {
  const chunks = lengths.map((length, index) => payloadOf(lastEvent * 31 + index, length));
  return { lastEvent, chunks };
}
