/**
 * What must hold of a pool after every command, whatever was asked of it. The tables say the same
 * things in several ways, for speed; here each is counted again from the others. It costs a walk
 * over everything, so it is for tests and simulations.
 */
import { assert } from '../../src/core/assert.ts';
import { leaseDeadline } from '../../src/core/idle-policy.ts';
import { ALLOCATED, IDLE, RELEASED } from '../../src/core/leases.ts';
import { PRESSURE_RECHECK_MS } from '../../src/core/limits.ts';
import { AVAILABILITIES, READY } from '../../src/core/profiles.ts';
import { NONE } from '../../src/core/rows.ts';
import type { PoolState } from '../../src/core/state.ts';
import { PRIORITIES } from '../../src/core/words.ts';

/** What an earlier check has seen; some things must only grow. */
export interface Seen {
  lastToken: number;
  lastTicket: number;
  /** Tickets that have ended, and how. */
  readonly ended: Map<number, string>;
  /** Live leases and their tokens. */
  readonly tokens: Map<string, number>;
}

export function nothingSeen(): Seen {
  return { lastToken: 0, lastTicket: 0, ended: new Map(), tokens: new Map() };
}

export function checkInvariants(state: PoolState, seen: Seen): void {
  checkLeases(state, seen);
  checkAgents(state);
  checkIdleLists(state);
  checkQueue(state, seen);
  checkHosts(state);
}

function checkLeases(state: PoolState, seen: Seen): void {
  const { leases, agents, tenants } = state;
  const held = new Map<number, number>();
  const used = new Map<number, number>();
  const pairs = new Set<string>();
  const byState = [0, 0, 0, 0, 0];
  const tokens = new Map<string, number>();
  let live = 0;
  for (let row = 0; row < leases.end; row++) {
    if (!leases.isLive(row)) continue;
    live++;
    const name = leases.id(row);
    const agent = leases.agent(row);
    const tenant = leases.tenant(row);
    const token = leases.token(row);
    byState[leases.state(row)]++;
    assert(agents.names.has(agent), `${name} is a lease of a registered agent`);
    assert(tenants.names.has(tenant), `${name} is a lease of a known tenant`);
    assert(leases.find(name) === row, `${name} is found by its id`);
    assert(token > 0 && token <= state.lastToken, `the token of ${name} has been given out`);
    assert(token >= (seen.tokens.get(name) ?? 0), `the token of ${name} only grows`);
    assert(![...tokens.values()].includes(token), `the token of ${name} is given out once`);
    assert(!pairs.has(`${agent} ${tenant}`), `the agent of ${name} serves its tenant once`);
    pairs.add(`${agent} ${tenant}`);
    tokens.set(name, token);
    held.set(tenant, (held.get(tenant) ?? 0) + 1);
    used.set(agent, (used.get(agent) ?? 0) + 1);
    checkDeadline(state, row);
  }
  byState[RELEASED] = leases.byState[RELEASED];
  assert(live === leases.live, 'live leases are counted');
  assert(String(byState) === String([...leases.byState]), 'leases are counted by state');
  const limit = state.options.maxAgentsPerTenant;
  for (let tenant = 0; tenant < tenants.names.end; tenant++) {
    if (!tenants.names.has(tenant)) continue;
    const count = held.get(tenant) ?? 0;
    const name = tenants.names.name(tenant);
    assert(tenants.held(tenant) === count, `the leases of ${name} are counted`);
    assert(count + tenants.wanted(tenant) <= limit, `${name} keeps to its limit`);
    let listed = 0;
    for (let row = tenants.leaseHead(tenant); row !== NONE; row = leases.nextOfTenant(row)) {
      assert(leases.isLive(row) && leases.tenant(row) === tenant, `${name} has its own leases`);
      listed++;
    }
    assert(listed === count, `${name} has a list of all its leases`);
  }
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (!agents.names.has(agent)) continue;
    const count = used.get(agent) ?? 0;
    assert(agents.used(agent) === count, `the leases of ${agents.names.name(agent)} are counted`);
    let listed = 0;
    for (let row = agents.leaseHead(agent); row !== NONE; row = leases.nextOfAgent(row)) {
      assert(leases.isLive(row) && leases.agent(row) === agent, 'an agent lists its own leases');
      listed++;
    }
    assert(listed === count, 'an agent lists all its leases');
  }
  assert(agents.usedTotal === live, 'used slots are live leases');
  assert(state.lastToken >= seen.lastToken, 'tokens only grow');
  seen.lastToken = state.lastToken;
  seen.tokens.clear();
  for (const [name, token] of tokens) seen.tokens.set(name, token);
}

