/**
 * Hosts: the agents' label `host`. `near` requests look at a host's agents; `selection: pack` wants
 * the busiest host that still has room. Agents without the label share the nameless host, which
 * counts as one for packing; nothing is near to anything there, so its agents are not listed.
 */
import type { Labels } from './words.ts';

const NAMELESS = 0;

export class Hosts {
  readonly #ids = new Map<string, number>([['', NAMELESS]]);
  readonly #names: string[] = [''];
  readonly #agents: Set<number>[] = [new Set()];
  readonly #leases: number[] = [0];
  readonly #labels = new Map<string, Labels>();

  /** The id of the host that the labels name. */
  id(labels: Labels): number {
    const name = labels.host ?? '';
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#agents.length;
      this.#ids.set(name, id);
      this.#names.push(name);
      this.#agents.push(new Set());
      this.#leases.push(0);
    }
    return id;
  }

  /** Equal labels as one object, its keys sorted: half a million agents have few distinct ones. */
  shared(labels: Labels): Labels {
    const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify(entries);
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    const sorted = Object.fromEntries(entries);
    this.#labels.set(key, sorted);
    return sorted;
  }

  /** Agents without the label `host` are not near each other. */
  isNamed(host: number): boolean {
    return host !== NAMELESS;
  }

  /** The busier host first, then by name: an order that outlives a restart. */
  before(a: number, b: number): boolean {
    const more = this.#leases[a] - this.#leases[b];
    return more !== 0 ? more > 0 : this.#names[a] < this.#names[b];
  }

  agents(host: number): ReadonlySet<number> {
    return this.#agents[host];
  }

  add(host: number, agent: number): void {
    if (host !== NAMELESS) this.#agents[host].add(agent);
  }

  remove(host: number, agent: number): void {
    this.#agents[host].delete(agent);
  }

  /** Leases that the host's agents hold. */
  leases(host: number): number {
    return this.#leases[host];
  }

  addLeases(host: number, change: number): void {
    this.#leases[host] += change;
  }
}
