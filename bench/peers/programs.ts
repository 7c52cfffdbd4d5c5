/** The servers that subjects start: found on the machine, and ended with certainty. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotInstalledError } from './peer.ts';

const START_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 10_000;
const POLL_MS = 20;
const POSTGRES_HOME = '/usr/lib/postgresql';

/** Debian keeps PostgreSQL's server programs apart from PATH, by version; the newest is taken. */
function directories(): string[] {
  let versions: string[] = [];
  try {
    versions = readdirSync(POSTGRES_HOME).sort((a, b) => Number(b) - Number(a));
  } catch {
    // No such directory: PATH is all there is.
  }
  const path = (process.env.PATH ?? '').split(delimiter).filter((each) => each !== '');
  return [...versions.map((version) => join(POSTGRES_HOME, version, 'bin')), ...path];
}

/** The path of a program, or NotInstalledError with the command that installs it. */
export function programPath(name: string, debianPackage: string): string {
  for (const directory of directories()) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  throw new NotInstalledError(
    `${name} is not installed; install it with: apt-get install --yes ${debianPackage}`,
  );
}

/** Each leads a process group of its own. None outlives this process, however it ends by itself. */
const RUNNING = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of RUNNING) signalGroup(child, 'SIGKILL');
});

/**
 * Between its turns a server stands still: what it has to do in the background (a snapshot, a
 * checkpoint, a vacuum) costs nobody else's turn, and is not done for nothing.
 */
export function freezeAll(): void {
  for (const child of RUNNING) signalGroup(child, 'SIGSTOP');
}

export function thawAll(): void {
  for (const child of RUNNING) signalGroup(child, 'SIGCONT');
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has just ended.
  }
}

export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #exit: Promise<void>;
  #hasEnded = false;
  #output = '';

  constructor(path: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#name = path;
    this.#child = spawn(path, args, {
      ...options,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    RUNNING.add(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-2_000);
      });
    }
    this.#exit = new Promise((resolve) => {
      const ended = (): void => {
        this.#hasEnded = true;
        RUNNING.delete(this.#child);
        resolve();
      };
      this.#child.once('exit', ended);
      this.#child.once('error', (error) => {
        this.#output += error.message;
        ended();
      });
    });
  }

  /** Asks again and again until the program answers. */
  async ready<T>(ask: () => Promise<T>): Promise<T> {
    const until = performance.now() + START_WITHIN_MS;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (this.#hasEnded || performance.now() > until) {
          throw new Error(`${this.#name} did not start: ${this.#output}`, { cause: error });
        }
        await sleep(POLL_MS);
      }
    }
  }

  async completed(): Promise<void> {
    await this.#exit;
    if (this.#child.exitCode !== 0) throw new Error(`${this.#name} failed: ${this.#output}`);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.#hasEnded) return;
    const timer = setTimeout(() => signalGroup(this.#child, 'SIGKILL'), STOP_WITHIN_MS);
    this.#child.kill(signal);
    await this.#exit;
    clearTimeout(timer);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