/** Under pressure a deadline moves as others come and go; it is looked at in time all the same. */
function checkDeadline(state: PoolState, row: number): void {
  const { leases, leaseDeadlines, now } = state;
  const name = leases.id(row);
  const deadline = leaseDeadline(state, row);
  const moves = state.options.idlePolicy === 'pressure' && leases.state(row) === IDLE;
  const latest = moves ? Math.max(deadline, now + PRESSURE_RECHECK_MS) : deadline;
  assert(Number.isFinite(deadline), `${name} has a deadline`);
  assert(leaseDeadlines.armedAt(row) <= latest, `${name} is looked at by its deadline`);
  assert(leaseDeadlines.nextAt <= leaseDeadlines.armedAt(row), 'the wheel is never late');
  assert(moves || deadline > now, `${name} has not outlived its deadline`);
}

function checkAgents(state: PoolState): void {
  const { agents, profiles } = state;
  let slots = 0;
  const counts = profiles.all.map(() => AVAILABILITIES.map(() => 0));
  const sums = profiles.all.map(() => ({ agents: 0, slots: 0, used: 0 }));
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (!agents.names.has(agent)) continue;
    const name = agents.names.name(agent);
    const { id } = agents.profile(agent);
    const availability = agents.availability(agent);
    counts[id][availability]++;
    slots += agents.slots(agent);
    sums[id].agents++;
    sums[id].slots += agents.slots(agent);
    sums[id].used += agents.used(agent);
    const full = agents.used(agent) >= agents.slots(agent);
    const isThere = !agents.isOffline(agent) && !agents.isAway(agent);
    const serves = isThere && !agents.isStarting(agent) && agents.hasBudget(agent);
    const fit = serves && !agents.isDraining(agent) && agents.health(agent) > 0;
    assert((availability === READY) === (fit && !full), `${name} is ready if it is fit and free`);
    const indexed = agents.readyClass(agent) !== NONE;
    assert(indexed === (availability === READY), `${name} is in the index if it is ready`);
    const leaving = agents.isRetiring(agent) && agents.used(agent) === 0;
    assert(!leaving, `${name} leaves with its last lease`);
  }
  for (const profile of profiles.all) {
    const { agents: all, slots: room, used } = sums[profile.id];
    assert(String(counts[profile.id]) === String([...profile.counts]), 'availability is counted');
    assert(profile.agents === all, 'the agents of a profile are counted');
    assert(profile.slots === room, 'the slots of a profile are counted');
    assert(profile.usedSlots === used, 'the used slots of a profile are counted');
  }
  assert(agents.slotsTotal === slots, 'slots are counted');
}

function checkIdleLists(state: PoolState): void {
  const { leases, idle, profiles, agents } = state;
  const listed = new Set<number>();
  for (const profile of profiles.all) {
    for (let priority = 0; priority < PRIORITIES.length; priority++) {
      let last = 0;
      for (const row of idle.list(profile.id, priority)) {
        const name = leases.id(row);
        assert(leases.isLive(row) && leases.state(row) === IDLE, `${name} is listed if idle`);
        assert(leases.priority(row) === priority, `${name} is listed by its priority`);
        assert(agents.profile(leases.agent(row)) === profile, `${name} is listed by profile`);
        assert(leases.activitySequence(row) > last, `${name} is listed after longer idle ones`);
        assert(!listed.has(row), `${name} is listed once`);
        last = leases.activitySequence(row);
        listed.add(row);
      }
    }
  }
  assert(listed.size === leases.byState[IDLE], 'every idle lease is listed');
}

