/**
 * One snapshot as a file:
 *
 *     magic, 8 bytes | version u32 | chunks u32 | lastEvent f64
 *     per chunk: length f64, CRC-32 u32
 *     CRC-32 u32 of all of the above
 *     the chunks, one behind the other
 *
 * Numbers are little-endian. The header is written last, when all checksums are known, so a large
 * state is passed over once and never copied.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Snapshot } from '../../../host/ports.ts';

const MAGIC = 'RMDSNAP\n';
const VERSION = 1;
const FIXED_BYTES = 24;
const ENTRY_BYTES = 12;
const CRC_BYTES = 4;
/**
 * Bytes a step reads or writes. Each step is synced by itself: hundreds of megabytes at once would
 * keep every append on the same disk waiting, for a tenth of a second where this was measured.
 */
const STEP_BYTES = 1024 * 1024;
/** Buffers a step hands to the operating system at once; its own limit is 1,024. */
const STEP_BUFFERS = 512;

/** The file exists, but not as it was written. */
export class DamagedSnapshotError extends Error {
  override readonly name = 'DamagedSnapshotError';
}

export interface SnapshotFile {
  readonly path: string;
  /** As its name says; its header must say the same. */
  readonly lastEvent: number;
}

interface Piece {
  readonly chunk: number;
  readonly bytes: Uint8Array;
}

const buffersOf = (step: readonly Piece[]) => step.map(({ bytes }) => bytes);

/** The chunks in steps of limited size. */
function* steps(chunks: readonly Uint8Array[]): Generator<Piece[]> {
  let step: Piece[] = [];
  let room = STEP_BYTES;
  for (const [chunk, bytes] of chunks.entries()) {
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(from, from + room);
      step.push({ chunk, bytes: piece });
      from += piece.length;
      room -= piece.length;
      if (room > 0 && step.length < STEP_BUFFERS) continue;
      yield step;
      step = [];
      room = STEP_BYTES;
    }
  }
  if (step.length > 0) yield step;
}

const headerBytesFor = (chunks: number) => FIXED_BYTES + chunks * ENTRY_BYTES + CRC_BYTES;

function encodeHeader(snapshot: Snapshot, crcs: Uint32Array): Buffer {
  const header = Buffer.alloc(headerBytesFor(snapshot.chunks.length));
  header.write(MAGIC, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(snapshot.chunks.length, 12);
  header.writeDoubleLE(snapshot.lastEvent, 16);
  let at = FIXED_BYTES;
  for (const [chunk, { length }] of snapshot.chunks.entries()) {
    header.writeDoubleLE(length, at);
    header.writeUInt32LE(crcs[chunk]!, at + 8);
    at += ENTRY_BYTES;
  }
  header.writeUInt32LE(crc32(header.subarray(0, at)), at);
  return header;
}

interface Header {
  readonly lastEvent: number;
  readonly lengths: readonly number[];
  readonly crcs: readonly number[];
}

/** What is left of the buffers behind their first `count` bytes. */
function behind(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  let next = 0;
  while (next < buffers.length && left >= buffers[next]!.length) left -= buffers[next++]!.length;
  const rest = buffers.slice(next);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

/** Fills the buffers from the file; returns where it stopped. */
async function readAll(handle: FileHandle, buffers: Uint8Array[], at: number): Promise<number> {
  for (let rest = buffers; rest.length > 0; ) {
    const { bytesRead } = await handle.readv(rest, at);
    if (bytesRead === 0) throw new DamagedSnapshotError('it is cut short');
    at += bytesRead;
    rest = behind(rest, bytesRead);
  }
  return at;
}

async function writeAll(handle: FileHandle, buffers: Uint8Array[], at: number): Promise<number> {
  for (let rest = buffers; rest.length > 0; ) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    rest = behind(rest, bytesWritten);
  }
  return at;
}

async function readHeader(handle: FileHandle, file: SnapshotFile): Promise<Header> {
  const { size } = await handle.stat();
  const fixed = Buffer.alloc(FIXED_BYTES);
  await readAll(handle, [fixed], 0);
  if (fixed.toString('latin1', 0, 8) !== MAGIC) throw new DamagedSnapshotError('no snapshot');
  const version = fixed.readUInt32LE(8);
  if (version > VERSION) throw new DamagedSnapshotError(`format ${version} is not known here`);
  const count = fixed.readUInt32LE(12);
  if (headerBytesFor(count) > size) throw new DamagedSnapshotError('it is cut short');
  const header = Buffer.alloc(headerBytesFor(count));
  await readAll(handle, [header], 0);
  const end = header.length - CRC_BYTES;
  if (crc32(header.subarray(0, end)) !== header.readUInt32LE(end)) {
    throw new DamagedSnapshotError('its header fails its checksum');
  }
  const at = Array.from({ length: count }, (_, chunk) => FIXED_BYTES + chunk * ENTRY_BYTES);
  const lengths = at.map((offset) => header.readDoubleLE(offset));
  const crcs = at.map((offset) => header.readUInt32LE(offset + 8));
  const lastEvent = header.readDoubleLE(16);
  if (lastEvent !== file.lastEvent) {
    throw new DamagedSnapshotError(`it is one of event ${lastEvent}`);
  }
  if (lengths.reduce((sum, length) => sum + length, header.length) !== size) {
    throw new DamagedSnapshotError('its length is wrong');
  }
  return { lastEvent, lengths, crcs };
}

/** Throws DamagedSnapshotError unless every byte is as it was written. */
export async function readSnapshot(file: SnapshotFile): Promise<Snapshot> {
  const handle = await open(file.path, 'r');
  try {
    const { lastEvent, lengths, crcs } = await readHeader(handle, file);
    const chunks = lengths.map((length) => new Uint8Array(length));
    const sums = new Uint32Array(chunks.length);
    let at = headerBytesFor(chunks.length);
    for (const step of steps(chunks)) {
      at = await readAll(handle, buffersOf(step), at);
      for (const { chunk, bytes } of step) sums[chunk] = crc32(bytes, sums[chunk]);
    }
    const bad = sums.findIndex((sum, chunk) => sum !== crcs[chunk]);
    if (bad >= 0) throw new DamagedSnapshotError(`chunk ${bad + 1} fails its checksum`);
    return { lastEvent, chunks };
  } finally {
    await handle.close();
  }
}

/** A damage that the header alone shows, such as a file cut short. */
export async function looksWhole(file: SnapshotFile): Promise<boolean> {
  try {
    const handle = await open(file.path, 'r');
    try {
      await readHeader(handle, file);
      return true;
    } finally {
      await handle.close();
    }
  } catch {
    return false;
  }
}

/** Writes a new file; durable once resolved, but for its name. */
export async function writeSnapshot(path: string, snapshot: Snapshot): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    const crcs = new Uint32Array(snapshot.chunks.length);
    let at = headerBytesFor(snapshot.chunks.length);
    for (const step of steps(snapshot.chunks)) {
      for (const { chunk, bytes } of step) crcs[chunk] = crc32(bytes, crcs[chunk]);
      at = await writeAll(handle, buffersOf(step), at);
      await handle.datasync();
    }
    await writeAll(handle, [encodeHeader(snapshot, crcs)], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
