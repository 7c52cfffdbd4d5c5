/** What the tests of the file journal need from the machine. */
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { payloadOf } from './journal-fixtures.ts';

export const makeTemporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'remuda-journal-'));

/** A directory that is gone when the test is over. */
export async function temporary(): Promise<string> {
  const directory = await makeTemporary();
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Changes one bit of a byte in place. */
export async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const { bytesRead } = await file.read(byte, 0, 1, offset);
    if (bytesRead !== 1) throw new Error(`${path} has no byte ${offset}`);
    byte[0]! ^= 0x10;
    await file.write(byte, 0, 1, offset);
  } finally {
    await file.close();
  }
}

/** Changes a byte of a batch that has the suite's default length. */
export async function damageBatch(directory: string, first: number, length = 40): Promise<void> {
  const path = join(directory, 'journal.db');
  await flipByte(path, (await readFile(path)).indexOf(payloadOf(first, length)));
}

const isRoot = process.getuid?.() === 0;

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Runs a command line; `$1` in it is the directory. */
function shell(command: string, directory: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', command, 'sh', directory]);
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}

/** Mounts a small file system in memory there, until the test is over. */
export async function mountMemory(size: string): Promise<string> {
  const directory = await makeTemporary();
  shell(`mount -t tmpfs -o size=${size} none "$1"`, directory);
  onTestFinished(async () => {
    shell('umount --lazy "$1"', directory);
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

export function remountReadOnly(directory: string): void {
  shell('mount -o remount,ro "$1"', directory);
}

/** Why this machine cannot do it; null when it can. */
export const whyNoMount = (): string | null => {
  if (!isRoot) return 'only root may mount a file system';
  const probe = spawnSync('sh', [
    '-c',
    'd=$(mktemp -d) && mount -t tmpfs none "$d" && umount "$d" && rmdir "$d"',
  ]);
  return probe.status === 0 ? null : 'this machine lets nobody mount a file system';
};

export const whyNoOtherUser = (): string | null => {
  if (!isRoot) return 'only root may become another user';
  return succeeds('setpriv', '--version') ? null : 'setpriv is not installed';
};

export const whyNoTrace = (): string | null =>
  succeeds('strace', '-f', '-o', '/dev/null', 'true') ? null : 'strace is missing or not allowed';

const CHILD = fileURLToPath(new URL('./append-child.ts', import.meta.url));

export interface ChildOptions {
  readonly directory: string;
  readonly batches?: number;
  readonly payloadBytes?: number;
  /** Saves one after each so many batches, and keeps little else. */
  readonly snapshotEvery?: number;
  /** A command that runs the child, such as strace with its arguments. */
  readonly through?: readonly string[];
}

/** A process that appends and prints every acknowledgement. */
export class AppendChild {
  readonly process: ChildProcess;
  readonly exit: Promise<void>;
  readonly #lines: string[] = [];
  #partial = '';
  #onLine: (() => void) | null = null;

  constructor({ directory, through = [], ...options }: ChildOptions) {
    const { batches = 1e9, payloadBytes = 200, snapshotEvery = 0 } = options;
    const script = [CHILD, directory, batches, payloadBytes, snapshotEvery].map(String);
    const [command, ...args] = [...through, process.execPath, ...script];
    // A group of its own: killing strace alone would leave what it watches alive.
    const stdio: StdioOptions = ['ignore', 'pipe', 'inherit'];
    this.process = spawn(command!, args, { stdio, detached: true });
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.exit = new Promise((resolve) => this.process.once('close', () => resolve()));
  }

  #take(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    this.#lines.push(...lines);
    this.#onLine?.();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The newest event that was acknowledged to the child. */
  get acknowledged(): number {
    const line = this.#lines.findLast((text) => text.startsWith('acknowledged '));
    return Number(line?.split(' ')[1] ?? 0);
  }

  /** Waits until it has printed a line that begins so. */
  async until(prefix: string): Promise<void> {
    while (!this.#lines.some((line) => line.startsWith(prefix))) {
      const line = new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
      const ended = await Promise.race([line, this.exit.then(() => true)]);
      if (ended && !this.#lines.some((text) => text.startsWith(prefix))) {
        throw new Error(`the child ended without "${prefix}": ${this.#lines.join(', ')}`);
      }
    }
  }

  /** As `kill -9`; resolves when it is gone and all it had printed has arrived. */
  async kill(): Promise<void> {
    const { pid, exitCode, signalCode } = this.process;
    if (pid !== undefined && exitCode === null && signalCode === null)
      process.kill(-pid, 'SIGKILL');
    await this.exit;
  }
}

/** One that does not outlive its test. */
export function startChild(options: ChildOptions): AppendChild {
  const child = new AppendChild(options);
  onTestFinished(() => child.kill());
  return child;
}
