/**
 * The output of agents in files that do not grow for ever.
 *
 * An agent writes to its file itself, through a handle that it inherits: a pipe would break with the
 * manager, and the agent with it. It cannot be told to open another file, so the file is copied and
 * then cut to nothing. The handle appends, so the next line lands at the new beginning.
 */
import {
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { HostLog } from '../../../host/host.ts';
import { type AgentOutput, ProvisionError } from '../../../host/provisioner.ts';
import { lastLines } from './last-lines.ts';
import { pathFor } from './log-paths.ts';

/** A log outgrows its limit by what its agent writes in this time. */
const CHECK_MS = 2_000;
const CHUNK_BYTES = 256 * 1024;
/** What is copied while all else waits; an agent that writes more during the copying loses it. */
const LAST_BYTES = 1024 * 1024;
/** Output may hold secrets. */
const MODE = 0o640;

export interface LogOptions {
  readonly directory: string;
  /** A log that is larger is rotated. */
  readonly maxBytes: number;
  /** The files of an agent, the current one included. */
  readonly filesKept: number;
  readonly log: HostLog;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function unwritable(directory: string, path: string, error: unknown): ProvisionError {
  const { code, message } = error as NodeJS.ErrnoException;
  const about = {
    EACCES: `permission denied. Make ${directory} writable for the user of this process`,
    EPERM: `permission denied. Make ${directory} writable for the user of this process`,
    EROFS: 'the file system is read-only. Mount it writable',
    ENOSPC: 'the disk is full. Free some space',
    EDQUOT: 'the disk quota is used up. Free some space',
    ENOTDIR: `${directory} is not a directory. Remove that file`,
    EEXIST: `${directory} is not a directory. Remove that file`,
    EISDIR: 'it is a directory. Remove it',
    EMFILE: 'this process has too many files open. Raise its limit (ulimit -n)',
  }[code ?? ''];
  return new ProvisionError(
    `The log ${path} cannot be written: ${about ?? `${message}. Look at the disk`}, or choose another log directory.`,
    { cause: error },
  );
}

/** Returns where it has stopped. */
async function copy(
  source: FileHandle,
  target: FileHandle,
  { from, to }: { from: number; to: number },
): Promise<number> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let position = from;
  while (position < to) {
    const { bytesRead } = await source.read(buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    await target.writeFile(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return position;
}

/**
 * In one go, so that next to nothing is written between the last look and the cut. What is, a few
 * lines of an agent that writes without a pause, is lost: no system call does both.
 */
function moveRest(source: number, from: number, target: number): void {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (let moved = 0; moved < LAST_BYTES; ) {
    const bytesRead = readSync(source, buffer, 0, CHUNK_BYTES, from + moved);
    if (bytesRead === 0) break;
    writeSync(target, buffer, 0, bytesRead);
    moved += bytesRead;
  }
  ftruncateSync(source);
}

export class RotatingLogs {
  readonly #options: LogOptions;
  readonly #watched = new Set<string>();
  /** How much of the log earlier processes have written. */
  readonly #beginnings = new Map<string, number>();
  readonly #rotating = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  pathOf(agentId: string): string {
    return pathFor(this.#options.directory, agentId, '.log');
  }

  /** A handle to append by, for the agent; whoever asks closes it. Throws ProvisionError. */
  async open(agentId: string): Promise<number> {
    const { directory } = this.#options;
    const path = this.pathOf(agentId);
    try {
      mkdirSync(directory, { recursive: true });
      // One that ends soon after each start may never be there when its log is looked at.
      await this.rotateIfLarge(agentId);
      const handle = openSync(path, 'a', MODE);
      this.#beginnings.set(agentId, sizeOf(path));
      return handle;
    } catch (error) {
      throw unwritable(directory, path, error);
    }
  }

  /** What its latest process has written last. */
  async output(agentId: string): Promise<AgentOutput> {
    const path = this.pathOf(agentId);
    const beginning = this.#beginnings.get(agentId) ?? 0;
    // A log that is shorter than it was has been rotated since.
    const from = beginning <= sizeOf(path) ? beginning : 0;
    return { path: resolve(path), lastLines: await lastLines(path, from) };
  }

  watch(agentId: string): void {
    this.#watched.add(agentId);
    this.#timer ??= setInterval(() => {
      for (const id of this.#watched) void this.rotateIfLarge(id);
    }, CHECK_MS).unref();
  }

  unwatch(agentId: string): void {
    this.#watched.delete(agentId);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Never rejects: if the log cannot be kept, it is cut all the same and that is told. */
  rotateIfLarge(agentId: string): Promise<void> {
    const path = this.pathOf(agentId);
    const current = this.#rotating.get(path);
    if (current !== undefined) return current;
    const rotation = this.#rotateIfLarge(path).finally(() => this.#rotating.delete(path));
    this.#rotating.set(path, rotation);
    return rotation;
  }

  async #rotateIfLarge(path: string): Promise<void> {
    try {
      const bytes = sizeOf(path);
      if (bytes <= this.#options.maxBytes) return;
      await this.#rotate(path, bytes);
    } catch (error) {
      this.#cut(path, error as Error);
    }
  }

  async #rotate(path: string, bytes: number): Promise<void> {
    const { filesKept, maxBytes } = this.#options;
    if (filesKept <= 1) {
      truncateSync(path);
      return;
    }
    const part = `${path}.part`;
    // Nobody rotates while there is no manager. Of a log that has grown out of all bounds the end
    // is enough; the whole would fill the disk a second time.
    const from = bytes > 2 * maxBytes ? bytes - maxBytes : 0;
    const source = await open(path, 'r+');
    let target: FileHandle | undefined;
    try {
      target = await open(part, 'w', MODE);
      const copiedTo = await copy(source, target, { from, to: bytes });
      // The copy gets its name before the log is cut: a manager that is killed between the two
      // leaves lines twice, and never none.
      this.#shift(path);
      renameSync(part, `${path}.1`);
      moveRest(source.fd, copiedTo, target.fd);
    } finally {
      await target?.close();
      await source.close();
    }
  }

  /** Makes room for a new `.1`; what is beyond the limit goes. */
  #shift(path: string): void {
    const oldest = this.#options.filesKept - 1;
    for (let number = oldest; ; number++) {
      if (sizeOf(`${path}.${number}`) === 0) break;
      rmSync(`${path}.${number}`);
    }
    for (let number = oldest - 1; number >= 1; number--) {
      if (sizeOf(`${path}.${number}`) > 0) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
    }
  }

  /** A log without a limit would take the disk from the journal, which is worth more. */
  #cut(path: string, cause: Error): void {
    const { code } = cause as NodeJS.ErrnoException;
    try {
      // That passes, and is no fault of the log.
      if (code === 'EMFILE' || code === 'ENFILE') throw cause;
      truncateSync(path);
      rmSync(`${path}.part`, { force: true });
      this.#options.log.warn({ err: cause, path }, 'A log could not be kept, and was cut');
    } catch (error) {
      this.#options.log.warn({ err: error, path }, 'A log could not be rotated');
    }
  }
}
