/** What the tenants of a world hold: the lease ids and tokens that their clients remember. */
import type { Population } from './population.ts';

const NOTHING = '';

export class Holdings {
  readonly #firstAgent: Int32Array;
  /** By the numbering of `Population.firstAgent`; empty where nothing is held. */
  readonly #leases: string[];
  readonly #tokens: Float64Array;

  constructor({ firstAgent, staticAgents }: Population) {
    this.#firstAgent = firstAgent;
    this.#leases = new Array<string>(staticAgents).fill(NOTHING);
    this.#tokens = new Float64Array(staticAgents);
  }

  count(tenant: number): number {
    let count = 0;
    const end = this.end(tenant);
    for (let place = this.first(tenant); place < end; place++) {
      if (this.#leases[place] !== NOTHING) count += 1;
    }
    return count;
  }

  /** A tenant's leases stand in places from `first` up to, and without, `end`. */
  first(tenant: number): number {
    return this.#firstAgent[tenant]!;
  }

  end(tenant: number): number {
    return this.#firstAgent[tenant + 1]!;
  }

  /** The lease in a place; empty if there is none. */
  lease(place: number): string {
    return this.#leases[place]!;
  }

  token(place: number): number {
    return this.#tokens[place]!;
  }

  /** False if the tenant holds all that it ever asks for. */
  add(tenant: number, lease: string, token: number): boolean {
    const end = this.end(tenant);
    for (let place = this.first(tenant); place < end; place++) {
      if (this.#leases[place] !== NOTHING) continue;
      this.#leases[place] = lease;
      this.#tokens[place] = token;
      return true;
    }
    return false;
  }

  remove(tenant: number, lease: string): void {
    const end = this.end(tenant);
    for (let place = this.first(tenant); place < end; place++) {
      if (this.#leases[place] !== lease) continue;
      this.#leases[place] = NOTHING;
    }
  }
}
