/**
 * Hosts: the agents' label `host`. `near` requests look at a host's agents; `selection: pack` wants
 * the busiest host that still has room. Agents without the label share the nameless host, which
 * counts as one for packing; nothing is near to anything there, so its agents are not listed.
 */
import type { Labels } from './words.ts';

const NAMELESS = 0;

export class Hosts {
  readonly #ids = new Map<string, number>([['', NAMELESS]]);
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
      this.#agents.push(new Set());
      this.#leases.push(0);
    }
    return id;
  }

  /** Equal labels as one object: half a million agents have few distinct ones. */
  shared(labels: Labels): Labels {
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    this.#labels.set(key, labels);
    return labels;
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
