/**
 * Snapshots as files, `snapshot-<lastEvent>.bin`. One is written under another name, synced and
 * renamed, so that a file of that name is always whole:
 *
 *     magic, 8 bytes | version u32 | chunks u32 | lastEvent f64
 *     per chunk: length f64, CRC-32 u32
 *     CRC-32 u32 of all of the above
 *     the chunks, one behind the other
 *
 * Numbers are little-endian. The header is written last, when all checksums are known, so a large
 * state is passed over once and never copied.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import type { Snapshot } from '../../../host/ports.ts';
import { syncDirectory } from './paths.ts';

const MAGIC = 'RMDSNAP\n';
const VERSION = 1;
const FIXED_BYTES = 24;
const ENTRY_BYTES = 12;
const CRC_BYTES = 4;
const KEPT = 2;
/** Bytes a step reads or writes; a checksum of so much takes a few milliseconds. */
const STEP_BYTES = 8 * 1024 * 1024;
/** Buffers a step hands to the operating system at once; its own limit is 1,024. */
const STEP_BUFFERS = 512;

const NAME = /^snapshot-(\d+)\.bin$/;
const TEMPORARY_NAME = /^snapshot-\d+\.bin\.(\d+)-\d+\.tmp$/;

/** The file exists, but not as it was written. */
export class DamagedSnapshotError extends Error {
  override readonly name = 'DamagedSnapshotError';
}

export interface SnapshotFile {
  readonly path: string;
  readonly lastEvent: number;
}

/** By name, newest first. A directory that does not exist yet has none. */
export function listSnapshots(directory: string): SnapshotFile[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .flatMap((name) => {
      const lastEvent = NAME.exec(name)?.[1];
      return lastEvent ? [{ path: join(directory, name), lastEvent: Number(lastEvent) }] : [];
    })
    .sort((a, b) => b.lastEvent - a.lastEvent);
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
async function looksWhole(file: SnapshotFile): Promise<boolean> {
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

async function writeSnapshot(path: string, snapshot: Snapshot): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    const crcs = new Uint32Array(snapshot.chunks.length);
    let at = headerBytesFor(snapshot.chunks.length);
    for (const step of steps(snapshot.chunks)) {
      for (const { chunk, bytes } of step) crcs[chunk] = crc32(bytes, crcs[chunk]);
      at = await writeAll(handle, buffersOf(step), at);
    }
    await writeAll(handle, [encodeHeader(snapshot, crcs)], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Two threads of a process may save at once. */
let saves = 0;

/** Durable once resolved; then only the newest two are left. */
export async function saveSnapshot(directory: string, snapshot: Snapshot): Promise<void> {
  const path = join(directory, `snapshot-${snapshot.lastEvent}.bin`);
  const temporary = `${path}.${process.pid}-${threadId * 1e6 + saves++}.tmp`;
  try {
    await writeSnapshot(temporary, snapshot);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  syncDirectory(directory);
  await removeOld(directory);
}

/** A damaged one does not count as kept, or it would push out the one to fall back to. */
async function wholeSnapshots(directory: string): Promise<SnapshotFile[]> {
  const whole: SnapshotFile[] = [];
  for (const file of listSnapshots(directory)) {
    if (whole.length < KEPT && (await looksWhole(file))) whole.push(file);
  }
  return whole;
}

async function removeOld(directory: string): Promise<void> {
  const oldest = (await wholeSnapshots(directory))[KEPT - 1];
  if (!oldest) return;
  for (const file of listSnapshots(directory)) {
    if (file.lastEvent < oldest.lastEvent) await rm(file.path, { force: true });
  }
}

/** The event up to which no kept snapshot needs the batches: that of the older of the two. */
export async function unneededUpTo(directory: string): Promise<number> {
  return (await wholeSnapshots(directory))[KEPT - 1]?.lastEvent ?? 0;
}

/** What a killed process left half-written. */
export function removeUnfinished(directory: string): void {
  const startedAt = Date.now() - process.uptime() * 1000;
  for (const name of readdirSync(directory)) {
    const pid = Number(TEMPORARY_NAME.exec(name)?.[1]);
    if (Number.isNaN(pid)) continue;
    const path = join(directory, name);
    // In a container every process has the same number; only its age tells it from the last one.
    const changedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const isLeft = pid === process.pid ? changedAt < startedAt : !isAlive(pid);
    if (isLeft) rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
