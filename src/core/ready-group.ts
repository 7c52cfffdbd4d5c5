/**
 * The free agents of one kind, in the order in which they are given away.
 *
 * Each agent has a place on a line; the line runs from the least recently used to the most
 * recently used, so a used agent simply takes the next place at the end. A class (score.ts) is a
 * set of places: its first member is its least recently used agent. Moving between classes as
 * health, idle time and load change never moves the place, so the order by last use is exact.
 *
 * Places left behind are gaps. The line is closed up a few places at a time as new ones are
 * taken, so it never stops the pool and never runs out.
 */
import type { AgentTable } from './agents.ts';
import { assert } from './assert.ts';
import { Bitset } from './bitset.ts';
import type { Profile } from './profiles.ts';
import { NONE } from './rows.ts';
import { CLASSES, IDLE_LIMIT_MS, idleOfClass, RANK_MASKS, RANKS } from './score.ts';

const LEAST_CAPACITY = 64;
/** Places a line has for each agent on it. */
const ROOM = 8;
/** While closing up: so many places are looked at for each so many taken. Many at once, since
 *  their agents' rows are then loaded side by side; not more, since requests wait meanwhile. */
const CLOSING_STEPS = 64;
const CLOSING_EVERY = 16;
/** Classes whose agents can still age: all but the longest idle. */
const AGEING = Array.from({ length: CLASSES }, (_, cls) => cls).filter(
  (cls) => idleOfClass(cls) < IDLE_LIMIT_MS.length,
);

export class ReadyGroup {
  readonly id: number;
  readonly profile: Profile;
  readonly host: number;
  /** Free agents. */
  ready = 0;
  readonly #agents: AgentTable;
  readonly #classes: (Bitset | null)[] = new Array(CLASSES).fill(null);
  /** Bit per class that is not empty. */
  #mask = 0;
  #line: Int32Array = new Int32Array(LEAST_CAPACITY).fill(NONE);
  #end = 0;
  #placed = 0;
  /** While closing up: the next place to look at, and where the next agent found goes. */
  #from = NONE;
  #to = 0;
  /** No agent crosses an idle limit before this. */
  #ageAt = Number.POSITIVE_INFINITY;

  constructor(id: number, profile: Profile, host: number, agents: AgentTable) {
    this.id = id;
    this.profile = profile;
    this.host = host;
    this.#agents = agents;
  }

