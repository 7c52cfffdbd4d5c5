/**
 * The leases, live and lately ended. A row is two cache lines; a lease's id names its row and the
 * row's generation, so finding it needs no map and an old id never finds a newer lease.
 *
 * Each live lease is on two lists: its tenant's and its agent's. Ended ones wait in a queue, in
 * which they can still be read, until their row is needed again.
 */
import type { AgentTable } from './agents.ts';
import { assert } from './assert.ts';
import { EndedRows } from './ended-rows.ts';
import { HeldRequirements } from './held-requirements.ts';
import { leaseId, parseLeaseId } from './ids.ts';
import { MAX_LEASES } from './limits.ts';
import type { Requirement } from './profiles.ts';
import type { Purposes } from './purposes.ts';
import {
  allocateRows,
  type Columns,
  doubleColumn,
  doublesOf,
  grownRows,
  NONE,
  wordColumn,
} from './rows.ts';
import type { TenantTable } from './tenants.ts';
import type { Metadata } from './words.ts';

const WORDS = 32;
const DOUBLES = WORDS / 2;
// The first cache line: five doubles …
const TOKEN = 0;
const ALLOCATED_AT = 1;
const ACTIVITY_AT = 2;
const ENDS_AT = 3;
/** When the deadlines will look at this row; not durable. */
const LOOK_AT = 4;
// … and six 32-bit words.
const TENANT = 10;
const AGENT = 11;
const BITS = 12;
const GENERATION = 13;
const PURPOSE = 14;
const IDLE_TIMEOUT = 15;
// The second cache line: two doubles …
const ACTIVITY_SEQUENCE = 8;
const ENDED_AT = 9;
// … and the links of the lists that the lease is on.
const NEXT_OF_TENANT = 20;
const PREVIOUS_OF_TENANT = 21;
const NEXT_OF_AGENT = 22;
const PREVIOUS_OF_AGENT = 23;
const NEXT_IDLE = 24;
const PREVIOUS_IDLE = 25;
const REQUIREMENT = 26;
/** Of an ended lease: its number among the ended ones. */
const ENDED_NUMBER = 27;

// Bits of the word BITS.
const STATE_MASK = 7;
const REASON_SHIFT = 3;
const REASON_MASK = 15;
const WARM_BIT = 128;
const PRIORITY_SHIFT = 8;
const PRIORITY_MASK = 3;
const METADATA_BIT = 1024;

// Indices into LEASE_STATES.
export const ALLOCATED = 0;
export const ACTIVE = 1;
export const IDLE = 2;
export const RELEASED = 4;

export interface NewLease {
  readonly tenant: string;
  readonly agent: number;
  readonly token: number;
  readonly purpose: string;
  /** Index into PRIORITIES. */
  readonly priority: number;
  readonly warm: boolean;
  readonly idleTimeoutMs: number;
  readonly endsAt: number;
  readonly requirement: Requirement;
  readonly metadata: Metadata | undefined;
}

export interface EndedNames {
  readonly tenant: string;
  readonly agent: string;
}

export class LeaseTable {
  readonly #agents: AgentTable;
  readonly #tenants: TenantTable;
  readonly purposes: Purposes;
  #i32: Int32Array;
  #f64: Float64Array;
  readonly #requirements = new HeldRequirements();
  readonly #metadata = new Map<number, Metadata>();
  #capacity = 64;
  #rows = 0;
  readonly #ended: EndedRows;
  /** Live leases by index into LEASE_STATES. */
  readonly byState: Int32Array = new Int32Array(5);
  #activitySequence = 0;
  #idRow = NONE;
  #idGeneration = NONE;
  #id = '';

  constructor(agents: AgentTable, tenants: TenantTable, purposes: Purposes, endedKept: number) {
    this.#agents = agents;
    this.#tenants = tenants;
    this.purposes = purposes;
    this.#ended = new EndedRows(endedKept);
    this.#i32 = allocateRows(this.#capacity * WORDS);
    this.#f64 = doublesOf(this.#i32);
  }

