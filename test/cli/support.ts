/** The command line as its users run it: in a process of its own, in an empty directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Each run would otherwise strip the types of a hundred files again. */
const COMPILED = new URL('../../node_modules/.cache/remuda/cli-tests', import.meta.url).pathname;
export const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON; throws when it is anything else. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every shape.
  readonly json: any;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: { readonly [name: string]: string };
  readonly input?: string;
}

export function spawnCli(args: readonly string[], options: CliOptions = {}): ChildProcess {
  const { PATH, HOME } = process.env;
  return spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? workspace(),
    env: { PATH, HOME, TMPDIR: tmpdir(), NODE_COMPILE_CACHE: COMPILED, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export async function cli(args: readonly string[], options: CliOptions = {}): Promise<Finished> {
  const child = spawnCli(args, options);
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  return finished(child);
}

export async function finished(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return {
    code,
    stdout,
    stderr,
    get json() {
      return JSON.parse(stdout);
    },
  };
}

const workspaces: string[] = [];

/** An empty directory that goes with the tests of the file. */
export function workspace(): string {
  const directory = mkdtempSync(join(tmpdir(), 'remuda-cli-'));
  workspaces.push(directory);
  return directory;
}

/** For `afterAll`. */
export function removeWorkspaces(): void {
  for (const directory of workspaces.splice(0)) rmSync(directory, { recursive: true, force: true });
}

export function write(name: string, content: string | Uint8Array, directory = workspace()): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

export interface ServedPool {
  readonly url: string;
  readonly data: string;
  stop(): Promise<Finished>;
}

export async function servePool(env: CliOptions['env'] = {}): Promise<ServedPool> {
  const cwd = workspace();
  const data = join(cwd, 'data');
  const child = spawnCli(
    ['serve', '--port=0', `--data=${data}`, '--log.file=', '--multi_agent.enabled=false'],
    { cwd, env },
  );
  const end = finished(child);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: string) => {
      text += chunk;
      const ready = /ready on (http:\S+)/.exec(text)?.[1];
      if (ready) resolve(ready);
    });
    void end.then(({ stderr }) => reject(new Error(`the server has ended: ${stderr}`)));
  });
  return {
    url,
    data,
    stop: () => {
      child.kill('SIGTERM');
      return end;
    },
  };
}

/** Something that answers as it is told, in place of a pool. */
export async function fakePool(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<{ readonly url: string; stop(): void }> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => answer(request, response, body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export function answerJson(response: ServerResponse, status: number, body: object): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}
