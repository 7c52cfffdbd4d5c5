/** Real agent processes: started, scaled, replaced, adopted and stopped by the server. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ServerProcess } from './server-process.ts';

/** Set REMUDA_FLEET_SIZE=50 for the figures of docs/internals/performance.md. */
const FLEET_SIZE = Number(process.env.REMUDA_FLEET_SIZE ?? 8);
const PATIENCE_MS = 40_000;

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

let directory: string;
let server: ServerProcess;
let url: string;
let firstPort: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'remuda-fleet-'));
  writeFileSync(join(directory, 'agent.mjs'), AGENT);
  mkdirSync(join(directory, 'loads'));
  firstPort = await freeRange(300);
});

afterEach(async () => {
  server.child.kill('SIGTERM');
  await server.exit;
  rmSync(directory, { recursive: true, force: true });
}, PATIENCE_MS);

interface Scaling {
  readonly type: string;
  readonly specialization: string;
  readonly reason: string;
  readonly agent_id: string;
}

test(
  'a third researcher starts on the next port when two are busy',
  async () => {
    await start('own');
    await setLoad('researcher_1', 0.9);
    expect(ofKind(await check(), 'research')).toEqual([
      'scale_up researcher_2 High load: 0.90 > 0.75',
    ]);
    await phaseIs('researcher_2', 'available');
    await setLoad('researcher_2', 0.85);
    expect(ofKind(await check(), 'research')).toEqual([
      'scale_up researcher_3 High load: 0.88 > 0.75',
    ]);
    await phaseIs('researcher_3', 'available');
    expect((await agent('researcher_3')).labels.port).toBe(String(firstPort + 2));
  },
  PATIENCE_MS,
);

test(
  'the least loaded executor leaves, and the core one stays',
  async () => {
    await start('own');
    await setLoad('executor_1', 0.9);
    await check();
    await phaseIs('executor_2', 'available');
    await setLoad('executor_2', 0.9);
    await check();
    await phaseIs('executor_3', 'available');
    await setLoad('executor_1', 0.1);
    await setLoad('executor_2', 0.15);
    await setLoad('executor_3', 0.05);
    expect(ofKind(await check(), 'execution')).toEqual([
      'scale_down executor_3 Low load: 0.10 < 0.25',
    ]);
    await isGone('executor_3');
    await setLoad('executor_1', 0);
    await setLoad('executor_2', 0.2);
    expect(ofKind(await check(), 'execution')).toEqual([
      'scale_down executor_2 Low load: 0.10 < 0.25',
    ]);
    const { skipped } = await check();
    expect(skipped).toContainEqual({ specialization: 'execution', reason: 'at min 1' });
  },
  PATIENCE_MS,
);

test(
  'an agent that hangs is replaced under the next number, and its tenant is served on',
  async () => {
    await start('own');
    await setLoad('analyst_1', 0.9);
    await check();
    await phaseIs('analyst_2', 'available');
    await setLoad('analyst_1', 0.5);
    await post('/v1/leases', { tenant: 'a', specialization: 'analysis' });
    await post('/v1/leases', { tenant: 'b', specialization: 'analysis' });
    const [held] = (await get('/v1/leases?agent_id=analyst_2')).items;
    process.kill(pidOf('analyst_2'), 'SIGSTOP');
    await sleep(1_300);
    await check();
    expect((await agent('analyst_2')).health).toBe('degraded');
    await check();
    expect(ofKind(await check(), 'analysis')).toEqual([
      'replace_unhealthy analyst_3 Missed heartbeats: 3 >= 3',
    ]);
    await isGone('analyst_2');
    const moved = await get(`/v1/leases/${held.lease_id}`);
    expect(moved.agent_id).toBe('analyst_3');
    expect(moved.token).toBeGreaterThan(held.token);
    expect(moved.state).toBe('allocated');
  },
  PATIENCE_MS,
);

test(
  'a command that does not exist is told, and the rest goes on',
  async () => {
    await start('own', { broken: 'no-such-program-anywhere' });
    await until(async () => {
      const { events } = await get('/autoscaler/events');
      return events.some(
        (e: Scaling) => e.type === 'scale_failed' && e.specialization === 'broken',
      );
    });
    const { events } = await get('/autoscaler/events');
    const failed = events.find((e: Scaling) => e.type === 'scale_failed');
    expect(failed.reason).toContain('no-such-program-anywhere');
    await phaseIs('researcher_1', 'available');
  },
  PATIENCE_MS,
);

