/** A server in a process of its own, gone when the test is over. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ENTRY = fileURLToPath(new URL('./serve.ts', import.meta.url));

/** Shared by all servers of all test files: compiled code makes a start twice as fast. */
const COMPILE_CACHE = fileURLToPath(
  new URL('../../node_modules/.cache/remuda/compile', import.meta.url),
);

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  /** A command that runs the server, such as prlimit with its arguments. */
  readonly through?: readonly string[];
  readonly cwd?: string;
  readonly env?: { readonly [name: string]: string };
}

export class ServerProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  out = '';
  err = '';
  #hasEnded = false;
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[], options: SpawnOptions = {}) {
    const { through = [], cwd, env = {} } = options;
    const [command = '', ...rest] = [...through, process.execPath, ENTRY, ...args];
    this.child = spawn(command, rest, {
      cwd,
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        // Tests of agents that the pool starts say so.
        REMUDA_MULTI_AGENT_ENABLED: 'false',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
      this.#tell();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      this.#tell();
    });
    this.exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#hasEnded = true;
        resolve({ code, signal });
        this.#tell();
      });
    });
    onTestFinished(() => this.kill());
  }

  /** A server on a free port that is ready for commands. */
  static async start(
    args: readonly string[],
    options?: SpawnOptions,
  ): Promise<{ server: ServerProcess; url: string }> {
    const server = new ServerProcess(['--port', '0', ...args], options);
    return { server, url: await server.ready() };
  }

  /** The address of the line that says that it is ready. */
  async ready(): Promise<string> {
    const [, url = ''] = await this.until(/ready on (http:\S+)/, 'out');
    return url;
  }

  /** Waits for what it prints. Rejects when it ends without having printed that. */
  async until(pattern: RegExp, where: 'out' | 'err'): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this[where]);
      if (found) return found;
      if (this.#hasEnded) {
        throw new Error(`the server ended without ${pattern}: ${this.out}${this.err}`);
      }
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  #tell(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  /** What it said to people: stderr without the log. */
  get complaint(): string {
    return this.err
      .split('\n')
      .filter((line) => !line.startsWith('{'))
      .join('\n');
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** As `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.#hasEnded) this.child.kill('SIGKILL');
    await this.exit;
  }
}
