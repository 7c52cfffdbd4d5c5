import { crc32 } from 'node:zlib';
import type { Batch } from '../../host/ports.ts';

const header = new DataView(new ArrayBuffer(32));
const headerBytes = new Uint8Array(header.buffer);

/**
 * CRC-32 of a batch: of its four numbers as little-endian doubles, then of its payload. The numbers
 * are part of it because a batch under a wrong number would be replayed as if it were another.
 */
export function checksumOf(batch: Batch): number {
  header.setFloat64(0, batch.first, true);
  header.setFloat64(8, batch.count, true);
  header.setFloat64(16, batch.epoch, true);
  header.setFloat64(24, batch.at, true);
  return crc32(batch.payload, crc32(headerBytes));
}

const isCount = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;

/** A batch that no caller should ever build; it is a bug there, not a fault of the journal. */
export function assertBatch(batch: Batch): void {
  const { first, count, epoch, at, payload } = batch;
  const fits = isCount(first, 1) && isCount(count, 1) && isCount(first + count, 1);
  if (!fits || !isCount(epoch, 0) || !Number.isSafeInteger(at)) {
    throw new RangeError(`not a batch: first ${first}, count ${count}, epoch ${epoch}, at ${at}`);
  }
  if (!(payload instanceof Uint8Array)) throw new RangeError('the payload is not a Uint8Array');
}

/** Snapshots are made of durable events only; one from the future is a bug of its maker. */
export function assertSnapshotFits(snapshotEvent: number, lastEvent: number): void {
  if (!isCount(snapshotEvent, 0) || snapshotEvent > lastEvent) {
    throw new RangeError(
      `a snapshot of event ${snapshotEvent} does not fit a journal that ends at ${lastEvent}`,
    );
  }
}

export const lastEventOf = (batch: Pick<Batch, 'first' | 'count'>): number =>
  batch.first + batch.count - 1;