  /** Gives the agent the last place: it is the most recently used now. */
  place(agent: number): void {
    if (this.#end === this.#line.length) this.#widen();
    const place = this.#end++;
    this.#line[place] = agent;
    this.#placed++;
    this.#agents.setPlace(agent, this.id, place);
    if (this.#from !== NONE) {
      if (place % CLOSING_EVERY === 0) this.#closeUp();
    } else if (this.#end > this.#line.length / 2) this.#from = this.#to = 0;
  }

  /** Takes the agent off the line. It must not be ready. */
  unplace(agent: number): void {
    assert(this.#agents.readyClass(agent) === NONE, 'a ready agent keeps its place');
    this.#line[this.#agents.place(agent)] = NONE;
    this.#placed--;
    this.#agents.setPlace(agent, NONE, NONE);
  }

  enter(agent: number, cls: number): void {
    let members = this.#classes[cls];
    if (members === null) {
      members = new Bitset(this.#line.length);
      this.#classes[cls] = members;
    }
    members.add(this.#agents.place(agent));
    this.#mask |= 1 << cls;
    this.#agents.setReadyClass(agent, cls);
    this.ready++;
    const limit = IDLE_LIMIT_MS[idleOfClass(cls)];
    if (limit !== undefined) {
      this.#ageAt = Math.min(this.#ageAt, this.#agents.lastUsedAt(agent) + limit);
    }
  }

  leave(agent: number): void {
    const cls = this.#agents.readyClass(agent);
    const members = this.#classes[cls] as Bitset;
    members.delete(this.#agents.place(agent));
    if (members.isEmpty) this.#mask &= ~(1 << cls);
    this.#agents.setReadyClass(agent, NONE);
    this.ready--;
  }

  /** About the first `count` agents of the best rank; returns how many. */
  first(agents: Int32Array, count: number): number {
    let found = 0;
    let place = this.#firstPlace(this.bestRank());
    const end = Math.min(this.#end, place + count * 2);
    for (; found < count && place < end; place++) {
      if (this.#line[place] !== NONE) agents[found++] = this.#line[place];
    }
    return found;
  }

  /** The best free agent's rank in RANKS, or RANKS.length. Call `age` first. */
  bestRank(): number {
    const mask = this.#mask;
    if (mask === 0) return RANK_MASKS.length;
    let rank = 0;
    while ((mask & RANK_MASKS[rank]) === 0) rank++;
    return rank;
  }

  /** The least recently used of the agents with a rank's points, or NONE. */
  firstOfRank(rank: number): number {
    const place = this.#firstPlace(rank);
    return place === NONE ? NONE : this.#line[place];
  }

  #firstPlace(rank: number): number {
    let best = NONE;
    let bits = this.#mask & RANK_MASKS[rank];
    while (bits !== 0) {
      const cls = 31 - Math.clz32(bits & -bits);
      bits &= bits - 1;
      const place = (this.#classes[cls] as Bitset).first();
      if (best === NONE || place < best) best = place;
    }
    return best;
  }

  /** All free agents, best first. The group must not change meanwhile. */
  *inOrder(): IterableIterator<number> {
    for (const { mask } of RANKS) {
      const classes: Bitset[] = [];
      const heads: number[] = [];
      for (let bits = this.#mask & mask; bits !== 0; bits &= bits - 1) {
        const members = this.#classes[31 - Math.clz32(bits & -bits)] as Bitset;
        classes.push(members);
        heads.push(members.first());
      }
      while (heads.length > 0) {
        let at = 0;
        for (let i = 1; i < heads.length; i++) if (heads[i] < heads[at]) at = i;
        yield this.#line[heads[at]];
        heads[at] = classes[at].after(heads[at]);
        if (heads[at] === NONE) {
          heads.splice(at, 1);
          classes.splice(at, 1);
        }
      }
    }
  }

  /** Moves agents on that have crossed an idle limit: at most three moves between two uses. */
  age(now: number): void {
    if (now <= this.#ageAt) return;
    let next = Number.POSITIVE_INFINITY;
    for (const cls of AGEING) {
      const limit = IDLE_LIMIT_MS[idleOfClass(cls)];
      while (this.#mask & (1 << cls)) {
        // Within a class the first place was used first, so it crosses the limit first.
        const agent = this.#line[(this.#classes[cls] as Bitset).first()];
        const crossesAt = this.#agents.lastUsedAt(agent) + limit;
        if (now <= crossesAt) {
          next = Math.min(next, crossesAt);
          break;
        }
        this.leave(agent);
        this.enter(agent, cls + 1);
      }
    }
    this.#ageAt = next;
  }

  #closeUp(): void {
    for (let step = 0; step < CLOSING_STEPS && this.#from < this.#end; step++) {
      const agent = this.#line[this.#from];
      if (agent !== NONE) {
        if (this.#to !== this.#from) this.#move(agent, this.#from, this.#to);
        this.#to++;
      }
      this.#from++;
    }
    if (this.#from < this.#end) return;
    this.#end = this.#to;
    this.#from = NONE;
  }

  #move(agent: number, from: number, to: number): void {
    this.#line[from] = NONE;
    this.#line[to] = agent;
    this.#agents.setPlace(agent, this.id, to);
    const cls = this.#agents.readyClass(agent);
    if (cls === NONE) return;
    const members = this.#classes[cls] as Bitset;
    members.delete(from);
    members.add(to);
  }

  /** A longer line without gaps. Only registrations make it necessary: uses reuse places. */
  #widen(): void {
    let capacity = this.#line.length;
    while (capacity < (this.#placed + 1) * ROOM) capacity *= 2;
    const old = this.#line.subarray(0, this.#end);
    this.#line = new Int32Array(capacity).fill(NONE);
    this.#classes.fill(null);
    this.#end = 0;
    this.#from = NONE;
    for (const agent of old) {
      if (agent === NONE) continue;
      const place = this.#end++;
      this.#line[place] = agent;
      this.#agents.setPlace(agent, this.id, place);
      const cls = this.#agents.readyClass(agent);
      if (cls === NONE) continue;
      const members = this.#classes[cls] ?? new Bitset(capacity);
      members.add(place);
      this.#classes[cls] = members;
    }
  }
}
