/** A server whose agents are real processes, in a directory and a range of ports of its own. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';
import { ServerProcess } from './server-process.ts';

/** Nothing is too slow before this. */
export const PATIENCE_MS = 40_000;
const PORTS = 300;

/** An agent that reports the load that stands in a file. */
const AGENT = `
import { readFileSync } from 'node:fs';
const { REMUDA_AGENT_ID: id, REMUDA_URL: url } = process.env;
const load = () => { try { return Number(readFileSync('loads/' + id, 'utf8')); } catch { return 0.5; } };
setInterval(() => {
  fetch(url + '/v1/heartbeats', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agents: [[id, load()]] }),
  }).catch(() => {});
}, 100);
`;

/** Its command. */
export const OWN_AGENT: readonly string[] = [process.execPath, 'agent.mjs'];

export interface KindOfAgent {
  readonly name: string;
  readonly agentName: string;
  /** None: the reference agent. */
  readonly command?: readonly string[];
  readonly ports: readonly [number, number];
}

interface Scaling {
  readonly type: string;
  readonly specialization: string;
  readonly reason: string;
  readonly agent_id: string;
}

interface World {
  directory: string;
  server: ServerProcess;
  url: string;
  /** Of 300 that no other test uses. */
  firstPort: number;
}

/** Of the test that runs. */
export const world = {} as World;

/** Each test of the file gets a world of its own, and leaves no process behind. */
export function useWorlds(): void {
  beforeEach(async () => {
    world.directory = mkdtempSync(join(tmpdir(), 'remuda-fleet-'));
    writeFileSync(join(world.directory, 'agent.mjs'), AGENT);
    mkdirSync(join(world.directory, 'loads'));
    world.firstPort = await freeRange(PORTS);
  });
  afterEach(async () => {
    world.server.child.kill('SIGTERM');
    await world.server.exit;
    rmSync(world.directory, { recursive: true, force: true });
  }, PATIENCE_MS);
}

/** Load and silence are judged by hand, and nothing waits for a cooldown. */
export async function start(
  kinds: readonly KindOfAgent[],
  autoscaling: { readonly [key: string]: number } = {},
): Promise<void> {
  const settings = {
    check_interval_sec: 3_600,
    heartbeat_timeout_sec: 1,
    scale_up_cooldown_sec: 0,
    scale_down_cooldown_sec: 0,
    port_ranges: Object.fromEntries(kinds.map(({ name, ports }) => [name, ports])),
    ...autoscaling,
  };
  const specializations = Object.fromEntries(
    kinds.map(({ name, agentName, command = [] }) => [name, { agent_name: agentName, command }]),
  );
  const config = { multi_agent: { specializations, autoscaling: settings } };
  // JSON is YAML.
  writeFileSync(join(world.directory, 'config.yaml'), JSON.stringify(config));
  await run();
}

/** The server, again with the same configuration and journal. */
export async function run(): Promise<void> {
  const { directory } = world;
  const started = await ServerProcess.start(
    ['--config', 'config.yaml', '--data', join(directory, 'data')],
    { cwd: directory, env: { REMUDA_MULTI_AGENT_ENABLED: 'true' } },
  );
  world.server = started.server;
  world.url = started.url;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
export async function get(path: string): Promise<any> {
  return (await fetch(world.url + path)).json();
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
export async function post(path: string, body: unknown = {}): Promise<any> {
  const headers = { 'content-type': 'application/json' };
  return (
    await fetch(world.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  ).json();
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
export const agent = (id: string): Promise<any> => get(`/v1/agents/${id}`);
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
export const check = (): Promise<any> => post('/autoscaler/check');

export function ofKind(
  { actions }: { actions: readonly Scaling[] },
  specialization: string,
): string[] {
  return actions
    .filter((action) => action.specialization === specialization)
    .map(({ type, agent_id, reason }) => `${type} ${agent_id} ${reason}`);
}

export async function running(specialization: string): Promise<string[]> {
  const { items } = await get(`/v1/agents?specialization=${specialization}&limit=1000`);
  const up = (items as { agent_id: string; phase: string }[]).filter(
    ({ phase }) => phase === 'available' || phase === 'leased',
  );
  return up.map(({ agent_id }) => agent_id).sort();
}

/** One that has ended counts as dead, whether or not anybody has asked how. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

export function pidOf(id: string): number {
  return JSON.parse(readFileSync(join(world.directory, 'logs', `${id}.process.json`), 'utf8')).pid;
}

export async function setLoad(id: string, load: number): Promise<void> {
  writeFileSync(join(world.directory, 'loads', id), String(load));
  await until(async () => (await agent(id)).load === load);
}

export const phaseIs = (id: string, phase: string): Promise<void> =>
  until(async () => (await agent(id)).phase === phase);
export const isGone = (id: string): Promise<void> =>
  until(async () => (await agent(id)).code === 'NOT_FOUND');

export async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited too long\n${world.server.err}`);
    await sleep(50);
  }
}

/** The first of so many ports in a row, the first and last of which are free now. */
async function freeRange(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(first)) && (await isFree(first + count))) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
