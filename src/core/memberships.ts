/** Which agents may serve which tenants at all: a bot must have been invited to a guild. */

const NOBODY: ReadonlySet<number> = new Set();

export class Memberships {
  readonly #agentsOfTenant = new Map<number, Set<number>>();
  readonly #tenantsOfAgent = new Map<number, Set<number>>();

  has(agent: number, tenant: number): boolean {
    return this.#agentsOfTenant.get(tenant)?.has(agent) ?? false;
  }

  add(agent: number, tenant: number): void {
    link(this.#agentsOfTenant, tenant, agent);
    link(this.#tenantsOfAgent, agent, tenant);
  }

  remove(agent: number, tenant: number): void {
    unlink(this.#agentsOfTenant, tenant, agent);
    unlink(this.#tenantsOfAgent, agent, tenant);
  }

  /** In the order in which they were added. */
  agentsOf(tenant: number): ReadonlySet<number> {
    return this.#agentsOfTenant.get(tenant) ?? NOBODY;
  }

  tenantsOf(agent: number): ReadonlySet<number> {
    return this.#tenantsOfAgent.get(agent) ?? NOBODY;
  }

  /** All pairs, agent by agent. */
  *pairs(): IterableIterator<readonly [agent: number, tenant: number]> {
    for (const [agent, tenants] of this.#tenantsOfAgent) {
      for (const tenant of tenants) yield [agent, tenant];
    }
  }
}

function link(map: Map<number, Set<number>>, key: number, value: number): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, new Set([value]));
  else values.add(value);
}

function unlink(map: Map<number, Set<number>>, key: number, value: number): void {
  const values = map.get(key);
  if (values === undefined || !values.delete(value)) return;
  if (values.size === 0) map.delete(key);
}
