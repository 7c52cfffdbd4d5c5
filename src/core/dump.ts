/**
 * A pool taken apart into named columns and lists, and put together again. Only what is durable
 * is in it: the ready index, the idle lists, the queue's lanes and the deadlines are rebuilt.
 * The host turns it into bytes. A new field needs a default here for dumps that lack it.
 */
import type { Answer } from './answers.ts';
import type { Demand } from './event.ts';
import { claimDeadline } from './facts.ts';
import type { HostingDump } from './hosting.ts';
import { nextLook } from './idle-policy.ts';
import { IDLE, RELEASED } from './leases.ts';
import type { Columns } from './rows.ts';
import type { ScalingDump } from './scaling.ts';
import type { PoolState } from './state.ts';
import type { Ticket } from './tickets.ts';
import type { Labels, Metadata, TicketState, Tier } from './words.ts';
import { TIERS } from './words.ts';

export interface PoolDump {
  readonly version: 1;
  readonly columns: { readonly [table: string]: Columns };
  /** Names by row; an empty row has none. */
  readonly names: { readonly [table: string]: readonly (string | undefined)[] };
  readonly data: DumpData;
}

interface DumpData {
  readonly now: number;
  readonly lastToken: number;
  readonly lastTicket: number;
  readonly freeAgents: readonly number[];
  readonly freeTenants: readonly number[];
  readonly profiles: readonly {
    readonly specialization: string;
    readonly tools: readonly string[];
    readonly tier: Tier;
    readonly costPerHour: number;
    readonly multi: boolean;
  }[];
  readonly labels: readonly Labels[];
  readonly credentials: readonly (readonly [agent: number, credential: string])[];
  readonly demands: readonly Demand[];
  readonly metadata: readonly (readonly [lease: number, metadata: Metadata])[];
  readonly waiting: readonly SavedTicket[];
  readonly ended: readonly SavedTicket[];
  readonly answers: readonly Answer[];
  /** Absent in dumps of versions without an autoscaler. */
  readonly scaling?: ScalingDump;
  /** Absent in dumps of versions without agent sockets. */
  readonly hosting?: HostingDump;
}

type SavedTicket = Omit<Ticket, 'requirement' | 'row'> & {
  readonly demand: Demand;
  readonly state: TicketState;
};

/** Gives each distinct value a number, in the order of first appearance. */
class Numbering<T> {
  readonly values: T[] = [];
  readonly #numbers = new Map<unknown, number>();

  of(value: T, key: unknown = value): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.values.length;
      this.values.push(value);
      this.#numbers.set(key, number);
    }
    return number;
  }
}

export function dump(state: PoolState): PoolDump {
  const { agents, tenants, leases, memberships, tickets, profiles } = state;
  const labels = new Numbering<Labels>();
  const labelsOf = new Int32Array(agents.names.end);
  const credentials: [number, string][] = [];
  for (let agent = 0; agent < labelsOf.length; agent++) {
    if (!agents.names.has(agent)) continue;
    labelsOf[agent] = labels.of(agents.labels[agent]);
    const credential = agents.credentials[agent];
    if (credential !== undefined) credentials.push([agent, credential]);
  }
  const demands = new Numbering<Demand>();
  const purposes = new Numbering<string>();
  const names = new Numbering<string>();
  const demandOf = new Int32Array(leases.end);
  const purposeOf = new Int32Array(leases.end);
  const endedTenant = new Int32Array(leases.end);
  const endedAgent = new Int32Array(leases.end);
  const metadata: [number, Metadata][] = [];
  for (let row = 0; row < leases.end; row++) {
    const requirement = leases.requirement(row);
    demandOf[row] = demands.of(requirement.demand, requirement.key);
    purposeOf[row] = purposes.of(leases.purpose(row));
    const data = leases.metadata(row);
    if (data !== undefined) metadata.push([row, data]);
    if (leases.state(row) !== RELEASED) continue;
    endedTenant[row] = names.of(leases.tenantName(row));
    endedAgent[row] = names.of(leases.agentName(row));
  }
  const pairs = [...memberships.pairs()];
  const { waiting, ended } = tickets.inOrder();
  return {
    version: 1,
    columns: {
      agents: { ...agents.columns(), labels: labelsOf },
      tenants: tenants.columns(),
      leases: {
        ...leases.columns(),
        demand: demandOf,
        purpose: purposeOf,
        ended_tenant: endedTenant,
        ended_agent: endedAgent,
      },
      memberships: {
        agent: Int32Array.from(pairs, ([agent]) => agent),
        tenant: Int32Array.from(pairs, ([, tenant]) => tenant),
      },
    },
    names: {
      agents: agents.names.dump().names,
      tenants: tenants.names.dump().names,
      purposes: purposes.values,
      ended: names.values,
    },
    data: {
      now: state.factAt,
      lastToken: state.lastToken,
      lastTicket: tickets.lastNumber,
      freeAgents: agents.names.dump().free,
      freeTenants: tenants.names.dump().free,
      profiles: profiles.all.map((profile) => ({
        specialization: profile.specialization,
        tools: profile.tools,
        tier: TIERS[profile.tier],
        costPerHour: profile.costPerHour,
        multi: profile.multi,
      })),
      labels: labels.values,
      credentials,
      demands: demands.values,
      metadata,
      waiting: waiting.map(saved),
      ended: ended.map(saved),
      answers: state.answers.all(),
      scaling: state.scaling.dump(),
      hosting: state.hosting.dump(),
    },
  };
}

