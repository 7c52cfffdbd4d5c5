/**
 * How agents came, went and failed, as commands. Silence was judged from heartbeats that no journal
 * has, so a loss becomes an agent's own word: it is unhealthy from then on, and healthy again when
 * it was heard of.
 */
import type { AgentSpec, Command } from '../../core/command.ts';
import type { Event } from '../../core/event.ts';
import type { EndReason } from '../../core/words.ts';
import type { FleetInput, KnownAgent } from './recording.ts';

export class FleetRecorder {
  readonly inputs: FleetInput[] = [];
  readonly agents: KnownAgent[] = [];
  peak = 0;
  readonly #specs = new Map<string, AgentSpec>();
  readonly #hosted = new Set<string>();
  /** The last departure of each agent that is leaving. */
  readonly #departures = new Map<string, { readonly at: number; readonly command: Retire }>();
  /** Agents that were registered together, while more of them can come. */
  #arrival: { readonly at: number; next: number; readonly agents: Spec[] } | null = null;

  /** `hosted`: agents that a runner hosts already. */
  constructor(known: readonly KnownAgent[], hosted: Iterable<string>) {
    for (const agent of known) {
      this.agents.push(agent);
      this.#specs.set(agent.spec.agentId, agent.spec);
    }
    for (const agent of hosted) this.#hosted.add(agent);
    this.peak = this.#specs.size;
  }

  specOf(agent: string): AgentSpec | undefined {
    return this.#specs.get(agent);
  }

  isHosted(agent: string): boolean {
    return this.#hosted.has(agent);
  }

  note(event: Event, number: number): void {
    if (this.#joinsArrival(event, number)) return;
    this.#arrival = null;
    const command =
      event.type === 'agent_registered' ? this.#arrive(event, number) : this.#commandOf(event);
    if (command !== null) this.inputs.push({ at: event.at, number, command });
  }

  /** Work that ends in the moment of its agent's departure shows that this was forced. */
  leaseEnded(agent: string, reason: EndReason, wasBusy: boolean, at: number): void {
    const departure = this.#departures.get(agent);
    if (departure?.at === at && reason === 'drained' && wasBusy) departure.command.force = true;
  }

  #commandOf(event: Event): Command | null {
    switch (event.type) {
      case 'agent_updated': {
        const { type: _type, at: _at, agent, credential: _credential, ...changes } = event;
        const spec = this.#specs.get(agent);
        if (spec !== undefined) this.#specs.set(agent, { ...spec, ...changes });
        return { type: 'update_agent', agent, changes };
      }
      case 'agent_draining': {
        const { agent, at, retiring } = event;
        if (!retiring) return { type: 'drain_agent', agent };
        const command: Retire = { type: 'retire_agent', agent };
        this.#departures.set(agent, { at, command });
        return command;
      }
      case 'agent_resumed':
        return { type: 'resume_agent', agent: event.agent };
      case 'agent_retired':
        this.#specs.delete(event.agent);
        this.#hosted.delete(event.agent);
        this.#departures.delete(event.agent);
        return null;
      case 'agent_starting':
        return { type: 'agent_starting', agent: event.agent };
      case 'agent_started':
        return { type: 'heartbeat', agents: [[event.agent]] };
      case 'agents_connected': {
        const { runner, agents } = event;
        for (const agent of agents) this.#hosted.add(agent);
        return { type: 'connect_agents', runner, agents: agents.map((agentId) => ({ agentId })) };
      }
      case 'agents_disconnected':
        return { type: 'disconnect_agents', agents: event.agents };
      case 'agent_budget_changed':
        return { type: 'set_budget', agent: event.agent, available: event.available };
      case 'membership_changed': {
        const { agent, tenant, member } = event;
        return { type: 'set_membership', agent, tenant, member };
      }
      case 'agent_health_changed': {
        const { agent, health, cause } = event;
        if (cause === 'disconnect') this.#hosted.delete(agent);
        // The pool's own patience with runners: a run has the same.
        if (cause === 'disconnect' || cause === 'accept') return null;
        return { type: 'heartbeat', agents: [[agent]], health };
      }
      default:
        return null;
    }
  }

  #arrive(event: Registered, number: number): Command {
    const agents = [this.#specOfNew(event)];
    this.#arrival = { at: event.at, next: number + 1, agents };
    return { type: 'register', agents };
  }

  /** Agents that came together, with their memberships, came by one command. */
  #joinsArrival(event: Event, number: number): boolean {
    const arrival = this.#arrival;
    if (arrival === null || arrival.next !== number || arrival.at !== event.at) return false;
    const last = arrival.agents.at(-1);
    if (event.type === 'agent_registered') arrival.agents.push(this.#specOfNew(event));
    else if (event.type === 'membership_changed' && event.member && event.agent === last?.agentId) {
      last.memberships.push(event.tenant);
    } else return false;
    arrival.next += 1;
    return true;
  }

  #specOfNew({ type: _type, at: _at, agent, credential: _credential, ...words }: Registered): Spec {
    const spec: Spec = { agentId: agent, ...words, memberships: [] };
    this.agents.push({ spec, isThere: false, isUsed: false });
    this.#specs.set(agent, spec);
    this.peak = Math.max(this.peak, this.#specs.size);
    return spec;
  }
}

type Registered = Extract<Event, { type: 'agent_registered' }>;
type Spec = AgentSpec & { readonly memberships: string[] };
type Retire = { type: 'retire_agent'; agent: string; force?: boolean };
