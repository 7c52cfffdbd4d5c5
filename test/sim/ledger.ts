/**
 * What events say, written down in the plainest form, and what must never be in them. It costs a
 * few look-ups an event, so it is kept after every command of every pool, and beside the journal.
 */
import type { Event } from '../../src/core/event.ts';
import type { PoolOptions } from '../../src/core/options.ts';
import type { Pool } from '../../src/core/pool.ts';
import { NONE } from '../../src/core/rows.ts';
import type { Violations } from './violation.ts';

interface Agent {
  slots: number;
  isProtected: boolean;
  isManaged: boolean;
  port: string | undefined;
  isStarting: boolean;
  isDraining: boolean;
  isAway: boolean;
  isLost: boolean;
  hasBudget: boolean;
  runner: string | undefined;
  readonly tenants: Set<string>;
}

interface Lease {
  readonly tenant: string;
  agent: string;
  token: number;
  since: number;
  state: 'allocated' | 'active' | 'idle';
  reportedAt: number;
}

const MOST_ANSWERS = 5_000;

export class Ledger {
  readonly agents = new Map<string, Agent>();
  readonly leases = new Map<string, Lease>();
  readonly held = new Map<string, number>();
  readonly waiting = new Map<string, { readonly tenant: string; readonly count: number }>();
  readonly wanted = new Map<string, number>();
  lastToken = 0;
  lastTicket = 0;
  readonly #options: PoolOptions;
  readonly #violations: Violations;
  readonly #keys = new Set<string>();

  constructor(options: PoolOptions, violations: Violations) {
    this.#options = options;
    this.#violations = violations;
  }

  /** Of a pool that is there already. */
  load({ state }: Pool): void {
    const { agents, hosting, leases, queue, tenants } = state;
    for (let row = 0; row < agents.names.end; row++) {
      if (!agents.names.has(row)) continue;
      this.agents.set(agents.names.name(row), {
        slots: agents.slots(row),
        isProtected: agents.isProtected(row),
        isManaged: agents.isManaged(row),
        port: agents.labels[row].port,
        isStarting: agents.isStarting(row),
        isDraining: agents.isDraining(row),
        isAway: agents.isAway(row),
        isLost: agents.health(row) === 0,
        hasBudget: agents.hasBudget(row),
        runner: hosting.runner(row),
        tenants: new Set(),
      });
    }
    for (let row = 0; row < leases.end; row++) {
      if (!leases.isLive(row)) continue;
      const tenant = tenants.names.name(leases.tenant(row));
      const agent = agents.names.name(leases.agent(row));
      const token = leases.token(row);
      const words = ['allocated', 'active', 'idle'] as const;
      this.leases.set(leases.id(row), {
        ...{ tenant, agent, token, since: leases.allocatedAt(row) },
        ...{ state: words[leases.state(row)], reportedAt: leases.activityAt(row) },
      });
      this.agents.get(agent)?.tenants.add(tenant);
      add(this.held, tenant, 1);
    }
    for (const lane of queue.lanes.values()) {
      for (const { number, tenantName, count } of queue.inLane(lane)) {
        this.waiting.set(`tkt-${number}`, { tenant: tenantName, count });
        add(this.wanted, tenantName, count);
      }
    }
    this.lastToken = state.lastToken;
    this.lastTicket = state.tickets.lastNumber;
  }

