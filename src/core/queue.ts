/**
 * Who waits for what. There is a lane for each distinct requirement, so a request that nobody can
 * serve now never stands before one that somebody can. Within a lane: rank (priority, purpose and
 * age, see tickets.ts), then the tenant that holds fewest agents, then arrival.
 *
 * Where membership is required each tenant has its own candidates, and so its own lane.
 */
import type { Requirement } from './profiles.ts';
import { RankedList } from './ranked-list.ts';
import { NONE } from './rows.ts';
import type { TenantTable } from './tenants.ts';
import type { Ticket, TicketTable } from './tickets.ts';

export interface Lane {
  readonly key: string;
  readonly requirement: Requirement;
  /** The tenant it is for, where membership is required; else NONE. */
  readonly tenant: number;
  readonly tickets: RankedList;
  /** Those of them that want more than one agent. */
  readonly groups: RankedList;
}

/** What decides a ticket's place: a request that is not a ticket yet has all of it too. */
export type Place = Pick<Ticket, 'rank' | 'tenant' | 'number'>;

export class Queue {
  readonly #tickets: TicketTable;
  readonly #tenants: TenantTable;
  readonly #byTenant: boolean;
  readonly lanes: Map<string, Lane> = new Map();
  readonly #ticketsOfTenant = new Map<number, Ticket[]>();
  #length = 0;
  /** Waiting tickets for more than one agent. */
  groups = 0;

  constructor(tickets: TicketTable, tenants: TenantTable, laneByTenant: boolean) {
    this.#tickets = tickets;
    this.#tenants = tenants;
    this.#byTenant = laneByTenant;
  }

  get length(): number {
    return this.#length;
  }

  add(ticket: Ticket): void {
    const key = this.#key(ticket);
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = {
        key,
        requirement: ticket.requirement,
        tenant: this.#byTenant ? ticket.tenant : NONE,
        tickets: new RankedList((a, b) => this.before(this.#at(a), this.#at(b))),
        groups: new RankedList((a, b) => this.before(this.#at(a), this.#at(b))),
      };
      this.lanes.set(key, lane);
    }
    enter(lane, ticket);
    this.#length++;
    if (ticket.count > 1) this.groups++;
    const others = this.#ticketsOfTenant.get(ticket.tenant);
    if (others === undefined) this.#ticketsOfTenant.set(ticket.tenant, [ticket]);
    else others.push(ticket);
    this.#tenants.addWanted(ticket.tenant, ticket.count);
  }

  remove(ticket: Ticket): void {
    const lane = this.laneOf(ticket);
    leave(lane, ticket);
    if (lane.tickets.size === 0) this.lanes.delete(lane.key);
    this.#length--;
    if (ticket.count > 1) this.groups--;
    const others = this.ticketsOf(ticket.tenant).filter((other) => other !== ticket);
    if (others.length === 0) this.#ticketsOfTenant.delete(ticket.tenant);
    else this.#ticketsOfTenant.set(ticket.tenant, others);
    this.#tenants.addWanted(ticket.tenant, -ticket.count);
  }

  /** Around each change of what a tenant holds: its waiting tickets leave their lanes … */
  beforeHolding(tenant: number): void {
    const tickets = this.#ticketsOfTenant.get(tenant);
    if (tickets === undefined) return;
    for (const ticket of tickets) leave(this.laneOf(ticket), ticket);
  }

  /** … and come back to where they belong then. */
  afterHolding(tenant: number): void {
    const tickets = this.#ticketsOfTenant.get(tenant);
    if (tickets === undefined) return;
    for (const ticket of tickets) enter(this.laneOf(ticket), ticket);
  }

  ticketsOf(tenant: number): readonly Ticket[] {
    return this.#ticketsOfTenant.get(tenant) ?? [];
  }

  laneOf(ticket: Ticket): Lane {
    return this.lanes.get(this.#key(ticket)) as Lane;
  }

  /** 1 for the next of its lane. */
  position(ticket: Ticket): number {
    return this.laneOf(ticket).tickets.rank(ticket.row) + 1;
  }

  /** The position that a ticket would get if it were added now. */
  positionOf(draft: Ticket): number {
    const lane = this.lanes.get(this.#key(draft));
    let position = 1;
    if (lane === undefined) return position;
    for (const ticket of this.inLane(lane)) {
      if (this.before(draft, ticket)) break;
      position++;
    }
    return position;
  }

  before(a: Place, b: Place): boolean {
    if (a.rank !== b.rank) return a.rank > b.rank;
    const held = this.#held(a) - this.#held(b);
    return held !== 0 ? held < 0 : a.number < b.number;
  }

  head(lane: Lane): Ticket {
    return this.#at(lane.tickets.first());
  }

  /** The lane's first group; it collects, whoever stands before it. */
  firstGroup(lane: Lane): Ticket | null {
    return lane.groups.size === 0 ? null : this.#at(lane.groups.first());
  }

  *inLane(lane: Lane): IterableIterator<Ticket> {
    for (const row of lane.tickets) yield this.#at(row);
  }

  #held(ticket: Place): number {
    return ticket.tenant === NONE ? 0 : this.#tenants.held(ticket.tenant);
  }

  #at(row: number): Ticket {
    return this.#tickets.rows[row] as Ticket;
  }

  #key(ticket: Ticket): string {
    return this.#byTenant ? `${ticket.tenant} ${ticket.requirement.key}` : ticket.requirement.key;
  }
}

function enter(lane: Lane, ticket: Ticket): void {
  lane.tickets.add(ticket.row);
  if (ticket.count > 1) lane.groups.add(ticket.row);
}

function leave(lane: Lane, ticket: Ticket): void {
  lane.tickets.delete(ticket.row);
  if (ticket.count > 1) lane.groups.delete(ticket.row);
}