function saved(ticket: Ticket): SavedTicket {
  const { requirement, row: _row, ...rest } = ticket;
  return { ...rest, demand: requirement.demand };
}

export function restore(state: PoolState, from: PoolDump): void {
  const { agents, tenants, leases, hosts, memberships, tickets, profiles } = state;
  const { columns, names, data } = from;
  state.now = data.now;
  state.factAt = data.now;
  state.lastToken = data.lastToken;
  for (const p of data.profiles) {
    profiles.profile(p.specialization, p.tools, p.tier, p.costPerHour, p.multi);
  }

  agents.names.load(names.agents, data.freeAgents);
  const labels = data.labels.map((each) => hosts.shared(each));
  agents.loadColumns(columns.agents);
  for (let agent = 0; agent < names.agents.length; agent++) {
    if (!agents.names.has(agent)) continue;
    agents.setLabels(agent, labels[columns.agents.labels[agent]]);
    const host = hosts.id(agents.labels[agent]);
    agents.setHost(agent, host);
    hosts.add(host, agent);
  }
  for (const [agent, credential] of data.credentials) agents.credentials[agent] = credential;

  tenants.names.load(names.tenants, data.freeTenants);
  tenants.loadColumns(columns.tenants);

  const metadata = new Map(data.metadata);
  const requirements = data.demands.map((demand) => profiles.requirement(demand));
  const lease = columns.leases;
  leases.loadColumns(
    lease,
    (row) => names.purposes[lease.purpose[row]] as string,
    (row) => requirements[lease.demand[row]],
    (row) => metadata.get(row),
    (row) => ({
      tenant: names.ended[lease.ended_tenant[row]] as string,
      agent: names.ended[lease.ended_agent[row]] as string,
    }),
  );
  const pairs = columns.memberships;
  for (let i = 0; i < pairs.agent.length; i++) {
    memberships.add(pairs.agent[i], pairs.tenant[i]);
    tenants.addMembers(pairs.tenant[i], 1);
  }
  state.ready.restore(state.now);
  restoreDeadlines(state);
  restoreTickets(state, data);
  tickets.lastNumber = data.lastTicket;
  for (const answer of data.answers) state.answers.keep(answer);
  if (data.scaling !== undefined) state.scaling.restore(data.scaling);
  if (data.hosting !== undefined) state.hosting.restore(data.hosting);
}

function restoreDeadlines(state: PoolState): void {
  const { agents, leases, ready, idle } = state;
  const idleRows: number[] = [];
  for (let row = 0; row < leases.end; row++) {
    if (!leases.isLive(row)) continue;
    if (ready.packing) ready.addLeases(agents.host(leases.agent(row)), 1);
    state.lookAtLease(row, nextLook(state, row, state.now));
    if (leases.state(row) === IDLE) idleRows.push(row);
  }
  idleRows.sort((a, b) => leases.activitySequence(a) - leases.activitySequence(b));
  for (const row of idleRows) idle.add(row);
}

function restoreTickets(state: PoolState, data: DumpData): void {
  const { tickets, queue, ticketDeadlines, profiles } = state;
  const revive = ({ demand, ...rest }: SavedTicket): Ticket => {
    const ticket = {
      ...rest,
      leases: [...rest.leases],
      requirement: profiles.requirement(demand),
      row: tickets.nextRow(),
    };
    tickets.add(ticket);
    return ticket;
  };
  for (const each of data.ended) {
    const ticket = revive(each);
    tickets.end(ticket);
    if (ticket.state === 'granted' && !ticket.claimed) {
      ticketDeadlines.arm(ticket.row, claimDeadline(ticket));
    }
  }
  for (const each of data.waiting) {
    const ticket = revive(each);
    queue.add(ticket);
    ticketDeadlines.arm(ticket.row, ticket.expiresAt);
  }
}
