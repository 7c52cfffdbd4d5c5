/** The built agent as a process, and stand-ins for the pool and the chat API. Gone with their test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/agent/main.js', import.meta.url));

/** Lets go of those who wait for something to become true whenever something has changed. */
class Changes {
  readonly #waiting = new Set<() => void>();

  tell(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  async until<T>(look: () => T | undefined | null | false): Promise<T> {
    for (;;) {
      const found = look();
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }
}

export interface LogLine {
  readonly event: string;
  readonly [name: string]: unknown;
}

export class AgentProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  out = '';
  err = '';
  #url = '';
  readonly #changes = new Changes();
  #hasEnded = false;

  constructor(
    args: readonly string[],
    env: { readonly [name: string]: string } = {},
    cwd = process.cwd(),
  ) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      cwd,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
      this.#changes.tell();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#hasEnded = true;
        resolve({ code, signal });
        this.#changes.tell();
      });
    });
    onTestFinished(async () => {
      this.child.kill('SIGKILL');
      await this.exit;
    });
  }

  /** An agent on a free port that listens. */
  static async start(
    pool: { readonly url: string },
    args: readonly string[] = [],
    env: { readonly [name: string]: string } = {},
    cwd?: string,
  ): Promise<AgentProcess> {
    const own = { REMUDA_AGENT_ID: 'a1', REMUDA_PORT: '0', REMUDA_URL: pool.url, ...env };
    const agent = new AgentProcess(args, own, cwd);
    const { port } = await agent.logged('listening');
    agent.#url = `http://127.0.0.1:${port}`;
    return agent;
  }

  get lines(): readonly LogLine[] {
    const complete = this.out.slice(0, this.out.lastIndexOf('\n') + 1);
    return complete
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  eventsOf(name: string): readonly LogLine[] {
    return this.lines.filter(({ event }) => event === name);
  }

  /** The line with which it logs an event for the `times`-th time. */
  logged(event: string, times = 1): Promise<LogLine> {
    return this.#changes.until(() => {
      const line = this.eventsOf(event)[times - 1];
      if (line === undefined && this.#hasEnded) {
        throw new Error(`it ended without ${event}: ${this.out}${this.err}`);
      }
      return line;
    });
  }

  get url(): string {
    return this.#url;
  }

  async health(): Promise<{ readonly [name: string]: unknown }> {
    return (await fetch(`${this.url}/healthz`)).json() as never;
  }

  async work(body: unknown, options: RequestInit = {}): Promise<WorkAnswer> {
    const response = await fetch(`${this.url}/v1/work`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...options,
    });
    const answer = (await response.json()) as WorkAnswer['body'];
    return { status: response.status, headers: response.headers, body: answer };
  }

  /** Asks until the health says so: nothing tells when it will. */
  async healthUntil(wanted: { readonly [name: string]: unknown }): Promise<void> {
    for (;;) {
      const health = await this.health();
      if (Object.entries(wanted).every(([name, value]) => health[name] === value)) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

export interface WorkAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look at whatever it says
  readonly body: any;
}

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The client's port: equal for requests of one connection. */
  readonly from: number | undefined;
}

type Reply = { readonly status?: number; readonly body: unknown };

/** An HTTP server that remembers what it is asked and answers what the test says. */
export class StandIn {
  readonly requests: Request[] = [];
  reply: (request: Request) => Reply | Promise<Reply>;
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  readonly #changes = new Changes();

  constructor(reply: (request: Request) => Reply | Promise<Reply>) {
    this.reply = reply;
    onTestFinished(() => this.stop());
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  /** As a process that is killed: connections and all. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  until<T>(look: (requests: readonly Request[]) => T | undefined | null | false): Promise<T> {
    return this.#changes.until(() => look(this.requests));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that hangs up in the middle is part of some tests.
    const body = await readText(request).catch(() => '');
    const { url: path = '', headers, socket } = request;
    const seen = { path, headers, body, from: socket.remotePort };
    this.requests.push(seen);
    this.#changes.tell();
    const { status = 200, body: answer } = await this.reply(seen);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }
}

export function loadOf({ body }: Request): number {
  return JSON.parse(body).agents[0][1];
}

/** A pool that knows every agent. */
export function startPool(): Promise<StandIn> {
  return new StandIn(() => ({ body: { accepted: 1, unknown: [] } })).listen();
}

/** A model that thinks until it is told to answer. */
export class SlowModel {
  readonly server: StandIn;
  readonly #thinking: (() => void)[] = [];

  constructor() {
    this.server = new StandIn(async () => {
      await new Promise<void>((resolve) => this.#thinking.push(resolve));
      return { body: chatAnswer('done') };
    });
  }

  static async start(): Promise<SlowModel> {
    const model = new SlowModel();
    await model.server.listen();
    return model;
  }

  get env(): { readonly [name: string]: string } {
    return { OPENAI_BASE_URL: `${this.server.url}/v1`, OPENAI_MODEL: 'slow' };
  }

  /** Answers all who are being thought about, and waits for one if there is none yet. */
  async answer(): Promise<void> {
    await this.server.until(() => this.#thinking.length > 0);
    for (const resolve of this.#thinking.splice(0)) resolve();
  }
}

export function chatAnswer(content: string): object {
  return { model: 'slow-1', choices: [{ message: { role: 'assistant', content } }] };
}

export const CHAT = { task: 'chat', messages: [{ role: 'user', content: 'Hello.' }] };
