/** The real server in a process of its own, for benchmarks that measure it from outside. */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HttpClient } from './http-client.ts';

/** `watch` begins to measure how long the event loop is held up, anew each time. */
export type Question = 'cost' | 'watch';

export interface Cost {
  /** Of all threads since the start. */
  readonly cpuSec: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
  /** The longest that the event loop was held up since `watch`. */
  readonly longestStopMs: number;
}

export interface ServerOptions {
  /** A directory, new or with a journal. */
  readonly data: string;
  /** More arguments of `remuda serve`. */
  readonly args?: readonly string[];
  /** Of Node. */
  readonly execArgv?: readonly string[];
  /** Told of each line of the log. */
  readonly onLog?: (line: string) => void;
}

const STOP_WITHIN_MS = 15_000;

export class ServerProcess {
  readonly port: number;
  /** By performance.now(). */
  readonly startedAt: number;
  readonly exit: Promise<void>;
  readonly #child: ChildProcess;
  #complaints = '';

  private constructor(port: number, { data, args = [], execArgv = [], onLog }: ServerOptions) {
    this.port = port;
    this.startedAt = performance.now();
    const path = fileURLToPath(new URL('./server-child.ts', import.meta.url));
    const own = ['--port', `${port}`, '--data', data, '--log.file=', '--multi_agent.enabled=false'];
    this.#child = fork(path, [...own, ...args], {
      cwd: data,
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.exit = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    let partial = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('{')) this.#complaints += `${line}\n`;
        onLog?.(line);
      }
    });
    RUNNING.add(this.#child);
    this.#child.once('exit', () => RUNNING.delete(this.#child));
  }

  /** Resolves as soon as the process exists; it may not even listen yet. */
  static async spawn(options: ServerOptions): Promise<ServerProcess> {
    return new ServerProcess(await freePort(), options);
  }

  static async start(options: ServerOptions): Promise<ServerProcess> {
    const server = await ServerProcess.spawn(options);
    await server.ready();
    return server;
  }

  /** Milliseconds from the spawn to the first 200 of /readyz. */
  async ready(): Promise<number> {
    let hasEnded = false;
    void this.exit.then(() => {
      hasEnded = true;
    });
    for (;;) {
      const client = new HttpClient(this.port, 1);
      const status = await client.call('GET', '/readyz').then(
        (answer) => answer.status,
        () => 0,
      );
      client.close();
      if (status === 200) return performance.now() - this.startedAt;
      if (hasEnded) throw new Error(`the server did not start: ${this.#complaints}`);
      await sleep(5);
    }
  }

  ask(question: Question): Promise<Cost> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', (cost) => resolve(cost as Cost));
      this.#child.send(question, (error) => error && reject(error));
    });
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }

  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    this.#child.kill('SIGTERM');
    await this.exit;
    clearTimeout(timer);
  }
}

/** Children must not outlive a benchmark that fails or is interrupted. */
const RUNNING = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of RUNNING) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
