/** The tenants of a world: who they are, where, what for, and how popular. */
import { PURPOSES } from './purposes.ts';
import type { Random } from './random.ts';
import { TIME_ZONES } from './rhythm.ts';

/** Deviation of the logarithm of a tenant's popularity: a few tenants make most of the demand. */
const POPULARITY_SPREAD = 2;

export class Population {
  readonly size: number;
  /** Only ratios count. */
  readonly popularity: Float64Array;
  /** Index into PURPOSES. */
  readonly purpose: Uint8Array;
  /** Index into TIME_ZONES. */
  readonly zone: Uint8Array;
  /** The first of a tenant's agents in a numbering of all that tenants could ever use at once;
   *  those of tenant n end where those of n + 1 begin. */
  readonly firstAgent: Int32Array;

  /** `agentsPerTenant` is met exactly: as many tenants as it takes want one agent more. */
  constructor(size: number, agentsPerTenant: number, random: Random) {
    this.size = size;
    this.popularity = new Float64Array(size);
    this.purpose = new Uint8Array(size);
    this.zone = new Uint8Array(size);
    this.firstAgent = new Int32Array(size + 1);
    const purposes = PURPOSES.map(({ share }) => share);
    const zones = TIME_ZONES.map(({ share }) => share);
    for (let tenant = 0; tenant < size; tenant++) {
      this.popularity[tenant] = Math.exp(POPULARITY_SPREAD * random.normal());
      this.purpose[tenant] = random.pick(purposes);
      this.zone[tenant] = random.pick(zones);
      this.firstAgent[tenant + 1] = Math.floor((tenant + 1) * agentsPerTenant + ROUNDING);
    }
  }

  /** Agents that a session of the tenant wants. */
  agentsOf(tenant: number): number {
    return this.firstAgent[tenant + 1]! - this.firstAgent[tenant]!;
  }

  /** What static allocation needs: each tenant owns all agents that it ever uses at once. */
  get staticAgents(): number {
    return this.firstAgent[this.size]!;
  }
}

/** 10 × 1.1 is a little more than 11 and 3 × 1.4 a little less than 4.2. */
const ROUNDING = 1e-9;
