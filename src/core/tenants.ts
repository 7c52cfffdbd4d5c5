/**
 * The tenants: what they hold, what they wait for, and which agents are still warm for them. One
 * row is a cache line of 64 bytes; there may be millions.
 *
 * Warmth is a binding between a tenant and an agent it had. It outlives the lease, and it ends
 * when so many others have been granted the agent since that none of its slots can still know
 * the tenant: for an agent with one slot, as soon as somebody else takes it.
 */
import type { AgentTable } from './agents.ts';
import { MAX_AFFINITY, MAX_TENANTS } from './limits.ts';
import { Names } from './names.ts';
import { allocateRows, type Columns, grownRows, NONE, wordColumn } from './rows.ts';

const WORDS = 16;
const WARM_AGENT = 0;
const WARM_STAMP = MAX_AFFINITY;
/** Agents that it holds in the low half, agents that its tickets wait for in the high one. */
const HELD = 10;
const LEASE_HEAD = 11;
const MEMBERS = 12;
/** Grants by hour of day, four bits an hour; when one is full, all are halved. */
const HOURS = 13;

const HALF = 0xffff;
const HOURS_A_WORD = 8;
const FULL_HOUR = 15;
const HOUR_MS = 3_600_000;

export class TenantTable {
  readonly names: Names = new Names();
  readonly #agents: AgentTable;
  readonly #affinitySize: number;
  #i32: Int32Array;
  #capacity: number;
  #hand = 0;

  constructor(agents: AgentTable, affinitySize: number, capacity = 64) {
    this.#agents = agents;
    this.#affinitySize = Math.min(affinitySize, MAX_AFFINITY);
    this.#capacity = capacity;
    this.#i32 = allocateRows(capacity * WORDS);
  }

  get size(): number {
    return this.names.size;
  }

  find(name: string): number {
    return this.names.find(name);
  }

  /** Reads the rows and the entries of the names, so that they are loaded. */
  touch(tenants: Int32Array, count: number): number {
    const i32 = this.#i32;
    let read = 0;
    for (let i = 0; i < count; i++) read ^= i32[tenants[i] * WORDS];
    return read ^ this.names.touchEntries(tenants, count);
  }

  /** The agents that are probably warm for tenants, at most one each; returns how many. */
  warmest(tenants: Int32Array, count: number, agents: Int32Array): number {
    const i32 = this.#i32;
    const size = this.#affinitySize;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const at = tenants[i] * WORDS;
      agents[found] = NONE;
      for (let nth = 0; nth < size; nth++) {
        const agent = i32[at + WARM_AGENT + nth];
        if (agent === NONE) break;
        if (this.#agents.stamp(agent) !== i32[at + WARM_STAMP + nth]) continue;
        agents[found] = agent;
      }
      if (agents[found] !== NONE) found++;
    }
    return found;
  }

