/**
 * The agents: who they are, what they are doing, how well they are. One row is two neighbouring
 * cache lines, because an allocation touches most of a row at once and rows are reached at
 * random: at half a million agents the time goes into waiting for memory, not into deciding.
 * Stamps lie apart, since a request looks at those of several agents and takes one. What is
 * rarely read (labels, credentials) lies in plain arrays.
 */
import { columnsOf, loadRow } from './agent-columns.ts';
import {
  AVAILABILITY_SHIFT,
  AWAY_BIT,
  BELOW_AVAILABILITY,
  BITS,
  CLASS,
  DECLARED_BIT,
  DOUBLES,
  DRAINING_BIT,
  EPOCH,
  GROUP,
  HEALTH_MASK,
  HEALTHY,
  HOST,
  LAST_USED_AT,
  LEASE_HEAD,
  LOAD_CLASS_MASK,
  LOAD_CLASS_SHIFT,
  LOAD_CLASS_UNTIL,
  MANAGED_BIT,
  NEVER,
  NO_BUDGET_BIT,
  OFFLINE_BIT,
  PLACE,
  PROFILE,
  PROTECTED_BIT,
  REGISTERED_AT,
  RESCORE_AT,
  RETIRING_BIT,
  RING,
  RING_AT,
  RING_START,
  SLOTS,
  STARTING_BIT,
  USE_SEQUENCE,
  USED,
  WORDS,
} from './agent-row.ts';
import { AgentSignals } from './agent-signals.ts';
import type { HealthCause } from './event.ts';
import { LIGHT_LOAD, LOAD_WINDOW_MS, MEDIUM_LOAD } from './limits.ts';
import { Names } from './names.ts';
import {
  DRAINING,
  LEASED,
  NO_BUDGET,
  OFFLINE,
  type Profile,
  READY,
  STARTING,
  UNHEALTHY,
} from './profiles.ts';
import { allocateRows, type Columns, doublesOf, grown, grownRows, NONE } from './rows.ts';
import type { Labels } from './words.ts';

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
    const isGone = cause === 'silence' || cause === 'exit' || cause === 'disconnect';
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
    this.#setBit(agent, PROTECTED_BIT, isProtected);
  }

  /** Its process has been started, and nothing has been heard of it yet. */
  isStarting(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & STARTING_BIT) !== 0;
  }

  setStarting(agent: number, isStarting: boolean): void {
    this.#setBit(agent, STARTING_BIT, isStarting);
  }

  /** Its process is started and stopped by this pool. */
  isManaged(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & MANAGED_BIT) !== 0;
  }

  setManaged(agent: number): void {
    this.#i32[agent * WORDS + BITS] |= MANAGED_BIT;
  }

  /** Its runner has lost the connection, and the grace is not over. */
  isAway(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & AWAY_BIT) !== 0;
  }

  setAway(agent: number, isAway: boolean): void {
    this.#setBit(agent, AWAY_BIT, isAway);
  }

  /** The platform behind it lets it take new work. */
  hasBudget(agent: number): boolean {
    return (this.#i32[agent * WORDS + BITS] & NO_BUDGET_BIT) === 0;
  }

  setBudget(agent: number, available: boolean): void {
    this.#setBit(agent, NO_BUDGET_BIT, !available);
  }

  #setBit(agent: number, bit: number, on: boolean): void {
    const at = agent * WORDS + BITS;
    this.#i32[at] = on ? this.#i32[at] | bit : this.#i32[at] & ~bit;
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
    if (bits & (OFFLINE_BIT | AWAY_BIT)) after = OFFLINE;
    else if (bits & DRAINING_BIT) after = DRAINING;
    else if (bits & STARTING_BIT) after = STARTING;
    else if ((bits & HEALTH_MASK) === 0) after = UNHEALTHY;
    else if (bits & NO_BUDGET_BIT) after = NO_BUDGET;
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
    return columnsOf(this.#i32, this.#f64, this.#stamps, this.names.end);
  }

  /** Takes what `columns` gave; `names`, `labels` and the hosts must be there already. */
  loadColumns(columns: Columns): void {
    const rows = this.names.end;
    if (rows > this.#capacity) this.#grow(rows);
    this.#stamps.set(columns.stamp);
    for (let agent = 0; agent < rows; agent++) {
      loadRow(this.#i32, this.#f64, columns, agent);
      if (this.names.has(agent)) this.#join(agent, this.profile(agent), this.slots(agent));
    }
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