function checkQueue(state: PoolState, seen: Seen): void {
  const { queue, tickets, tenants, leases, ticketDeadlines, now } = state;
  const wanted = new Map<number, number>();
  let waiting = 0;
  let groups = 0;
  for (const [key, lane] of queue.lanes) {
    let last = null;
    assert(lane.tickets.size > 0, 'a lane without tickets is forgotten');
    for (const ticket of queue.inLane(lane)) {
      const name = `ticket ${ticket.number}`;
      assert(ticket.state === 'queued', `${name} is in a lane because it waits`);
      assert(queue.laneOf(ticket) === lane && lane.key === key, `${name} is in its lane`);
      assert(last === null || queue.before(last, ticket), `${name} stands in order`);
      assert(ticketDeadlines.armedAt(ticket.row) <= ticket.expiresAt, `${name} expires in time`);
      assert(ticket.expiresAt > now, `${name} has not outlived its deadline`);
      assert(ticket.leases.length === 0, `${name} has no leases yet`);
      wanted.set(ticket.tenant, (wanted.get(ticket.tenant) ?? 0) + ticket.count);
      waiting++;
      if (ticket.count > 1) groups++;
      last = ticket;
    }
  }
  assert(queue.length === waiting, 'waiting tickets are counted');
  assert(queue.groups === groups, 'waiting groups are counted');
  for (let tenant = 0; tenant < tenants.names.end; tenant++) {
    if (!tenants.names.has(tenant)) continue;
    const count = wanted.get(tenant) ?? 0;
    assert(
      tenants.wanted(tenant) === count,
      `what ${tenants.names.name(tenant)} waits for is counted`,
    );
  }
  let queued = 0;
  for (const ticket of tickets.rows) {
    if (ticket === undefined) continue;
    const name = `ticket ${ticket.number}`;
    const before = seen.ended.get(ticket.number);
    if (ticket.state === 'queued') {
      queued++;
      assert(before === undefined, `${name} ends once`);
      continue;
    }
    assert(before === undefined || before === ticket.state, `${name} ends once`);
    seen.ended.set(ticket.number, ticket.state);
    const granted = ticket.state === 'granted' ? ticket.count : 0;
    assert(ticket.leases.length === granted, `${name} has all its leases or none`);
    if (ticket.state !== 'granted' || ticket.claimed) continue;
    const open = ticket.leases.some((id) => {
      const row = leases.find(id);
      return row !== NONE && leases.state(row) === ALLOCATED;
    });
    const armed = ticketDeadlines.armedAt(ticket.row) < Number.POSITIVE_INFINITY;
    assert(!open || armed, `${name} is taken back if nobody claims it`);
  }
  assert(queued === waiting, 'every ticket that waits is in a lane');
  assert(tickets.lastNumber >= seen.lastTicket, 'ticket numbers only grow');
  seen.lastTicket = tickets.lastNumber;
}

function checkHosts(state: PoolState): void {
  const { agents, hosts } = state;
  const leases = new Map<number, number>();
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (!agents.names.has(agent)) continue;
    const host = agents.host(agent);
    assert(hosts.id(agents.labels[agent]) === host, 'an agent is on the host that it names');
    leases.set(host, (leases.get(host) ?? 0) + agents.used(agent));
  }
  // Only packing counts what its hosts hold.
  if (state.options.selection !== 'pack') return;
  for (const [host, count] of leases) {
    assert(hosts.leases(host) === count, 'the leases of a host are counted');
  }
}
