/**
 * The newest event that was ever acknowledged, in a file of its own beside the database.
 *
 * A log that is cut short at its end looks like one that was never longer. The mark tells them
 * apart: it is written after the batch is durable and before it is acknowledged, so the journal
 * may never end before it. It is not synced, which would double the cost of an append: a killed
 * process leaves it exact, a power failure may leave an older one, which is still true.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

export interface Mark {
  readonly lastEvent: number;
  readonly epoch: number;
}

const MAGIC = 'RMDMARK1';
const BYTES = 32;
const CRC_AT = 24;

/** The mark; null if there is none; 'damaged' if its bytes are not what was written. */
export function readMark(path: string): Mark | null | 'damaged' {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  // Created but not yet written: nothing had been acknowledged.
  if (bytes.length === 0) return null;
  if (bytes.length !== BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    return 'damaged';
  }
  if (crc32(bytes.subarray(0, CRC_AT)) !== bytes.readUInt32LE(CRC_AT)) return 'damaged';
  return { lastEvent: bytes.readDoubleLE(8), epoch: bytes.readDoubleLE(16) };
}

export class MarkWriter {
  readonly #bytes = Buffer.alloc(BYTES);
  readonly #handle: number;

  constructor(path: string) {
    this.#bytes.write(MAGIC, 'latin1');
    try {
      this.#handle = openSync(path, 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#handle = openSync(path, 'w+');
    }
  }

  write(mark: Mark): void {
    this.#bytes.writeDoubleLE(mark.lastEvent, 8);
    this.#bytes.writeDoubleLE(mark.epoch, 16);
    this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(0, CRC_AT)), CRC_AT);
    try {
      writeSync(this.#handle, this.#bytes, 0, BYTES, 0);
    } catch {
      // The batch is durable all the same, and an older mark is still true.
    }
  }

  close(): void {
    try {
      fsyncSync(this.#handle);
    } finally {
      closeSync(this.#handle);
    }
  }
}
