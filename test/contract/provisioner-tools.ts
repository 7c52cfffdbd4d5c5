/** What the tests of the process provisioner need: a pool with real processes, all gone at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { ProcessProvisionerOptions } from '../../src/adapters/provisioners/process/options.ts';
import { ProcessProvisioner } from '../../src/adapters/provisioners/process/process-provisioner.ts';
import type { AgentExit, AgentLaunch } from '../../src/host/provisioner.ts';
import { ProvisionError } from '../../src/host/provisioner.ts';

const MANAGER = fileURLToPath(new URL('./provisioner-manager.ts', import.meta.url));

/** Far more than anything here takes, also on a machine that does much else. */
const DEADLINE_MS = 25_000;

export const URL_OF_POOL = 'http://127.0.0.1:8080';

/** Elsewhere these tests could not see what they have started. */
export const noProc: boolean = !existsSync('/proc/self/stat');

/** Repeats until there is something other than undefined, null or false. */
export async function eventually<T>(
  what: string,
  attempt: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const result = await attempt();
    if (result !== undefined && result !== null && result !== false)
      return result as NonNullable<T>;
    if (Date.now() > end) throw new Error(`It never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Also for what a dying manager is not told of: no zombies, no matter whose children. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

function statOf(pid: number): { group: number; session: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { group: Number(group), session: Number(session) };
  } catch {
    return null;
  }
}

/** All running processes of a session. */
export function membersOf(session: number): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => statOf(pid)?.session === session && isRunning(pid));
}

/** All processes of the machine whose environment has the text. */
function pidsWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(text) ? [pid] : [];
    } catch {
      return [];
    }
  });
}

export function killProcess(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has gone by itself.
  }
}

const given = new Set<number>();

export function listenOn(port: number, host?: string): Promise<Server> {
  const server = createServer();
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

/** A port that the system has just had to give away, never the same twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject).listen(0, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    await new Promise<void>((resolve) => server.close(() => resolve()));
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

export const shell = (script: string): readonly string[] => ['sh', '-c', script];

/** Ends with code 7 when it is asked to. */
export const POLITE = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
export const STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done";

export async function expectRefusal(attempt: Promise<unknown>, words: string): Promise<void> {
  const error = await attempt.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason as Error,
  );
  expect(error.message).toContain(words);
  expect(error).toBeInstanceOf(ProvisionError);
}

/** A pool's place on the disk, and what runs for it. */
export class Yard {
  readonly poolId = `pool-${crypto.randomUUID()}`;
  readonly directory: string;
  readonly logs: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.logs = join(directory, 'logs');
  }

  static async open(): Promise<Yard> {
    const yard = new Yard(await mkdtemp(join(tmpdir(), 'remuda-agents-')));
    onTestFinished(async () => {
      await eventually('all processes of the test are gone', () => {
        const pids = yard.processes().filter(isRunning);
        // By groups, because some of them have no mark any more.
        for (const pid of pids) killProcess(-(statOf(pid)?.group ?? Number.NaN));
        return pids.length === 0;
      });
      await rm(yard.directory, { recursive: true, force: true });
    });
    return yard;
  }

  /** A manager of this pool in the test's own process. */
  provisioner(options: Partial<ProcessProvisionerOptions> = {}): ProcessProvisioner {
    const provisioner = new ProcessProvisioner({
      poolId: this.poolId,
      url: URL_OF_POOL,
      logDirectory: this.logs,
      ...options,
    });
    onTestFinished(() => provisioner.close());
    return provisioner;
  }

  async launch(agentId: string, command: readonly string[]): Promise<AgentLaunch> {
    return { agentId, specialization: 'music', port: await freePort(), command };
  }

  /** All that runs with this pool's mark, also what an agent has started. */
  processes(agentId = ''): number[] {
    const pids = pidsWith(`REMUDA_POOL_ID=${this.poolId}`);
    return agentId === '' ? pids : pids.filter((pid) => pidsWith(`_ID=${agentId}\0`).includes(pid));
  }

  async output(agentId: string): Promise<string> {
    return readFile(join(this.logs, `${agentId}.log`), 'utf8').catch(() => '');
  }

  async outputWith(agentId: string, text: string): Promise<string> {
    return eventually(`${agentId} prints ${text}`, async () => {
      const output = await this.output(agentId);
      return output.includes(text) ? output : null;
    });
  }

  /** Starts what is launched here in a manager of its own, and resolves with the pids. */
  async manager(launches: readonly AgentLaunch[]): Promise<Manager> {
    const path = join(this.directory, `launches-${crypto.randomUUID()}.json`);
    await writeFile(path, JSON.stringify(launches));
    const env = { PATH: process.env.PATH, PWD: this.directory };
    const args = [MANAGER, this.poolId, this.logs, path];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => killProcess(child.pid ?? 0));
    const manager = new Manager(child);
    await manager.until('started');
    return manager;
  }
}

export class Manager {
  readonly child: ChildProcess;
  readonly exit: Promise<void>;
  #output = '';

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.exit = new Promise((resolve) => child.once('close', () => resolve()));
  }

  async until(word: string): Promise<void> {
    await eventually(`the manager prints ${word}`, () => {
      if (this.#output.includes(`${word}\n`)) return true;
      if (this.child.exitCode !== null) throw new Error(`The manager ended: ${this.#output}`);
      return false;
    });
  }

  pidOf(agentId: string): number {
    const [, pid] = new RegExp(`^${agentId} (\\d+)$`, 'm').exec(this.#output) ?? [];
    return Number(pid);
  }

  /** As `kill -9`: no chance to tidy up. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}

/** All exits that are reported from now on. */
export function exitsOf(provisioner: ProcessProvisioner): AgentExit[] {
  const exits: AgentExit[] = [];
  provisioner.onExit((exit) => exits.push(exit));
  return exits;
}
