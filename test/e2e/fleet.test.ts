/** Real agent processes: started, scaled, replaced, adopted and stopped by the server. */
import { expect, test } from 'vitest';
import {
  agent,
  check,
  get,
  isAlive,
  isGone,
  OWN_AGENT,
  ofKind,
  PATIENCE_MS,
  phaseIs,
  pidOf,
  post,
  run,
  running,
  setLoad,
  start,
  until,
  useWorlds,
  world,
} from './fleet-world.ts';

/** Set REMUDA_FLEET_SIZE=50 for the figures of docs/internals/performance.md. */
const FLEET_SIZE = Number(process.env.REMUDA_FLEET_SIZE ?? 8);

useWorlds();

test(
  'a third researcher starts on the next port when two are busy',
  async () => {
    await startThree();
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
    expect((await agent('researcher_3')).labels.port).toBe(String(world.firstPort + 2));
  },
  PATIENCE_MS,
);

test(
  'the least loaded executor leaves, and the core one stays',
  async () => {
    await startThree();
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
    await startThree();
    await setLoad('analyst_1', 0.9);
    await check();
    await phaseIs('analyst_2', 'available');
    await setLoad('analyst_1', 0.5);
    await post('/v1/leases', { tenant: 'a', specialization: 'analysis' });
    await post('/v1/leases', { tenant: 'b', specialization: 'analysis' });
    const [held] = (await get('/v1/leases?agent_id=analyst_2')).items;
    process.kill(pidOf('analyst_2'), 'SIGSTOP');
    // A check in between would count the pauses of the others too, on a machine that is busy.
    await until(async () => {
      const { last_heartbeat_at: heardAt } = await agent('analyst_2');
      return Date.now() - Date.parse(heardAt) > 1_100;
    });
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
  'many are replaced when they are killed, and adopted when the manager is',
  async () => {
    await start([{ name: 'research', agentName: 'researcher', ports: portsOf(0) }], {
      min_agents_per_type: FLEET_SIZE,
      max_agents_per_type: FLEET_SIZE,
    });
    await phaseIs('researcher_1', 'available');
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
    world.server.child.kill('SIGKILL');
    await world.server.exit;
    await run();
    await until(async () => (await running('research')).length === FLEET_SIZE);
    expect(ids.map(pidOf)).toEqual(pids);
    expect(pids.every(isAlive)).toBe(true);
    expect(await running('research')).toEqual(ids);
    if (FLEET_SIZE >= 50) console.log(`${FLEET_SIZE} agents up in ${upMs} ms`);

    world.server.child.kill('SIGTERM');
    await world.server.exit;
    expect(pids.filter(isAlive)).toEqual([]);
  },
  3 * PATIENCE_MS,
);

/** The ports of the nth specialization. */
function portsOf(nth: number): [number, number] {
  const first = world.firstPort + nth * 75;
  return [first, first + 74];
}

async function startThree(): Promise<void> {
  const kinds = [
    ['research', 'researcher'],
    ['execution', 'executor'],
    ['analysis', 'analyst'],
  ] as const;
  await start(
    kinds.map(([name, agentName], nth) => {
      return { name, agentName, command: OWN_AGENT, ports: portsOf(nth) };
    }),
  );
  for (const [, agentName] of kinds) await phaseIs(`${agentName}_1`, 'available');
}
