/**
 * The pool's books, kept a second time from its events alone. What must always hold is checked at
 * each event, against a ledger that shares no code with the core; what does not hold is counted and
 * named, never corrected.
 */
import type { Event } from '../../core/event.ts';

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

export interface LedgerLimits {
  readonly agents: number;
  readonly maxAgentsPerTenant: number;
}

/** Agents and tenants are called by numbers, so that the books are columns. */
export const agentName = (agent: number): string => `agent-${agent}`;
export const tenantName = (tenant: number): string => `tenant-${tenant}`;

const AGENT_PREFIX = 'agent-'.length;
const TENANT_PREFIX = 'tenant-'.length;
const NOBODY = -1;
const VIOLATIONS_NAMED = 10;

export class Ledger {
  readonly #limits: LedgerLimits;
  /** Where each live lease stands in the columns. */
  readonly #rows = new Map<string, number>();
  readonly #freeRows: number[] = [];
  readonly #tenant: number[] = [];
  readonly #agent: number[] = [];
  readonly #isIdle: boolean[] = [];
  /** The row of the lease that an agent works for. */
  readonly #rowOfAgent: Int32Array;
  readonly #isRegistered: Uint8Array;
  readonly #heldByTenant: Int32Array;
  readonly #tickets = new Set<string>();
  readonly #named: string[] = [];
  #violations = 0;
  #events = 0;
  #idle = 0;
  #lastToken = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(tenants: number, limits: LedgerLimits) {
    this.#limits = limits;
    this.#rowOfAgent = new Int32Array(limits.agents).fill(NOBODY);
    this.#isRegistered = new Uint8Array(limits.agents);
    this.#heldByTenant = new Int32Array(tenants);
  }

  get violations(): number {
    return this.#violations;
  }

  /** The first few, in words. */
  get named(): readonly string[] {
    return this.#named;
  }

  get events(): number {
    return this.#events;
  }

  /** Live leases, and those of them that are idle. */
  get live(): number {
    return this.#rows.size;
  }

  get idle(): number {
    return this.#idle;
  }

  get waiting(): number {
    return this.#tickets.size;
  }

  /** The tenant of a lease that is granted or ends; −1 with any other event. */
  note(event: Event): number {
    this.#events += 1;
    this.#expect(event.at >= this.#lastAt, 'time goes back', event);
    this.#lastAt = event.at;
    switch (event.type) {
      case 'lease_granted':
        return this.#granted(event);
      case 'lease_ended':
        return this.#ended(event);
      case 'lease_reported':
        this.#reported(event);
        break;
      case 'agent_registered':
        this.#registered(event);
        break;
      case 'ticket_queued':
        this.#expect(!this.#tickets.has(event.ticket), 'a ticket is queued twice', event);
        this.#tickets.add(event.ticket);
        break;
      case 'ticket_ended':
        this.#expect(this.#tickets.delete(event.ticket), 'a ticket ends that does not wait', event);
        break;
      case 'ticket_claimed':
        this.#expect(!this.#tickets.has(event.ticket), 'a ticket is claimed that waits', event);
        break;
      default:
        this.accuse('nothing of this kind can happen in a simulation', event);
    }
    return NOBODY;
  }

  /** Counts a violation that somebody else has noticed. */
  accuse(what: string, where: object): void {
    this.#violations += 1;
    if (this.#named.length < VIOLATIONS_NAMED)
      this.#named.push(`${what}: ${JSON.stringify(where)}`);
  }

  /** At the end: the pool's own count of live leases and of those who wait. */
  compare(pool: { readonly live: number; readonly waiting: number }): void {
    const own = { live: this.live, waiting: this.waiting };
    this.#expect(pool.live === own.live, 'the pool counts other leases than its events', own);
    this.#expect(pool.waiting === own.waiting, 'the pool counts other tickets', own);
  }

  #registered(event: Of<'agent_registered'>): void {
    const agent = numberIn(event.agent, AGENT_PREFIX);
    const isNew = this.#isRegistered[agent] === 0;
    this.#expect(isNew, 'an agent is registered that is none, or is there already', event);
    if (isNew) this.#isRegistered[agent] = 1;
  }

  #granted(event: Of<'lease_granted'>): number {
    const agent = numberIn(event.agent, AGENT_PREFIX);
    const tenant = numberIn(event.tenant, TENANT_PREFIX);
    this.#expect(event.token > this.#lastToken, 'a token does not grow', event);
    this.#lastToken = Math.max(this.#lastToken, event.token);
    this.#expect(!this.#rows.has(event.lease), 'a lease is granted twice', event);
    this.#expect(this.#isRegistered[agent] === 1, 'the agent does not exist', event);
    this.#expect(this.#rowOfAgent[agent] === NOBODY, 'the agent is not free', event);
    // All agents are alike: of the kind that a request gets which names none, and without tools.
    this.#expect(event.demand === undefined, 'the agent does not fit', event);
    const isAwaited = event.ticket === undefined || this.#tickets.has(event.ticket);
    this.#expect(isAwaited, 'the ticket does not wait', event);
    const held = (this.#heldByTenant[tenant] ?? Number.POSITIVE_INFINITY) + 1;
    this.#expect(held <= this.#limits.maxAgentsPerTenant, 'the tenant is over its limit', event);
    const row = this.#freeRows.pop() ?? this.#tenant.length;
    this.#tenant[row] = tenant;
    this.#agent[row] = agent;
    this.#isIdle[row] = false;
    this.#rows.set(event.lease, row);
    this.#rowOfAgent[agent] = row;
    this.#heldByTenant[tenant] = held;
    return tenant;
  }

  #reported({ lease, state }: Of<'lease_reported'>): void {
    const row = this.#rows.get(lease);
    this.#expect(row !== undefined, 'a lease is reported that does not live', { lease });
    if (row !== undefined) this.#setIdle(row, state === 'idle');
  }

  #ended({ lease, reason }: Of<'lease_ended'>): number {
    const row = this.#rows.get(lease);
    this.#expect(row !== undefined, 'a lease ends that does not live', { lease });
    if (row === undefined) return NOBODY;
    const isTaken = reason === 'reclaimed' || reason === 'idle_timeout';
    this.#expect(!isTaken || this.#isIdle[row]!, 'a lease in use is taken back', { lease, reason });
    this.#setIdle(row, false);
    const agent = this.#agent[row]!;
    if (this.#rowOfAgent[agent] === row) this.#rowOfAgent[agent] = NOBODY;
    const tenant = this.#tenant[row]!;
    this.#heldByTenant[tenant]! -= 1;
    this.#rows.delete(lease);
    this.#freeRows.push(row);
    return tenant;
  }

  #setIdle(row: number, isIdle: boolean): void {
    if (this.#isIdle[row] === isIdle) return;
    this.#isIdle[row] = isIdle;
    this.#idle += isIdle ? 1 : -1;
  }

  #expect(holds: boolean, what: string, where: object): void {
    if (holds) return;
    this.#violations += 1;
    if (this.#named.length < VIOLATIONS_NAMED)
      this.#named.push(`${what}: ${JSON.stringify(where)}`);
  }
}

/** The decimal number behind a prefix; NaN where there is none. */
function numberIn(name: string, prefix: number): number {
  let number = 0;
  for (let at = prefix; at < name.length; at++) {
    const digit = name.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = number * 10 + digit;
  }
  return name.length > prefix ? number : Number.NaN;
}
