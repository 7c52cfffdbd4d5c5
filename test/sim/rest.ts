/** What must hold of a world at rest: what the pool knows, what was told, and what there is. */
import type { Pool } from '../../src/core/pool.ts';
import { liveRow } from './ledger.ts';
import type { World } from './world.ts';

/** Longer than the pool waits for an answer to its ping. */
const HELLO_TAKES_MS = 2_500;

/** Nothing is under way and nothing new goes wrong; what was cut off may not be noticed yet. */
export function checkRest(world: World, pool: Pool): void {
  world.checks.walk(pool);
  world.truth.equals(pool);
  checkRunners(world, pool);
  checkClients(world, pool);
}

/** A runner holds what its agents hold, and the pool knows who is there. */
function checkRunners(world: World, pool: Pool): void {
  const { violations, primary } = world;
  const { agents, hosting } = pool.state;
  const there = new Map<string, string>();
  const unclear = new Set<string>();
  const now = world.scheduler.clock.now();
  const hasSilent = [...primary.connections].some(({ isOpen, isSilent }) => !isOpen || isSilent);
  for (const { connection, others, agents: own, lastHelloAt } of world.runners) {
    // The pool waits for a runner that is silent, and with the hello waits what came after it.
    const mayWait = hasSilent && now - lastHelloAt < HELLO_TAKES_MS;
    if (mayWait) for (const { agent_id: id } of own) unclear.add(id);
    const all = [...others, ...(connection === null ? [] : [connection])];
    const isElsewhere = all.some(({ isSilent, server }) => isSilent || server !== primary.process);
    if (!isElsewhere && others.size === 0) continue;
    for (const { agent_id: id } of own) unclear.add(id);
  }
  for (const connection of primary.connections) {
    if (connection.isOpen && !connection.isSilent) continue;
    const runner = world.runners.find(({ process }) => process === connection.client);
    for (const { agent_id: id } of runner?.agents ?? []) unclear.add(id);
    // Its process may be another one by now.
    const name = connection.client.name;
    const namesake = world.runners.find(({ id }) => id === name);
    for (const { agent_id: id } of namesake?.agents ?? []) unclear.add(id);
  }
  for (const runner of world.runners) {
    for (const id of runner.hosted) {
      if (unclear.has(id)) continue;
      there.set(id, runner.id);
      const told = [...runner.held].filter(([, { agent }]) => agent === id);
      const mine = told.map(([lease, { token }]) => `${lease} ${token}`).sort();
      const leases = pool.leasesOf([id]).map(({ leaseId, token }) => `${leaseId} ${token}`);
      violations.check(
        mine.join() === leases.sort().join(),
        'a runner holds what its agents hold',
        () => `${id} of ${runner.id}: [${mine}] ≠ [${leases}]`,
      );
    }
  }
  for (let row = 0; row < agents.names.end; row++) {
    if (!agents.names.has(row)) continue;
    const id = agents.names.name(row);
    const isThere = hosting.runner(row) !== undefined && !agents.isAway(row);
    if (unclear.has(id)) continue;
    violations.check(
      isThere === there.has(id),
      'the pool knows which runners are there',
      () => `${id}: the pool has ${hosting.runner(row)} (${isThere}), there is ${there.get(id)}`,
    );
  }
}

/** A client that watches knows how its leases and tickets are. */
function checkClients(world: World, pool: Pool): void {
  const { violations, primary } = world;
  for (const client of world.clients) {
    const { connection } = client;
    if (connection === null || connection.isSilent || connection.server !== primary.process)
      continue;
    if (client.waiting > 0) continue;
    for (const [id, token] of client.leases) {
      if (client.releasing.has(id)) continue;
      const row = liveRow(pool, id);
      const present = row < 0 ? null : pool.state.leases.token(row);
      violations.check(
        present === token,
        'a client that watches is told',
        () => `${client.name} has ${id} under ${token}, the pool under ${present}`,
      );
    }
    for (const id of client.tickets) {
      violations.check(
        pool.ticket(id)?.state === 'queued',
        'a client that watches is told',
        () => `${client.name} waits for ${id}: ${JSON.stringify(pool.ticket(id))}`,
      );
    }
  }
}

/** All have gone, and nobody is waited for: nothing may be left. */
export function checkDrained(world: World, pool: Pool): void {
  const { violations, primary } = world;
  const { leases, queue } = pool.stats();
  violations.check(leases.total === 0, 'in the end nothing is held', () =>
    JSON.stringify(pool.leases({ limit: 50 }).items.filter(({ reason }) => reason === undefined)),
  );
  violations.check(queue.length === 0, 'in the end nobody waits', () => `${queue.length}`);
  const { away, unaccepted } = pool.state.hosting.dump();
  violations.check(away.length + unaccepted.length === 0, 'in the end no patience is pending', () =>
    JSON.stringify({ away, unaccepted }),
  );
  violations.check(primary.waiting === 0, 'in the end no call waits', () => `${primary.waiting}`);
  for (const runner of world.runners) {
    const { held, hosted } = runner;
    violations.check(held.size === 0, 'in the end no runner holds anything', () =>
      JSON.stringify([runner.id, [...held]]),
    );
    const isWhole = runner.isGone || hosted.size > 0 || isTaken(world, runner.id);
    violations.check(isWhole, 'in the end every runner is back', () => runner.id);
  }
  checkProcesses(world, pool);
}

/** Others host all of its agents. */
function isTaken({ runners }: World, id: string): boolean {
  const own = runners.find((runner) => runner.id === id);
  return (own?.agents ?? []).every(({ agent_id: agent }) =>
    runners.some((other) => other !== own && other.hosted.has(agent)),
  );
}

/** Each managed agent that is to run has one process, and no other agent has one. */
function checkProcesses({ violations, primary }: World, pool: Pool): void {
  const { processes } = primary.machine;
  const wanted = pool.fleetAgents().filter(({ isLost }) => !isLost);
  const ids = wanted.map(({ agentId }) => agentId).sort();
  const running = [...processes.keys()].sort();
  violations.check(
    ids.join() === running.join(),
    'in the end the journal says who runs',
    () => `registered [${ids}], running [${running}]`,
  );
  for (const { agentId, port } of wanted) {
    const process = processes.get(agentId);
    violations.check(
      process === undefined || process.launch.port === port,
      'in the end every process has its port',
      () => agentId,
    );
  }
}
