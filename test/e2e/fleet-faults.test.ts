/** Agents that cannot be started, beside others that can; and requests that need more of them. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  agent,
  check,
  get,
  isAlive,
  type KindOfAgent,
  OWN_AGENT,
  ofKind,
  PATIENCE_MS,
  phaseIs,
  post,
  running,
  start,
  until,
  useWorlds,
  world,
} from './fleet-world.ts';

interface Scaling {
  readonly type: string;
  readonly specialization: string;
  readonly reason: string;
  readonly agent_id: string;
}

/** A test that checks again and again would count the pauses between heartbeats as silence. */
const UNWATCHED = { heartbeat_timeout_sec: 0 };

useWorlds();

test(
  'a command that does not exist is told, and the rest goes on',
  async () => {
    await start([research(), faulty('broken', ['no-such-program-anywhere'])]);
    await until(async () => (await failuresOf('broken')).length > 0);
    expect((await failuresOf('broken'))[0]).toContain('no-such-program-anywhere');
    await goesOn();
  },
  3 * PATIENCE_MS,
);

test(
  'an agent that never says hello is ended with all that it has started, and the rest goes on',
  async () => {
    const script = 'echo $$ >> pids; sleep 1000 & echo $! >> pids; echo loading; wait';
    await start([research(), faulty('mute', ['sh', '-c', script])], { start_timeout_sec: 5 });
    await until(async () => (await failuresOf('mute')).length > 0);
    const log = join(world.directory, 'logs', 'mute_1.log');
    expect((await failuresOf('mute')).at(-1)).toBe(
      `No heartbeat within 5 s of its start (start_timeout_sec), so its process was ended; see ${log}`,
    );
    const [shell = 0, child = 0] = numbersIn('pids');
    expect([shell, child].filter(isAlive)).toEqual([]);
    const told = await world.server.until(/^.*The next start of mute is tried in 1 s.*$/m, 'err');
    expect(JSON.parse(told[0])).toMatchObject({ agent: 'mute_1', output: ['loading'] });
    await goesOn();
  },
  3 * PATIENCE_MS,
);

test(
  'an agent that exits at once is tried less and less often, and the rest goes on',
  async () => {
    const script = 'echo cannot read model.bin >&2; exit 3';
    await start([research(), faulty('exits', ['sh', '-c', script])], UNWATCHED);
    await goesOn();
    const log = join(world.directory, 'logs', 'exits_1.log');
    const failure = `Exited before its first heartbeat: code 3; see ${log}`;
    await until(async () => (await skippedOf('exits')).startsWith('quarantined'));
    expect(await skippedOf('exits')).toMatch(/^quarantined \d+ s left: 5 starts failed\. /);
    expect(await skippedOf('exits')).toContain(failure);
    expect(await failuresOf('exits')).toEqual(new Array(5).fill(failure));
    const waits = [...world.server.err.matchAll(/The next start of exits is tried in (\d+) s/g)];
    expect(waits.map(([, seconds]) => Number(seconds))).toEqual([1, 2, 4, 8]);
    const told = await world.server.until(/^.*exits is quarantined.*$/m, 'err');
    expect(JSON.parse(told[0])).toMatchObject({ output: ['cannot read model.bin'], failures: 5 });
    const { specializations } = await get('/autoscaler/stats');
    expect(specializations.exits.blocked).toContain(failure);
    expect(specializations.research.blocked).toBeNull();
    await until(async () => (await openAlerts()).length > 0);
    expect(await openAlerts()).toMatchObject([
      {
        name: 'start_blocked',
        specialization: 'exits',
        message: expect.stringContaining('5 starts failed'),
      },
    ]);
    await goesOn();
  },
  3 * PATIENCE_MS,
);

test(
  'agents wait for ports that other programs or other agents have, and the rest goes on',
  async () => {
    const first = world.firstPort + 100;
    const others = [await occupy(first), await occupy(first + 1)];
    const cramped = { ...faulty('cramped', OWN_AGENT), ports: [first, first + 1] as const };
    await start([research(), cramped], { ...UNWATCHED, min_agents_per_type: 3 });
    await goesOn();
    expect(await skippedOf('cramped')).toBe('ports exhausted');
    expect((await get('/autoscaler/stats')).specializations.cramped).toMatchObject({
      count: 0,
      blocked: 'ports exhausted',
    });
    await world.server.until(/cramped can start no agent: ports exhausted/, 'err');
    await until(async () => (await openAlerts()).length > 0);
    expect(await openAlerts()).toMatchObject([
      { name: 'start_blocked', specialization: 'cramped' },
    ]);

    await close(others[0]!);
    await check();
    // The one that always runs is the first to come.
    await phaseIs('cramped_1', 'available');
    expect(await agent('cramped_1')).toMatchObject({ protected: true });
    await close(others[1]!);
    await check();
    await phaseIs('cramped_2', 'available');
    expect(await skippedOf('cramped')).toBe('ports exhausted');
    expect(await running('cramped')).toEqual(['cramped_1', 'cramped_2']);
    await goesOn();
  },
  3 * PATIENCE_MS,
);

