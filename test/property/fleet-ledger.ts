/**
 * What the events of a pool say of the agents that it starts by itself, written down in the
 * plainest form, and what must never be in them.
 */
import { assert } from '../../src/core/assert.ts';
import type { Command } from '../../src/core/command.ts';
import type { Event } from '../../src/core/event.ts';

export interface Known {
  readonly kind: string;
  readonly managed: boolean;
  protected: boolean;
  readonly port: string | undefined;
  starting: boolean;
  draining: boolean;
  retiring: boolean;
  health: string;
}

interface Held {
  agent: string;
  token: number;
  state: string;
}

export class Ledger {
  readonly all: Event[] = [];
  readonly agents = new Map<string, Known>();
  readonly leases = new Map<string, Held>();
  /** Ids that anybody has ever had. */
  readonly #ids = new Set<string>();
  /** Agents that come in a lost agent's place, each with that agent. */
  readonly replacements = new Map<string, string>();
  recorded = 0;
  enabled: boolean | null = null;
  readonly lastUpAt = new Map<string, number>();
  readonly lastDownAt = new Map<string, number>();
  readonly #met: Set<string>;

  /** `met` collects what was reached. */
  constructor(met: Set<string>) {
    this.#met = met;
  }

  note(command: Command, events: readonly Event[]): void {
    const leaving = new Set([...this.agents].filter(([, a]) => a.retiring).map(([id]) => id));
    for (const event of events) {
      this.all.push(event);
      this.#noteAgent(command, event, leaving);
      this.#noteLease(event);
      this.#noteScaling(event);
    }
  }

  agent(id: string): Known {
    const agent = this.agents.get(id);
    assert(agent !== undefined, `${id} is registered`);
    return agent;
  }

  heldBy(id: string): string[] {
    return [...this.leases].filter(([, { agent }]) => agent === id).map(([lease]) => lease);
  }

  #noteAgent(command: Command, event: Event, leaving: ReadonlySet<string>): void {
    switch (event.type) {
      case 'agent_registered': {
        const { agent: id, managed = false, specialization, labels } = event;
        if (command.type === 'check_fleet') {
          assert(managed, `${id} is managed by whoever has started it`);
          assert(!this.#ids.has(id), `the id ${id} is given out once`);
        }
        this.#ids.add(id);
        const { port } = labels;
        for (const [other, known] of this.agents) {
          const isFree = port === undefined || known.port !== port;
          assert(isFree, `${id} and ${other} have ports of their own`);
        }
        this.agents.set(id, {
          ...{ kind: specialization, managed, protected: event.protected, port },
          ...{ starting: managed, draining: false, retiring: false, health: 'healthy' },
        });
        return;
      }
      case 'agent_updated': {
        const { agent: id, protected: isProtected } = event;
        if (isProtected === undefined) return;
        this.agent(id).protected = isProtected;
        for (const [by, replaced] of this.replacements) {
          if (!isProtected || replaced !== id) continue;
          this.replacements.delete(by);
          this.#met.add('protected while it is replaced');
        }
        return;
      }
      case 'agent_draining':
        Object.assign(this.agent(event.agent), { draining: true, retiring: event.retiring });
        return;
      case 'agent_resumed':
        Object.assign(this.agent(event.agent), { draining: false, retiring: false });
        return;
      case 'agent_starting':
        Object.assign(this.agent(event.agent), { starting: true, health: 'healthy' });
        return;
      case 'agent_started':
        assert(this.agent(event.agent).starting, `${event.agent} was starting`);
        this.agent(event.agent).starting = false;
        return;
      case 'agent_health_changed':
        this.agent(event.agent).health = event.health;
        if (event.cause === 'exit') this.agent(event.agent).starting = false;
        return;
      case 'agent_retired': {
        const { agent: id } = event;
        const asked = command.type === 'retire_agent' || leaving.has(id);
        assert(asked || !this.agent(id).protected, `${id} is protected and leaves only if asked`);
        assert(this.heldBy(id).length === 0, `${id} leaves without leases`);
        this.agents.delete(id);
        this.replacements.delete(id);
        for (const [by, replaced] of this.replacements) {
          if (replaced === id) this.replacements.delete(by);
        }
        this.#met.add(asked ? 'left as asked' : `left by ${command.type}`);
        return;
      }
      default:
    }
  }

  #noteLease(event: Event): void {
    switch (event.type) {
      case 'lease_granted': {
        const { lease, agent, token } = event;
        this.#mayServe(agent, lease);
        this.leases.set(lease, { agent, token, state: 'allocated' });
        return;
      }
      case 'lease_reported':
        (this.leases.get(event.lease) as Held).state = event.state;
        return;
      case 'lease_moved': {
        const { lease, agent, token } = event;
        const held = this.leases.get(lease) as Held;
        this.#mayServe(agent, lease);
        assert(token > held.token, `${lease} moves under a bigger token`);
        assert(agent !== held.agent, `${lease} moves to another agent`);
        const isReplacement = this.replacements.get(agent) === held.agent;
        this.#met.add(isReplacement ? 'moved to the replacement' : 'moved to another');
        this.leases.set(lease, { agent, token, state: 'allocated' });
        return;
      }
      case 'lease_ended': {
        const { lease, reason } = event;
        const held = this.leases.get(lease) as Held;
        if (reason === 'scaled_down') assert(held.state === 'idle', `${lease} was idle`);
        if (reason === 'agent_lost') this.#checkLoss(held.agent, lease);
        this.#met.add(`ended ${reason}`);
        this.leases.delete(lease);
        return;
      }
      default:
    }
  }

  /** A fit agent's lease may end so only where a replacement takes over from one that is back. */
  #checkLoss(id: string, lease: string): void {
    const { health, starting } = this.agent(id);
    const isLost = health === 'unhealthy' || starting;
    const isReplaced = [...this.replacements].some(
      ([by, old]) =>
        old === id && !this.agent(by).starting && this.agent(by).health !== 'unhealthy',
    );
    assert(isLost || isReplaced, `${lease} ends as lost only if ${id} is lost`);
  }

  #mayServe(id: string, lease: string): void {
    const { starting, draining, health } = this.agent(id);
    assert(!starting, `${id} does not start when it is given ${lease}`);
    assert(!draining, `${id} does not drain when it is given ${lease}`);
    assert(health !== 'unhealthy', `${id} is fit when it is given ${lease}`);
  }

  #noteScaling(event: Event): void {
    if (event.type === 'scaling_switched') this.enabled = event.enabled;
    if (event.type !== 'scaling_recorded') return;
    const { kind, specialization, agent, at, replaces } = event;
    this.recorded++;
    this.#met.add(kind === 'replace_unhealthy' && replaces === agent ? 'came back' : kind);
    if (kind === 'scale_up') this.lastUpAt.set(specialization, at);
    if (kind === 'scale_down') this.lastDownAt.set(specialization, at);
    if (replaces !== undefined && replaces !== agent) this.replacements.set(agent, replaces);
  }
}