  /** The tenant's row, made if needed. Only applied events call this, so that replay agrees. */
  intern(name: string): number {
    const known = this.names.find(name);
    if (known !== -1) return known;
    if (this.names.size >= MAX_TENANTS) this.#forgetOne();
    const tenant = this.names.add(name);
    if (tenant >= this.#capacity) this.#grow(tenant + 1);
    const at = tenant * WORDS;
    this.#i32.fill(0, at, at + WORDS);
    this.#i32.fill(NONE, at + WARM_AGENT, at + WARM_AGENT + MAX_AFFINITY);
    this.#i32[at + LEASE_HEAD] = NONE;
    return tenant;
  }

  held(tenant: number): number {
    return this.#i32[tenant * WORDS + HELD] & HALF;
  }

  addHeld(tenant: number, change: 1 | -1): void {
    this.#i32[tenant * WORDS + HELD] += change;
  }

  wanted(tenant: number): number {
    return this.#i32[tenant * WORDS + HELD] >>> 16;
  }

  addWanted(tenant: number, change: number): void {
    this.#i32[tenant * WORDS + HELD] += change << 16;
  }

  addMembers(tenant: number, change: 1 | -1): void {
    this.#i32[tenant * WORDS + MEMBERS] += change;
  }

  leaseHead(tenant: number): number {
    return this.#i32[tenant * WORDS + LEASE_HEAD];
  }

  setLeaseHead(tenant: number, lease: number): void {
    this.#i32[tenant * WORDS + LEASE_HEAD] = lease;
  }

  /** The agent is the tenant's most recent; call after the agent's stamp has been raised. */
  bind(tenant: number, agent: number): void {
    const size = this.#affinitySize;
    if (size === 0) return;
    const at = tenant * WORDS;
    const i32 = this.#i32;
    let last = size - 1;
    for (let i = 0; i < size; i++) {
      if (i32[at + WARM_AGENT + i] === agent) {
        last = i;
        break;
      }
    }
    for (let i = last; i > 0; i--) {
      i32[at + WARM_AGENT + i] = i32[at + WARM_AGENT + i - 1];
      i32[at + WARM_STAMP + i] = i32[at + WARM_STAMP + i - 1];
    }
    i32[at + WARM_AGENT] = agent;
    i32[at + WARM_STAMP] = this.#agents.stamp(agent);
  }

  /** The tenant's `nth` most recent agent if it is still warm, else NONE. */
  warmAgent(tenant: number, nth: number): number {
    if (nth >= this.#affinitySize) return NONE;
    const at = tenant * WORDS;
    const agent = this.#i32[at + WARM_AGENT + nth];
    if (agent === NONE) return NONE;
    const grantsSince = (this.#agents.stamp(agent) - this.#i32[at + WARM_STAMP + nth]) | 0;
    if (grantsSince === 0) return agent;
    // Most bindings that have ended are recognized without touching the agent's row.
    if (grantsSince >= this.#agents.mostSlots) return NONE;
    return grantsSince < this.#agents.slots(agent) ? agent : NONE;
  }

  get affinitySize(): number {
    return this.#affinitySize;
  }

  isWarm(tenant: number, agent: number): boolean {
    for (let i = 0; i < this.#affinitySize; i++) {
      if (this.warmAgent(tenant, i) === agent) return true;
    }
    return false;
  }

  noteGrant(tenant: number, now: number): void {
    const hour = Math.floor(now / HOUR_MS) % 24;
    const from = tenant * WORDS + HOURS;
    const at = from + (hour >> 3);
    const shift = (hour % HOURS_A_WORD) * 4;
    if (((this.#i32[at] >>> shift) & FULL_HOUR) === FULL_HOUR) {
      for (let i = from; i < from + 3; i++) this.#i32[i] = (this.#i32[i] >>> 1) & 0x77777777;
    }
    this.#i32[at] += 1 << shift;
  }

  /** Relative counts, 0 … 15 each, in which old grants weigh less than new ones. */
  grantsByHour(tenant: number): number[] {
    const from = tenant * WORDS + HOURS;
    return Array.from({ length: 24 }, (_, hour) => {
      const word = this.#i32[from + (hour >> 3)];
      return (word >>> ((hour % HOURS_A_WORD) * 4)) & FULL_HOUR;
    });
  }

  /**
   * The sum over the hours of its count times a weight of that hour. Thousands of tenants may be
   * weighed for one answer, so it goes by words and makes nothing.
   */
  weightedGrants(tenant: number, weights: Int32Array): number {
    const from = tenant * WORDS + HOURS;
    let sum = 0;
    for (let i = 0; i < 3; i++) {
      let word = this.#i32[from + i];
      for (let hour = i * HOURS_A_WORD; word !== 0; hour++, word >>>= 4) {
        sum += weights[hour] * (word & FULL_HOUR);
      }
    }
    return sum;
  }

  columns(): Columns {
    const rows = this.names.end;
    const columns: Columns = { hand: Int32Array.of(this.#hand) };
    for (let i = 0; i < 3; i++) {
      columns[`grants_by_hour_${i}`] = wordColumn(this.#i32, rows, WORDS, HOURS + i);
    }
    for (let i = 0; i < MAX_AFFINITY; i++) {
      columns[`warm_agent_${i}`] = wordColumn(this.#i32, rows, WORDS, WARM_AGENT + i);
      columns[`warm_stamp_${i}`] = wordColumn(this.#i32, rows, WORDS, WARM_STAMP + i);
    }
    return columns;
  }

  /** Takes what `columns` gave; `names` must be there already. */
  loadColumns(columns: Columns): void {
    const rows = this.names.end;
    if (rows > this.#capacity) this.#grow(rows);
    this.#hand = columns.hand[0];
    for (let tenant = 0; tenant < rows; tenant++) {
      const at = tenant * WORDS;
      this.#i32.fill(0, at, at + WORDS);
      this.#i32[at + LEASE_HEAD] = NONE;
      for (let i = 0; i < 3; i++) {
        this.#i32[at + HOURS + i] = columns[`grants_by_hour_${i}`][tenant];
      }
    }
    for (let i = 0; i < MAX_AFFINITY; i++) {
      const agents = columns[`warm_agent_${i}`];
      const stamps = columns[`warm_stamp_${i}`];
      for (let tenant = 0; tenant < rows; tenant++) {
        this.#i32[tenant * WORDS + WARM_AGENT + i] = agents[tenant];
        this.#i32[tenant * WORDS + WARM_STAMP + i] = stamps[tenant];
      }
    }
  }

  /**
   * Makes room: forgets the next tenant, going round the table, that has no lease, no ticket and
   * no membership. Its warmth is lost, nothing else.
   */
  #forgetOne(): void {
    for (let step = 0; step < this.names.end; step++) {
      const tenant = this.#hand;
      this.#hand = (this.#hand + 1) % this.names.end;
      if (!this.names.has(tenant)) continue;
      const at = tenant * WORDS;
      if (this.#i32[at + HELD] !== 0 || this.#i32[at + MEMBERS] !== 0) continue;
      this.names.remove(tenant);
      return;
    }
  }

  #grow(least: number): void {
    let capacity = this.#capacity;
    while (capacity < least) capacity *= 2;
    this.#capacity = capacity;
    this.#i32 = grownRows(this.#i32, capacity * WORDS);
  }
}