test(
  'many are replaced when they are killed, and adopted when the manager is',
  async () => {
    await start('reference', { min: FLEET_SIZE });
    const startedAt = performance.now();
    await until(async () => {
      await check();
      return (await running('research')).length >= FLEET_SIZE;
    });
    const upMs = Math.round(performance.now() - startedAt);
    const before = await running('research');
    const killed = before.slice(1, 1 + Math.floor(FLEET_SIZE * 0.4));
    const leased = await post('/v1/leases', { tenant: 'a', specialization: 'research' });
    for (const id of killed) process.kill(pidOf(id), 'SIGKILL');
    await until(async () => {
      const ids = await running('research');
      return ids.length === FLEET_SIZE && killed.every((id) => !ids.includes(id));
    });
    const lease = await get(`/v1/leases/${leased.leases[0].lease_id}`);
    expect(lease.state).not.toBe('released');
    const ids = await running('research');
    const ports = await Promise.all(ids.map(async (id) => (await agent(id)).labels.port));
    expect(new Set(ports).size).toBe(FLEET_SIZE);

    const pids = ids.map(pidOf);
    server.child.kill('SIGKILL');
    await server.exit;
    await run();
    await until(async () => (await running('research')).length === FLEET_SIZE);
    expect(ids.map(pidOf)).toEqual(pids);
    expect(pids.every(isAlive)).toBe(true);
    expect(await running('research')).toEqual(ids);
    if (FLEET_SIZE >= 50) console.log(`${FLEET_SIZE} agents up in ${upMs} ms`);

    server.child.kill('SIGTERM');
    await server.exit;
    expect(pids.filter(isAlive)).toEqual([]);
  },
  3 * PATIENCE_MS,
);

async function start(
  agents: 'own' | 'reference',
  { min = 1, broken }: { min?: number; broken?: string } = {},
): Promise<void> {
  const command = agents === 'own' ? `command: ["${process.execPath}", agent.mjs]` : 'tools: []';
  const kinds = [
    ['research', 'researcher'],
    ...(agents === 'own'
      ? [
          ['execution', 'executor'],
          ['analysis', 'analyst'],
        ]
      : []),
  ];
  const lines = [
    'multi_agent:',
    '  specializations:',
    ...kinds.map(([name, agent]) => `    ${name}: { agent_name: ${agent}, ${command} }`),
    ...(broken ? [`    broken: { agent_name: broken, command: [${broken}] }`] : []),
    '  autoscaling:',
    '    check_interval_sec: 3600',
    '    heartbeat_timeout_sec: 1',
    '    scale_up_cooldown_sec: 0',
    '    scale_down_cooldown_sec: 0',
    `    min_agents_per_type: ${min}`,
    `    max_agents_per_type: ${Math.max(5, min)}`,
    '    port_ranges:',
    ...kinds.map(([name], i) => {
      const first = firstPort + i * 75;
      return `      ${name}: [${first}, ${first + 74}]`;
    }),
    ...(broken ? [`      broken: [${firstPort + 250}, ${firstPort + 259}]`] : []),
  ];
  writeFileSync(join(directory, 'config.yaml'), `${lines.join('\n')}\n`);
  await run();
  await phaseIs('researcher_1', 'available');
  if (agents === 'own') {
    await phaseIs('executor_1', 'available');
    await phaseIs('analyst_1', 'available');
  }
}

/** The reference agents beat every five seconds: silence is judged by hand in these tests. */
async function run(): Promise<void> {
  const started = await ServerProcess.start(
    ['--config', 'config.yaml', '--data', join(directory, 'data')],
    { cwd: directory, env: { REMUDA_MULTI_AGENT_ENABLED: 'true' } },
  );
  server = started.server;
  url = started.url;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
async function get(path: string): Promise<any> {
  return (await fetch(url + path)).json();
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
async function post(path: string, body: unknown = {}): Promise<any> {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
}

const agent = (id: string) => get(`/v1/agents/${id}`);
const check = () => post('/autoscaler/check');

function ofKind({ actions }: { actions: readonly Scaling[] }, specialization: string): string[] {
  return actions
    .filter((action) => action.specialization === specialization)
    .map(({ type, agent_id, reason }) => `${type} ${agent_id} ${reason}`);
}

async function running(specialization: string): Promise<string[]> {
  const { items } = await get(`/v1/agents?specialization=${specialization}&limit=1000`);
  const up = (items as { agent_id: string; phase: string }[]).filter(
    ({ phase }) => phase === 'available' || phase === 'leased',
  );
  return up.map(({ agent_id }) => agent_id).sort();
}

/** One that has ended counts as dead, whether or not anybody has asked how. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

function pidOf(id: string): number {
  return JSON.parse(readFileSync(join(directory, 'logs', `${id}.process.json`), 'utf8')).pid;
}

async function setLoad(id: string, load: number): Promise<void> {
  writeFileSync(join(directory, 'loads', id), String(load));
  await until(async () => (await agent(id)).load === load);
}

const phaseIs = (id: string, phase: string) => until(async () => (await agent(id)).phase === phase);
const isGone = (id: string) => until(async () => (await agent(id)).code === 'NOT_FOUND');

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited too long\n${server.err}`);
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