  /** Live leases. */
  get live(): number {
    return this.#rows - this.#ended.count;
  }

  /** Rows in use, live or ended: 0 … end - 1. */
  get end(): number {
    return this.#rows;
  }

  /** The row that the next `add` will take. */
  nextRow(): number {
    const reusable = this.#ended.reusable(0);
    return reusable === NONE ? this.#rows : reusable;
  }

  nextGeneration(): number {
    const row = this.nextRow();
    return row === this.#rows ? 1 : this.generation(row) + 1;
  }

  add(lease: NewLease, tenant: number, now: number): number {
    const row = this.nextRow();
    const at = row * WORDS;
    if (row === this.#rows) {
      assert(row < MAX_LEASES, 'a lease id has room for its row');
      if (row >= this.#capacity) this.#grow();
      this.#rows++;
      this.#i32[at + GENERATION] = 0;
      this.#f64[row * DOUBLES + LOOK_AT] = Number.POSITIVE_INFINITY;
    } else {
      this.#ended.shift();
      this.purposes.drop(this.#i32[at + PURPOSE]);
      this.#requirements.drop(this.#i32[at + REQUIREMENT]);
      if (this.#i32[at + BITS] & METADATA_BIT) this.#metadata.delete(row);
    }
    const i32 = this.#i32;
    const f64 = this.#f64;
    f64[row * DOUBLES + TOKEN] = lease.token;
    f64[row * DOUBLES + ALLOCATED_AT] = now;
    f64[row * DOUBLES + ACTIVITY_AT] = now;
    f64[row * DOUBLES + ENDS_AT] = lease.endsAt;
    f64[row * DOUBLES + ACTIVITY_SEQUENCE] = ++this.#activitySequence;
    f64[row * DOUBLES + ENDED_AT] = 0;
    i32[at + TENANT] = tenant;
    i32[at + AGENT] = lease.agent;
    i32[at + BITS] = (lease.warm ? WARM_BIT : 0) | (lease.priority << PRIORITY_SHIFT) | ALLOCATED;
    i32[at + GENERATION]++;
    i32[at + PURPOSE] = this.purposes.hold(lease.purpose);
    i32[at + IDLE_TIMEOUT] = lease.idleTimeoutMs;
    i32[at + NEXT_IDLE] = NONE;
    i32[at + PREVIOUS_IDLE] = NONE;
    i32[at + REQUIREMENT] = this.#requirements.hold(lease.requirement);
    if (lease.metadata !== undefined) this.#keepMetadata(row, lease.metadata);
    this.byState[ALLOCATED]++;
    this.#linkToTenant(row, tenant);
    this.#linkToAgent(row, lease.agent);
    return row;
  }

  /** Reads the rows, so that they are loaded. */
  touch(rows: Int32Array, count: number): number {
    const i32 = this.#i32;
    let read = 0;
    for (let i = 0; i < count; i++) {
      const at = rows[i] * WORDS;
      read ^= i32[at] ^ i32[at + NEXT_IDLE];
    }
    return read;
  }

  /** The tenants and agents of leases. */
  partners(rows: Int32Array, count: number, tenants: Int32Array, agents: Int32Array): void {
    const i32 = this.#i32;
    for (let i = 0; i < count; i++) {
      const at = rows[i] * WORDS;
      tenants[i] = i32[at + TENANT];
      agents[i] = i32[at + AGENT];
    }
  }

  /** The row that the grant after `ahead` others will take, or NONE where it will be a new one. */
  reusedRow(ahead: number): number {
    return this.#ended.reusable(ahead);
  }

  /** Ends a live lease. `reason` is an index into END_REASONS. */
  finish(row: number, reason: number, now: number): void {
    const tenant = this.#tenants.names.name(this.tenant(row));
    const agent = this.#agents.names.name(this.agent(row));
    this.byState[this.state(row)]--;
    const at = row * WORDS + BITS;
    this.#i32[at] = (this.#i32[at] & ~STATE_MASK) | RELEASED | (reason << REASON_SHIFT);
    this.#f64[row * DOUBLES + ENDED_AT] = now;
    this.#unlinkFromTenant(row);
    this.#unlinkFromAgent(row);
    this.purposes.end(this.#i32[row * WORDS + PURPOSE]);
    this.#i32[row * WORDS + ENDED_NUMBER] = this.#ended.push(row, tenant, agent);
  }

  /** The lease goes on with another agent, from the start of its life cycle. */
  move(row: number, agent: number, token: number, warm: boolean, now: number): void {
    this.#unlinkFromAgent(row);
    this.setState(row, ALLOCATED, now);
    const at = row * WORDS;
    this.#i32[at + AGENT] = agent;
    this.#i32[at + BITS] = (this.#i32[at + BITS] & ~WARM_BIT) | (warm ? WARM_BIT : 0);
    this.#f64[row * DOUBLES + TOKEN] = token;
    this.#linkToAgent(row, agent);
  }

  /** Index into LEASE_STATES. */
  state(row: number): number {
    return this.#i32[row * WORDS + BITS] & STATE_MASK;
  }

  /** The one setter of a live lease's state: ALLOCATED, ACTIVE or IDLE; renews its activity. */
  setState(row: number, state: number, now: number): void {
    const at = row * WORDS + BITS;
    this.byState[this.#i32[at] & STATE_MASK]--;
    this.byState[state]++;
    this.#i32[at] = (this.#i32[at] & ~STATE_MASK) | state;
    this.#f64[row * DOUBLES + ACTIVITY_AT] = now;
    this.#f64[row * DOUBLES + ACTIVITY_SEQUENCE] = ++this.#activitySequence;
  }

  isLive(row: number): boolean {
    return row < this.#rows && this.state(row) !== RELEASED;
  }

  /** Index into END_REASONS, of an ended lease. */
  reason(row: number): number {
    return (this.#i32[row * WORDS + BITS] >> REASON_SHIFT) & REASON_MASK;
  }

  isWarm(row: number): boolean {
    return (this.#i32[row * WORDS + BITS] & WARM_BIT) !== 0;
  }

  priority(row: number): number {
    return (this.#i32[row * WORDS + BITS] >> PRIORITY_SHIFT) & PRIORITY_MASK;
  }

  generation(row: number): number {
    return this.#i32[row * WORDS + GENERATION];
  }

  tenant(row: number): number {
    return this.#i32[row * WORDS + TENANT];
  }

  agent(row: number): number {
    return this.#i32[row * WORDS + AGENT];
  }

  /** The public id. The last one is kept: an event and an answer mostly name the same lease. */
  id(row: number): string {
    const generation = this.generation(row);
    if (row !== this.#idRow || generation !== this.#idGeneration) {
      this.#idRow = row;
      this.#idGeneration = generation;
      this.#id = leaseId(row, generation);
    }
    return this.#id;
  }

  /** The row of an id, live or lately ended, or NONE. */
  find(id: string): number {
    const parsed = parseLeaseId(id);
    if (parsed === null || parsed.row >= this.#rows) return NONE;
    if (this.generation(parsed.row) !== parsed.generation) return NONE;
    this.#idRow = parsed.row;
    this.#idGeneration = parsed.generation;
    this.#id = id;
    return parsed.row;
  }

  tenantName(row: number): string {
    return this.state(row) === RELEASED
      ? this.#ended.tenant(this.#i32[row * WORDS + ENDED_NUMBER])
      : this.#tenants.names.name(this.tenant(row));
  }

  agentName(row: number): string {
    return this.state(row) === RELEASED
      ? this.#ended.agent(this.#i32[row * WORDS + ENDED_NUMBER])
      : this.#agents.names.name(this.agent(row));
  }

  token(row: number): number {
    return this.#f64[row * DOUBLES + TOKEN];
  }

  allocatedAt(row: number): number {
    return this.#f64[row * DOUBLES + ALLOCATED_AT];
  }

  activityAt(row: number): number {
    return this.#f64[row * DOUBLES + ACTIVITY_AT];
  }

  /** Orders leases by their last activity; no two are equal. */
  activitySequence(row: number): number {
    return this.#f64[row * DOUBLES + ACTIVITY_SEQUENCE];
  }

  /** Infinity without a lifetime. */
  endsAt(row: number): number {
    return this.#f64[row * DOUBLES + ENDS_AT];
  }

  endedAt(row: number): number {
    return this.#f64[row * DOUBLES + ENDED_AT];
  }

  lookAt(row: number): number {
    return this.#f64[row * DOUBLES + LOOK_AT];
  }

  setLookAt(row: number, at: number): void {
    this.#f64[row * DOUBLES + LOOK_AT] = at;
  }

  idleTimeout(row: number): number {
    return this.#i32[row * WORDS + IDLE_TIMEOUT];
  }

  purpose(row: number): string {
    return this.purposes.name(this.#i32[row * WORDS + PURPOSE]);
  }

  requirement(row: number): Requirement {
    return this.#requirements.get(this.#i32[row * WORDS + REQUIREMENT]);
  }

  metadata(row: number): Metadata | undefined {
    return this.#i32[row * WORDS + BITS] & METADATA_BIT ? this.#metadata.get(row) : undefined;
  }

  nextOfTenant(row: number): number {
    return this.#i32[row * WORDS + NEXT_OF_TENANT];
  }

  nextOfAgent(row: number): number {
    return this.#i32[row * WORDS + NEXT_OF_AGENT];
  }

  nextIdle(row: number): number {
    return this.#i32[row * WORDS + NEXT_IDLE];
  }

  previousIdle(row: number): number {
    return this.#i32[row * WORDS + PREVIOUS_IDLE];
  }

  setNextIdle(row: number, next: number): void {
    this.#i32[row * WORDS + NEXT_IDLE] = next;
  }

  setPreviousIdle(row: number, previous: number): void {
    this.#i32[row * WORDS + PREVIOUS_IDLE] = previous;
  }

  columns(): Columns {
    const word = (offset: number) => wordColumn(this.#i32, this.#rows, WORDS, offset);
    const double = (offset: number) => doubleColumn(this.#f64, this.#rows, DOUBLES, offset);
    return {
      token: double(TOKEN),
      allocated_at: double(ALLOCATED_AT),
      activity_at: double(ACTIVITY_AT),
      ends_at: double(ENDS_AT),
      activity_sequence: double(ACTIVITY_SEQUENCE),
      ended_at: double(ENDED_AT),
      tenant: word(TENANT),
      agent: word(AGENT),
      bits: word(BITS),
      generation: word(GENERATION),
      idle_timeout: word(IDLE_TIMEOUT),
      ended: this.#ended.inOrder(),
    };
  }

  /** Takes what `columns` gave, with each row's purpose, requirement and metadata. */
  loadColumns(
    columns: Columns,
    purpose: (row: number) => string,
    requirement: (row: number) => Requirement,
    metadata: (row: number) => Metadata | undefined,
    endedNames: (row: number) => EndedNames,
  ): void {
    const rows = columns.token.length;
    while (this.#capacity < rows) this.#grow();
    this.#rows = rows;
    const order: number[] = [];
    for (let row = 0; row < rows; row++) {
      const at = row * WORDS;
      const i32 = this.#i32;
      const f64 = this.#f64;
      f64[row * DOUBLES + TOKEN] = columns.token[row];
      f64[row * DOUBLES + ALLOCATED_AT] = columns.allocated_at[row];
      f64[row * DOUBLES + ACTIVITY_AT] = columns.activity_at[row];
      f64[row * DOUBLES + ENDS_AT] = columns.ends_at[row];
      f64[row * DOUBLES + ACTIVITY_SEQUENCE] = columns.activity_sequence[row];
      f64[row * DOUBLES + ENDED_AT] = columns.ended_at[row];
      i32[at + TENANT] = columns.tenant[row];
      i32[at + AGENT] = columns.agent[row];
      i32[at + BITS] = columns.bits[row];
      i32[at + GENERATION] = columns.generation[row];
      i32[at + IDLE_TIMEOUT] = columns.idle_timeout[row];
      i32[at + PURPOSE] = this.purposes.hold(purpose(row));
      i32[at + NEXT_IDLE] = NONE;
      i32[at + PREVIOUS_IDLE] = NONE;
      this.#activitySequence = Math.max(this.#activitySequence, columns.activity_sequence[row]);
      f64[row * DOUBLES + LOOK_AT] = Number.POSITIVE_INFINITY;
      i32[at + REQUIREMENT] = this.#requirements.hold(requirement(row));
      const data = metadata(row);
      if (data !== undefined) this.#keepMetadata(row, data);
      if (this.state(row) === RELEASED) this.purposes.end(i32[at + PURPOSE]);
      else order.push(row);
    }
    for (const row of columns.ended) {
      const { tenant, agent } = endedNames(row);
      this.#i32[row * WORDS + ENDED_NUMBER] = this.#ended.push(row, tenant, agent);
    }
    // Lists run from the newest lease to the oldest; tokens grow with every grant.
    order.sort((a, b) => this.token(a) - this.token(b));
    for (const row of order) {
      this.byState[this.state(row)]++;
      this.#linkToTenant(row, this.tenant(row));
      this.#linkToAgent(row, this.agent(row));
    }
  }

  #keepMetadata(row: number, metadata: Metadata): void {
    this.#i32[row * WORDS + BITS] |= METADATA_BIT;
    this.#metadata.set(row, metadata);
  }

  #linkToTenant(row: number, tenant: number): void {
    const head = this.#tenants.leaseHead(tenant);
    this.#i32[row * WORDS + NEXT_OF_TENANT] = head;
    this.#i32[row * WORDS + PREVIOUS_OF_TENANT] = NONE;
    if (head !== NONE) this.#i32[head * WORDS + PREVIOUS_OF_TENANT] = row;
    this.#tenants.setLeaseHead(tenant, row);
    this.#tenants.addHeld(tenant, 1);
  }

  #unlinkFromTenant(row: number): void {
    const tenant = this.tenant(row);
    const next = this.#i32[row * WORDS + NEXT_OF_TENANT];
    const previous = this.#i32[row * WORDS + PREVIOUS_OF_TENANT];
    if (previous === NONE) this.#tenants.setLeaseHead(tenant, next);
    else this.#i32[previous * WORDS + NEXT_OF_TENANT] = next;
    if (next !== NONE) this.#i32[next * WORDS + PREVIOUS_OF_TENANT] = previous;
    this.#tenants.addHeld(tenant, -1);
  }

  #linkToAgent(row: number, agent: number): void {
    const head = this.#agents.leaseHead(agent);
    this.#i32[row * WORDS + NEXT_OF_AGENT] = head;
    this.#i32[row * WORDS + PREVIOUS_OF_AGENT] = NONE;
    if (head !== NONE) this.#i32[head * WORDS + PREVIOUS_OF_AGENT] = row;
    this.#agents.setLeaseHead(agent, row);
    this.#agents.addUsed(agent, 1);
  }

  #unlinkFromAgent(row: number): void {
    const agent = this.agent(row);
    const next = this.#i32[row * WORDS + NEXT_OF_AGENT];
    const previous = this.#i32[row * WORDS + PREVIOUS_OF_AGENT];
    if (previous === NONE) this.#agents.setLeaseHead(agent, next);
    else this.#i32[previous * WORDS + NEXT_OF_AGENT] = next;
    if (next !== NONE) this.#i32[next * WORDS + PREVIOUS_OF_AGENT] = previous;
    this.#agents.addUsed(agent, -1);
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#i32 = grownRows(this.#i32, this.#capacity * WORDS);
    this.#f64 = doublesOf(this.#i32);
  }
}
