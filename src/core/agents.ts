/**
 * The agents: who they are, what they are doing, how well they are. One row is two neighbouring
 * cache lines, because an allocation touches most of a row at once and rows are reached at
 * random: at half a million agents the time goes into waiting for memory, not into deciding.
 * Stamps lie apart, since a request looks at those of several agents and takes one. What is
 * rarely read (labels, credentials) lies in plain arrays.
 */
import { AgentSignals } from './agent-signals.ts';
import type { HealthCause } from './event.ts';
import { LIGHT_LOAD, LOAD_WINDOW_MS, MEDIUM_LOAD } from './limits.ts';
import { Names } from './names.ts';
import { DRAINING, LEASED, OFFLINE, type Profile, READY, STARTING, UNHEALTHY } from './profiles.ts';
import {
  allocateRows,
  type Columns,
  doubleColumn,
  doublesOf,
  grown,
  grownRows,
  NONE,
  wordColumn,
} from './rows.ts';
import type { Labels } from './words.ts';

const WORDS = 32;
const DOUBLES = WORDS / 2;
// Doubles of a row.
const LAST_USED_AT = 0;
const USE_SEQUENCE = 1;
const REGISTERED_AT = 2;
/** Until when LOAD_CLASS holds if there is no further lease. */
const LOAD_CLASS_UNTIL = 3;
// 32-bit words of a row, after the doubles.
const PROFILE = 8;
const BITS = 9;
const USED = 10;
const SLOTS = 11;
const LEASE_HEAD = 12;
const CLASS = 13;
const PLACE = 14;
const GROUP = 15;
const HOST = 16;
const RING_AT = 17;
const RING_START = 18;
/** A double again, behind the ring of ten. */
const RESCORE_AT = 14;

// Bits of the word BITS; the lowest two hold the health.
const HEALTH_MASK = 3;
const OFFLINE_BIT = 4;
const DRAINING_BIT = 8;
const RETIRING_BIT = 16;
const PROTECTED_BIT = 32;
const DECLARED_BIT = 64;
const STARTING_BIT = 128;
const MANAGED_BIT = 256;
const DURABLE_BITS = 511;
const LOAD_CLASS_SHIFT = 9;
const LOAD_CLASS_MASK = 3;
const AVAILABILITY_SHIFT = 11;
const BELOW_AVAILABILITY = (1 << AVAILABILITY_SHIFT) - 1;

/** Times of the last ten leases, in seconds: enough to know whether 24 h saw 5, or 10, of them. */
const RING = MEDIUM_LOAD;
/** Second 0 of 1970 in the ring: 32 bits reach from two days before it into the year 2106. */
const EPOCH = 2 * 86_400 - 2 ** 31;
/** No lease: so early that it has left the window at any time. */
const NEVER = -(2 ** 31);
/** Health of an agent that has just been registered. */
const HEALTHY = 2;

export class AgentTable {
  readonly names: Names = new Names();
  #f64: Float64Array;
  #i32: Int32Array;
  #stamps: Int32Array;
  /** Not part of the durable state. */
  readonly signals: AgentSignals;
  readonly labels: Labels[] = [];
  readonly credentials: (string | undefined)[] = [];
  readonly #profiles: readonly Profile[];
  #capacity: number;
  /** Slots of all agents, and those in use. */
  slotsTotal = 0;
  usedTotal = 0;
  /** No agent has ever had more slots than this. */
  mostSlots = 1;
  /** Whether any label `endpoint` was ever seen; most pools have none, and need not look. */
  #anyEndpoint = false;

  constructor(profiles: readonly Profile[], capacity = 64) {
    this.#profiles = profiles;
    this.#capacity = capacity;
    this.#i32 = allocateRows(capacity * WORDS);
    this.#f64 = doublesOf(this.#i32);
    this.#stamps = new Int32Array(capacity);
    this.signals = new AgentSignals(capacity);
  }