test(
  'a request that waits is served by an agent that is started for it',
  async () => {
    await start([research()]);
    await phaseIs('researcher_1', 'available');
    await phaseIs('primary', 'available');
    await post('/v1/leases', { tenant: 'a', specialization: 'research' });
    await post('/v1/leases', { tenant: 'b', specialization: 'primary' });
    const { ticket } = await post('/v1/leases', { tenant: 'c', specialization: 'research' });
    expect(ticket).toMatchObject({ state: 'queued' });
    expect(ofKind(await check(), 'research')).toEqual([
      'scale_up researcher_2 Utilization high: 1.00 > 0.90, 1 waiting',
    ]);
    const ticketNow = () => get(`/v1/tickets/${ticket.ticket_id}`);
    await until(async () => (await ticketNow()).state === 'granted');
    const { items } = await get('/v1/leases?tenant=c');
    expect(items).toMatchObject([{ agent_id: 'researcher_2' }]);
  },
  3 * PATIENCE_MS,
);

test(
  'an alert says how many agents that come by themselves are missing, and since when',
  async () => {
    await start([research()]);
    const agents = ['b1', 'b2', 'b3'].map((id) => ({ agent_id: id, specialization: 'bots' }));
    for (const body of agents) await post('/v1/agents', body);
    for (const tenant of ['a', 'b', 'c', 'd', 'e']) {
      await post('/v1/leases', { tenant, specialization: 'bots' });
    }
    await until(async () => (await openAlerts()).length > 0);
    const [alert] = await openAlerts();
    expect(alert).toMatchObject({
      name: 'utilization_high',
      specialization: 'bots',
      utilization: 1,
      queue_length: 2,
      wanted_agents: 2,
      // 5 slots in use are 90 % of 5.6.
      missing_agents: 3,
      message: expect.stringContaining('register more'),
    });
    expect(Date.parse(alert.since)).toBeLessThan(Date.parse(alert.opened_at));
    expect((await check()).actions).toEqual([]);
    expect((await get('/v1/agents?specialization=bots')).items).toHaveLength(3);
  },
  3 * PATIENCE_MS,
);

function research(): KindOfAgent {
  const first = world.firstPort;
  return {
    name: 'research',
    agentName: 'researcher',
    command: OWN_AGENT,
    ports: [first, first + 49],
  };
}

/** A specialization with agents that bear its name. */
function faulty(name: string, command: readonly string[]): KindOfAgent {
  const first = world.firstPort + 50;
  return { name, agentName: name, command, ports: [first, first + 49] };
}

/** The others are up, checked and used. */
async function goesOn(): Promise<void> {
  await phaseIs('researcher_1', 'available');
  const granted = await post('/v1/leases', { tenant: 'any', specialization: 'research' });
  expect(granted.leases).toMatchObject([{ agent_id: 'researcher_1' }]);
  const released = await fetch(`${world.url}/v1/leases/${granted.leases[0].lease_id}`, {
    method: 'DELETE',
  });
  expect(released.ok).toBe(true);
}

/** Why its starts have failed, the latest first. */
async function failuresOf(specialization: string): Promise<string[]> {
  const { events } = await get('/autoscaler/events?limit=1000');
  return (events as Scaling[])
    .filter((each) => each.type === 'scale_failed' && each.specialization === specialization)
    .map(({ reason }) => reason);
}

/** Why a check leaves it alone; empty if it does not. */
async function skippedOf(specialization: string): Promise<string> {
  const { skipped } = await check();
  const own = (skipped as Scaling[]).find((each) => each.specialization === specialization);
  return own?.reason ?? '';
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
async function openAlerts(): Promise<any[]> {
  const { items } = await get('/v1/alerts');
  return items.filter(({ state }: { state: string }) => state === 'open');
}

function numbersIn(file: string): number[] {
  const path = join(world.directory, file);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').trim().split('\n').map(Number);
}

/** Listens on a port until the test is over, or it is closed. */
async function occupy(port: number): Promise<Server> {
  const other = createServer();
  await new Promise<void>((resolve, reject) => {
    other.once('error', reject);
    other.listen(port, '127.0.0.1', resolve);
  });
  onTestFinished(() => close(other));
  return other;
}

function close(other: Server): Promise<void> {
  return new Promise((resolve) => other.close(() => resolve()));
}