  follow(event: Event): void {
    switch (event.type) {
      case 'agent_registered':
      case 'agent_updated':
      case 'agent_draining':
      case 'agent_resumed':
      case 'agent_retired':
      case 'agent_starting':
      case 'agent_started':
      case 'agents_connected':
      case 'agents_disconnected':
      case 'agent_budget_changed':
      case 'agent_health_changed':
        this.#followAgent(event);
        return;
      case 'lease_granted':
      case 'lease_moved':
      case 'lease_reported':
      case 'lease_ended':
        this.#followLease(event);
        return;
      case 'ticket_queued': {
        const { ticket, tenant, count } = event;
        const number = Number(ticket.slice('tkt-'.length));
        this.#check(number > this.lastTicket, 'ticket numbers only grow', () => ticket);
        this.lastTicket = number;
        this.waiting.set(ticket, { tenant, count });
        add(this.wanted, tenant, count);
        this.#checkLimit(tenant);
        return;
      }
      case 'ticket_ended': {
        const ticket = this.waiting.get(event.ticket);
        this.#check(ticket !== undefined, 'a ticket ends exactly once', () => event.ticket);
        if (ticket === undefined) return;
        this.waiting.delete(event.ticket);
        add(this.wanted, ticket.tenant, -ticket.count);
        this.#checkLimit(ticket.tenant);
        return;
      }
      case 'answer_kept':
        this.#check(!this.#keys.has(event.key), 'one key, one answer', () => event.key);
        if (this.#keys.size < MOST_ANSWERS) this.#keys.add(event.key);
        return;
      case 'scaling_recorded': {
        const { kind, agent, replaces } = event;
        const leaves = kind === 'scale_down' ? agent : replaces;
        if (leaves === undefined || leaves === (kind === 'scale_down' ? '' : agent)) return;
        const isKept = this.agents.get(leaves)?.isProtected !== true;
        this.#check(isKept, 'protected agents are never removed by scaling', () => leaves);
        return;
      }
      default:
    }
  }

  /** The sums of the ledger are those of the pool. */
  compare({ state }: Pool): void {
    const { leases, agents, queue } = state;
    const mine = `${this.leases.size} ${this.agents.size} ${this.waiting.size} ${this.lastToken}`;
    const theirs = `${leases.live} ${agents.names.size} ${queue.length} ${state.lastToken}`;
    this.#check(mine === theirs, 'events say what the state says', () => `${mine} ≠ ${theirs}`);
    this.#check(agents.usedTotal === leases.live, 'used slots are live leases', () => theirs);
  }

  #followAgent(event: Extract<Event, { type: `agent${string}` }>): void {
    switch (event.type) {
      case 'agent_registered': {
        const { port } = event.labels;
        const twin = [...this.agents].find(([, { port: other }]) => other === port);
        this.#check(
          port === undefined || twin === undefined,
          'each port has one agent',
          () => `${event.agent} and ${twin?.[0]} have ${port}`,
        );
        const isManaged = event.managed === true;
        this.agents.set(event.agent, {
          ...{ slots: event.slots, isProtected: event.protected, isManaged, port },
          ...{ isStarting: isManaged, isDraining: false, isAway: false, isLost: false },
          ...{ hasBudget: true, runner: undefined, tenants: new Set() },
        });
        return;
      }
      case 'agents_connected':
        for (const id of event.agents) {
          const { runner } = event;
          Object.assign(this.#agent(id), { isAway: false, hasBudget: true, runner });
        }
        return;
      case 'agents_disconnected': {
        const hosted = [...this.agents].filter(([, { runner }]) => runner !== undefined);
        for (const id of event.agents ?? hosted.map(([name]) => name)) {
          this.#agent(id).isAway = true;
        }
        return;
      }
      case 'agent_retired':
        this.#check(
          this.#agent(event.agent).tenants.size === 0,
          'an agent leaves without leases',
          () => event.agent,
        );
        this.agents.delete(event.agent);
        return;
      default:
        this.#change(this.#agent(event.agent), event);
    }
  }

  #change(
    agent: Agent,
    event: Exclude<
      Extract<Event, { type: `agent_${string}` }>,
      { type: 'agent_registered' | 'agent_retired' }
    >,
  ): void {
    switch (event.type) {
      case 'agent_updated':
        agent.slots = event.slots ?? agent.slots;
        agent.isProtected = event.protected ?? agent.isProtected;
        return;
      case 'agent_draining':
        agent.isDraining = true;
        return;
      case 'agent_resumed':
        agent.isDraining = false;
        return;
      case 'agent_starting':
        agent.isStarting = true;
        agent.isLost = false;
        return;
      case 'agent_started':
        agent.isStarting = false;
        return;
      case 'agent_budget_changed':
        agent.hasBudget = event.available;
        return;
      case 'agent_health_changed':
        agent.isLost = event.health === 'unhealthy';
        if (event.cause === 'exit') agent.isStarting = false;
        if (event.cause === 'disconnect')
          Object.assign(agent, { isAway: false, runner: undefined });
        return;
    }
  }

  #followLease(event: Extract<Event, { type: `lease_${string}` }>): void {
    switch (event.type) {
      case 'lease_granted': {
        const { lease, tenant, agent, token, at } = event;
        this.#newToken(token, lease);
        this.#check(!this.leases.has(lease), 'a lease is granted once', () => lease);
        this.leases.set(lease, {
          ...{ tenant, agent, token, since: at, state: 'allocated', reportedAt: at },
        });
        this.#give(agent, tenant, lease);
        add(this.held, tenant, 1);
        // A ticket's lease is granted just before the ticket leaves the queue.
        if (event.ticket === undefined) this.#checkLimit(tenant);
        return;
      }
      case 'lease_moved': {
        const { lease: id, agent, token, at } = event;
        this.#newToken(token, id);
        const lease = this.#lease(id, event.type);
        if (lease === null) return;
        const { agent: from, tenant } = lease;
        if (from !== agent) {
          this.agents.get(from)?.tenants.delete(tenant);
          this.#give(agent, tenant, id);
        }
        Object.assign(lease, { agent, token, state: 'allocated', reportedAt: at });
        return;
      }
      case 'lease_reported': {
        const lease = this.#lease(event.lease, event.type);
        if (lease !== null) Object.assign(lease, { state: event.state, reportedAt: event.at });
        return;
      }
      case 'lease_ended': {
        const lease = this.#lease(event.lease, event.type);
        if (lease === null) return;
        this.#checkEnd(event.lease, lease, event.reason, event.at);
        this.leases.delete(event.lease);
        this.agents.get(lease.agent)?.tenants.delete(lease.tenant);
        add(this.held, lease.tenant, -1);
        return;
      }
      default:
    }
  }

  #checkEnd(id: string, { state, since }: Lease, reason: string, at: number): void {
    if (reason !== 'reclaimed') return;
    const held = at - since;
    const { minHoldMs } = this.#options.reclaim;
    this.#check(state === 'idle', 'active work is never taken', () => id);
    this.#check(held >= minHoldMs, 'no lease is taken before its time', () => `${id} ${held} ms`);
  }

  #give(id: string, tenant: string, lease: string): void {
    const agent = this.#agent(id);
    const { tenants, slots } = agent;
    const what = () => `${lease} on ${id}: ${JSON.stringify(agent)}`;
    this.#check(!tenants.has(tenant), 'an agent serves a tenant once', what);
    tenants.add(tenant);
    this.#check(tenants.size <= slots, 'an agent holds no more leases than slots', what);
    const isThere = !agent.isAway && !agent.isStarting && !agent.isLost && !agent.isDraining;
    this.#check(isThere && agent.hasBudget, 'only agents that are there get work', what);
  }

  #checkLimit(tenant: string): void {
    const count = (this.held.get(tenant) ?? 0) + (this.wanted.get(tenant) ?? 0);
    this.#check(
      count <= this.#options.maxAgentsPerTenant,
      'a tenant keeps to its limit',
      () => `${tenant} has ${count}`,
    );
  }

  #newToken(token: number, lease: string): void {
    const before = this.lastToken;
    this.#check(token > before, 'tokens only grow', () => `${lease}: ${token} after ${before}`);
    this.lastToken = token;
  }

  #agent(id: string): Agent {
    const agent = this.agents.get(id);
    if (agent !== undefined) return agent;
    this.#violations.add('events tell of registered agents', id);
    return { tenants: new Set() } as unknown as Agent;
  }

  #lease(id: string, what: string): Lease | null {
    const lease = this.leases.get(id);
    this.#check(lease !== undefined, 'a lease ends exactly once', () => `${what} of ${id}`);
    return lease ?? null;
  }

  #check(holds: boolean, invariant: string, detail: () => string): void {
    this.#violations.check(holds, invariant, detail);
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** The row of a live lease, or NONE. */
export function liveRow({ state }: Pool, id: string): number {
  const row = state.leases.find(id);
  return row !== NONE && state.leases.isLive(row) ? row : NONE;
}