  get size(): number {
    return this.names.size;
  }

  add(
    name: string,
    profile: Profile,
    slots: number,
    host: number,
    labels: Labels,
    isProtected: boolean,
    now: number,
  ): number {
    const agent = this.names.add(name);
    if (agent >= this.#capacity) this.#grow(agent + 1);
    const at = agent * WORDS;
    const i32 = this.#i32;
    i32[at + PROFILE] = profile.id;
    i32[at + BITS] = HEALTHY | (isProtected ? PROTECTED_BIT : 0) | (OFFLINE << AVAILABILITY_SHIFT);
    i32[at + USED] = 0;
    i32[at + SLOTS] = slots;
    i32[at + LEASE_HEAD] = NONE;
    i32[at + CLASS] = NONE;
    i32[at + PLACE] = NONE;
    i32[at + GROUP] = NONE;
    i32[at + HOST] = host;
    this.#f64[agent * DOUBLES + LAST_USED_AT] = now;
    this.#f64[agent * DOUBLES + REGISTERED_AT] = now;
    this.#f64[agent * DOUBLES + USE_SEQUENCE] = 0;
    this.#f64[agent * DOUBLES + LOAD_CLASS_UNTIL] = 0;
    this.#f64[agent * DOUBLES + RESCORE_AT] = Number.POSITIVE_INFINITY;
    i32[at + RING_AT] = 0;
    i32.fill(NEVER, at + RING_START, at + RING_START + RING);
    this.signals.reset(agent, now);
    this.setLabels(agent, labels);
    this.credentials[agent] = undefined;
    this.#join(agent, profile, slots);
    return agent;
  }

  remove(agent: number): void {
    const profile = this.profile(agent);
    profile.agents--;
    profile.slots -= this.slots(agent);
    profile.counts[this.availability(agent)]--;
    this.slotsTotal -= this.slots(agent);
    this.names.remove(agent);
    this.credentials[agent] = undefined;
  }

  /** Reads the rows and the entries of the names, so that they are loaded. */
  touch(agents: Int32Array, count: number): number {
    const i32 = this.#i32;
    let read = 0;
    for (let i = 0; i < count; i++) {
      const at = agents[i] * WORDS;
      read ^= i32[at] ^ i32[at + HOST];
    }
    return read ^ this.names.touchEntries(agents, count);
  }

  profile(agent: number): Profile {
    return this.#profiles[this.#i32[agent * WORDS + PROFILE]];
  }

  /** Moves a free or busy agent to another profile; the caller keeps the ready index in step. */
  setProfile(agent: number, profile: Profile, slots: number): void {
    const old = this.profile(agent);
    const used = this.used(agent);
    const availability = this.availability(agent);
    this.slotsTotal += slots - this.slots(agent);
    this.mostSlots = Math.max(this.mostSlots, slots);
    old.agents--;
    old.slots -= this.slots(agent);
    old.usedSlots -= used;
    old.counts[availability]--;
    profile.agents++;
    profile.slots += slots;
    profile.usedSlots += used;
    profile.counts[availability]++;
    this.#i32[agent * WORDS + PROFILE] = profile.id;
    this.#i32[agent * WORDS + SLOTS] = slots;
  }

  /** Index into HEALTHS: 0 unhealthy, 1 degraded, 2 healthy. */
  health(agent: number): number {
    return this.#i32[agent * WORDS + BITS] & HEALTH_MASK;
  }

  setHealth(agent: number, health: number, cause: HealthCause): void {
    const at = agent * WORDS + BITS;
    const bits = this.#i32[at] & ~(HEALTH_MASK | OFFLINE_BIT | DECLARED_BIT);
    const isGone = cause === 'silence' || cause === 'exit';
    const offline = isGone && health === 0 ? OFFLINE_BIT : 0;
    this.#i32[at] = bits | health | offline | (cause === 'report' ? DECLARED_BIT : 0);
  }

  /** Its health is its own word, which only its own word changes. */
  isDeclared(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & DECLARED_BIT) !== 0;
  }

