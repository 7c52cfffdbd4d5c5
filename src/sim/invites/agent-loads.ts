/**
 * What each agent is expected to do, slice by slice. One with s slots and a load of L erlangs is
 * busy with the probability B(s, L) of Erlang's loss formula. What another tenant would do to it is
 * what its present tenants lose: the requests that depend on it, times the slope of B.
 */
import { SLICES, type TenantActivity } from './activity.ts';

export class AgentLoads {
  readonly count: number;
  readonly #slots: readonly number[];
  // By agent, then by slice.
  readonly #load: Float64Array;
  readonly #dependent: Float64Array;
  /** The probability that a slot is free. */
  readonly free: Float32Array;
  /** Requests an hour that its tenants would lose by each erlang more. */
  readonly harm: Float32Array;
  /** The same by slice, then by agent: one slice of all agents is read in a row. */
  readonly freeBySlice: Float32Array;
  readonly harmBySlice: Float32Array;

  constructor(slots: readonly number[]) {
    this.count = slots.length;
    this.#slots = slots;
    const size = SLICES * this.count;
    this.#load = new Float64Array(size);
    this.#dependent = new Float64Array(size);
    this.free = new Float32Array(size).fill(1);
    this.harm = new Float32Array(size);
    this.freeBySlice = new Float32Array(size).fill(1);
    this.harmBySlice = new Float32Array(size);
  }

  /**
   * `share` of a tenant's load comes to the agent, and `weight` of its requests depend on it; where
   * these are negative, they go.
   */
  add(agent: number, { load, requests }: TenantActivity, share: number, weight: number): void {
    const slots = this.#slots[agent]!;
    for (let slice = 0, at = agent * SLICES; slice < SLICES; slice += 1, at += 1) {
      const erlangs = Math.max(0, this.#load[at]! + load[slice]! * share);
      const dependent = Math.max(0, this.#dependent[at]! + requests[slice]! * weight);
      this.#load[at] = erlangs;
      this.#dependent[at] = dependent;
      const busy = erlangB(slots, erlangs);
      const harm = dependent * slopeOfErlangB(slots, erlangs, busy);
      this.free[at] = 1 - busy;
      this.harm[at] = harm;
      this.freeBySlice[slice * this.count + agent] = 1 - busy;
      this.harmBySlice[slice * this.count + agent] = harm;
    }
  }

  /** The probability that the agent is not busy with others than this tenant, which has a share. */
  freeBeside(agent: number, { load }: TenantActivity, share: number, into: Float64Array): void {
    const slots = this.#slots[agent]!;
    for (let slice = 0, at = agent * SLICES; slice < SLICES; slice += 1, at += 1) {
      const others = Math.max(0, this.#load[at]! - load[slice]! * share);
      into[slice] = 1 - erlangB(slots, others);
    }
  }
}

/** The share of requests that find all slots taken (Erlang 1917). */
function erlangB(slots: number, load: number): number {
  let blocked = 1;
  for (let n = 1; n <= slots; n += 1) blocked = (load * blocked) / (n + load * blocked);
  return blocked;
}

/** Its derivative by the load (Jagerman 1974). */
function slopeOfErlangB(slots: number, load: number, blocked: number): number {
  if (load === 0) return slots === 1 ? 1 : 0;
  return blocked * (slots / load - 1 + blocked);
}