  isOffline(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & OFFLINE_BIT) !== 0;
  }

  isDraining(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & DRAINING_BIT) !== 0;
  }

  isRetiring(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & RETIRING_BIT) !== 0;
  }

  setDraining(agent: number, draining: boolean, retiring: boolean): void {
    const at = agent * WORDS + BITS;
    const bits = this.#i32[at] & ~(DRAINING_BIT | RETIRING_BIT);
    this.#i32[at] = bits | (draining ? DRAINING_BIT : 0) | (retiring ? RETIRING_BIT : 0);
  }

  isProtected(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & PROTECTED_BIT) !== 0;
  }

  setProtected(agent: number, isProtected: boolean): void {
    const at = agent * WORDS + BITS;
    this.#i32[at] = (this.#i32[at] & ~PROTECTED_BIT) | (isProtected ? PROTECTED_BIT : 0);
  }

  /** Its process has been started, and nothing has been heard of it yet. */
  isStarting(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & STARTING_BIT) !== 0;
  }

  setStarting(agent: number, isStarting: boolean): void {
    const at = agent * WORDS + BITS;
    this.#i32[at] = (this.#i32[at] & ~STARTING_BIT) | (isStarting ? STARTING_BIT : 0);
  }

  /** Its process is started and stopped by this pool. */
  isManaged(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & MANAGED_BIT) !== 0;
  }

  setManaged(agent: number): void {
    this.#i32[agent * WORDS + BITS] |= MANAGED_BIT;
  }

  /** As last computed by `updateAvailability`. */
  availability(agent: number): number {
    return this.#i32[agent * WORDS + BITS] >> AVAILABILITY_SHIFT;
  }

  /** Recomputes the availability and moves the agent between its profile's counts. */
  updateAvailability(agent: number): number {
    const at = agent * WORDS;
    const i32 = this.#i32;
    const bits = i32[at + BITS];
    const before = bits >> AVAILABILITY_SHIFT;
    let after = READY;
    if (bits & OFFLINE_BIT) after = OFFLINE;
    else if (bits & DRAINING_BIT) after = DRAINING;
    else if (bits & STARTING_BIT) after = STARTING;
    else if ((bits & HEALTH_MASK) === 0) after = UNHEALTHY;
    else if (i32[at + USED] >= i32[at + SLOTS]) after = LEASED;
    if (after !== before) {
      const { counts } = this.#profiles[i32[at + PROFILE]];
      counts[before]--;
      counts[after]++;
      i32[at + BITS] = (bits & BELOW_AVAILABILITY) | (after << AVAILABILITY_SHIFT);
    }
    return after;
  }

  used(agent: number): number {
    return this.#i32[agent * WORDS + USED];
  }

  addUsed(agent: number, change: 1 | -1): void {
    this.#i32[agent * WORDS + USED] += change;
    this.usedTotal += change;
    this.#profiles[this.#i32[agent * WORDS + PROFILE]].usedSlots += change;
  }

  slots(agent: number): number {
    return this.#i32[agent * WORDS + SLOTS];
  }

  /** Counts grants; a tenant's binding to the agent carries the stamp of its last grant. */
  stamp(agent: number): number {
    return this.#stamps[agent];
  }

  setStamp(agent: number, stamp: number): void {
    this.#stamps[agent] = stamp;
  }

  leaseHead(agent: number): number {
    return this.#i32[agent * WORDS + LEASE_HEAD];
  }

  setLeaseHead(agent: number, lease: number): void {
    this.#i32[agent * WORDS + LEASE_HEAD] = lease;
  }

  host(agent: number): number {
    return this.#i32[agent * WORDS + HOST];
  }

  setHost(agent: number, host: number): void {
    this.#i32[agent * WORDS + HOST] = host;
  }

  lastUsedAt(agent: number): number {
    return this.#f64[agent * DOUBLES + LAST_USED_AT];
  }

  /** Orders agents by last use; no two are equal. */
  useSequence(agent: number): number {
    return this.#f64[agent * DOUBLES + USE_SEQUENCE];
  }

  setUsed(agent: number, at: number, sequence: number): void {
    this.#f64[agent * DOUBLES + LAST_USED_AT] = at;
    this.#f64[agent * DOUBLES + USE_SEQUENCE] = sequence;
  }

  registeredAt(agent: number): number {
    return this.#f64[agent * DOUBLES + REGISTERED_AT];
  }

  // Where the ready index has put the agent; NONE = nowhere.
  group(agent: number): number {
    return this.#i32[agent * WORDS + GROUP];
  }
  place(agent: number): number {
    return this.#i32[agent * WORDS + PLACE];
  }
  setPlace(agent: number, group: number, place: number): void {
    this.#i32[agent * WORDS + GROUP] = group;
    this.#i32[agent * WORDS + PLACE] = place;
  }
  readyClass(agent: number): number {
    return this.#i32[agent * WORDS + CLASS];
  }
  setReadyClass(agent: number, cls: number): void {
    this.#i32[agent * WORDS + CLASS] = cls;
  }

  noteLease(agent: number, now: number): void {
    const at = agent * WORDS;
    const ringAt = this.#i32[at + RING_AT];
    this.#i32[at + RING_START + ringAt] = Math.floor(now / 1000) + EPOCH;
    this.#i32[at + RING_AT] = ringAt + 1 === RING ? 0 : ringAt + 1;
    this.#classifyLoad(agent, now);
  }

  /** Leases granted within the last 24 hours; 10 stands for 10 or more. */
  leases24h(agent: number, now: number): number {
    let count = 0;
    while (count < RING && this.#leavesWindowAt(agent, count + 1) > now) count++;
    return count;
  }

  /** Index into LOAD_POINTS. */
  loadClass(agent: number, now: number): number {
    if (now >= this.#f64[agent * DOUBLES + LOAD_CLASS_UNTIL]) this.#classifyLoad(agent, now);
    return (this.#i32[agent * WORDS + BITS] >> LOAD_CLASS_SHIFT) & LOAD_CLASS_MASK;
  }

  /** When the ready index will look at the agent's load class by itself; Infinity = never. */
  rescoreAt(agent: number): number {
    return this.#f64[agent * DOUBLES + RESCORE_AT];
  }

  setRescoreAt(agent: number, at: number): void {
    this.#f64[agent * DOUBLES + RESCORE_AT] = at;
  }

  /** When the load class changes by the passing of time; Infinity when it cannot get better. */
  loadClassUntil(agent: number): number {
    return this.#f64[agent * DOUBLES + LOAD_CLASS_UNTIL];
  }

  #classifyLoad(agent: number, now: number): void {
    let loadClass = 2;
    let until = Number.POSITIVE_INFINITY;
    const medium = this.#leavesWindowAt(agent, LIGHT_LOAD);
    if (medium > now) {
      const heavy = this.#leavesWindowAt(agent, MEDIUM_LOAD);
      loadClass = heavy > now ? 0 : 1;
      until = heavy > now ? heavy : medium;
    }
    const at = agent * WORDS + BITS;
    const rest = this.#i32[at] & ~(LOAD_CLASS_MASK << LOAD_CLASS_SHIFT);
    this.#i32[at] = rest | (loadClass << LOAD_CLASS_SHIFT);
    this.#f64[agent * DOUBLES + LOAD_CLASS_UNTIL] = until;
  }

  /** When the `nth` youngest of the last ten leases leaves the 24-hour window. */
  #leavesWindowAt(agent: number, nth: number): number {
    const at = agent * WORDS;
    let index = this.#i32[at + RING_AT] - nth;
    if (index < 0) index += RING;
    return (this.#i32[at + RING_START + index] - EPOCH) * 1000 + LOAD_WINDOW_MS;
  }

  /** Where the agent can be reached: its label of that name. */
  endpoint(agent: number): string | undefined {
    return this.#anyEndpoint ? this.labels[agent].endpoint : undefined;
  }

  setLabels(agent: number, labels: Labels): void {
    this.labels[agent] = labels;
    if (labels.endpoint !== undefined) this.#anyEndpoint = true;
  }

  /** As last reported, else used ÷ slots. */
  load(agent: number): number {
    const reported = this.signals.load(agent);
    return Number.isNaN(reported) ? this.used(agent) / this.slots(agent) : reported;
  }

  /** The durable part, a column each; what follows from leases and labels is left out. */
  columns(): Columns {
    const rows = this.names.end;
    const word = (offset: number) => wordColumn(this.#i32, rows, WORDS, offset);
    const double = (offset: number) => doubleColumn(this.#f64, rows, DOUBLES, offset);
    return {
      profile: word(PROFILE),
      bits: word(BITS).map((bits) => bits & DURABLE_BITS),
      slots: word(SLOTS),
      stamp: this.#stamps.subarray(0, rows),
      last_used_at: double(LAST_USED_AT),
      use_sequence: double(USE_SEQUENCE),
      registered_at: double(REGISTERED_AT),
      recent_leases: this.#recentLeases(rows),
      recent_lease: word(RING_AT),
    };
  }

  /** Takes what `columns` gave; `names`, `labels` and the hosts must be there already. */
  loadColumns(columns: Columns): void {
    const rows = this.names.end;
    if (rows > this.#capacity) this.#grow(rows);
    this.#stamps.set(columns.stamp);
    for (let agent = 0; agent < rows; agent++) {
      const at = agent * WORDS;
      const i32 = this.#i32;
      i32[at + PROFILE] = columns.profile[agent];
      i32[at + BITS] = columns.bits[agent] | (OFFLINE << AVAILABILITY_SHIFT);
      i32[at + SLOTS] = columns.slots[agent];
      i32[at + RING_AT] = columns.recent_lease[agent];
      for (let i = 0; i < RING; i++) {
        i32[at + RING_START + i] = columns.recent_leases[agent * RING + i];
      }
      this.#f64[agent * DOUBLES + LOAD_CLASS_UNTIL] = 0;
      this.#f64[agent * DOUBLES + RESCORE_AT] = Number.POSITIVE_INFINITY;
      i32[at + USED] = 0;
      i32[at + LEASE_HEAD] = NONE;
      i32[at + CLASS] = NONE;
      i32[at + GROUP] = NONE;
      i32[at + PLACE] = NONE;
      this.setUsed(agent, columns.last_used_at[agent], columns.use_sequence[agent]);
      this.#f64[agent * DOUBLES + REGISTERED_AT] = columns.registered_at[agent];
      if (!this.names.has(agent)) continue;
      this.#join(agent, this.profile(agent), this.slots(agent));
    }
  }

  #recentLeases(rows: number): Int32Array {
    const times = new Int32Array(rows * RING);
    for (let agent = 0; agent < rows; agent++) {
      const from = agent * WORDS + RING_START;
      times.set(this.#i32.subarray(from, from + RING), agent * RING);
    }
    return times;
  }

  #join(agent: number, profile: Profile, slots: number): void {
    profile.agents++;
    profile.slots += slots;
    profile.counts[this.availability(agent)]++;
    this.slotsTotal += slots;
    this.mostSlots = Math.max(this.mostSlots, slots);
  }

  #grow(least: number): void {
    let capacity = this.#capacity;
    while (capacity < least) capacity *= 2;
    this.#capacity = capacity;
    this.#i32 = grownRows(this.#i32, capacity * WORDS);
    this.#f64 = doublesOf(this.#i32);
    this.#stamps = grown(this.#stamps, capacity);
    this.signals.grow(capacity);
  }
}
