/**
 * Events into inputs. Leases that were granted together were one request. A tenant that held a
 * lease which would have done, and got another one, had asked for another one. The rest is taken
 * down as it stands: what tenants did with their leases, when they left the queue, how agents came,
 * went and failed. What the pool decided by itself (timeouts, reclaims, expiries, patience with
 * runners) is left out: a run decides it anew.
 */
import type { AgentSpec } from '../../core/command.ts';
import type { Demand, Event } from '../../core/event.ts';
import { TIERS } from '../../core/words.ts';
import type { FleetRecorder } from './fleet-recorder.ts';
import type { HeldLease, Outcome, RecordedRequest, Step, Use } from './recording.ts';

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

interface LiveLease {
  readonly tenant: string;
  readonly purpose: string;
  agent: string;
  readonly use: Use;
  isIdle: boolean;
  assignedAt: number;
}

export interface QueuedAtStart {
  readonly ticket: string;
  readonly request: Omit<RecordedRequest, 'count' | 'uses' | 'happened'> & {
    readonly count: number;
  };
}

const WAITING: Outcome = {
  ...{ outcome: 'waiting', queued: true, waitMs: 0, agents: [], warm: false },
};

export class Recorder {
  readonly requests: RecordedRequest[] = [];
  readonly fleet: FleetRecorder;
  readonly idleTimeouts: Map<string, number> = new Map();
  readonly changedTimeouts: Set<string> = new Set();
  /** Of requests that named none. */
  readonly #usualPatienceMs: number;
  readonly #live = new Map<string, LiveLease>();
  readonly #byTenant = new Map<string, Set<LiveLease>>();
  readonly #tickets = new Map<string, RecordedRequest>();
  readonly #grantedAt = new Map<string, number>();
  /** Of requests that got nothing: the last use of their purpose before they ended. */
  readonly #borrowed = new Map<RecordedRequest, Use>();
  readonly #lastUse = new Map<string, Use>();
  /** The last event, if leases that come now may belong to its request. */
  #open: { readonly number: number; readonly event: Of<'lease_granted'> } | null = null;

  constructor(
    fleet: FleetRecorder,
    held: readonly (HeldLease & { readonly agent: string })[],
    queued: readonly QueuedAtStart[],
    usualPatienceMs: number,
  ) {
    this.fleet = fleet;
    this.#usualPatienceMs = usualPatienceMs;
    for (const { lease, tenant, purpose, agent, isActive, use } of held) {
      const { grantedAt: assignedAt } = use;
      this.#add(lease, { tenant, purpose, agent, use, isIdle: !isActive, assignedAt });
    }
    for (const { ticket, request } of queued) {
      const full = { ...request, ticket, uses: [], happened: WAITING };
      this.requests.push(full);
      this.#tickets.set(ticket, full);
    }
  }

  note(event: Event, number: number): void {
    this.fleet.note(event, number);
    switch (event.type) {
      case 'lease_granted':
        this.#granted(event, number);
        return;
      case 'lease_accepted':
        this.#accepted(event);
        break;
      case 'lease_reported':
        this.#reported(event, number);
        break;
      case 'lease_moved':
        this.#moved(event);
        break;
      case 'lease_ended':
        this.#ended(event, number);
        break;
      case 'ticket_queued':
        this.#queued(event, number);
        break;
      case 'ticket_ended':
        this.#ticketEnded(event, number);
        break;
      case 'ticket_claimed':
        this.#claimed(event, number);
        break;
      default:
    }
    this.#open = null;
  }

  /** What is still open ends with the recording. */
  finish(to: number): void {
    for (const request of this.#tickets.values()) {
      if (request.happened.outcome !== 'waiting') continue;
      request.happened = { ...request.happened, waitMs: to - request.at };
      this.#borrow(request);
    }
    for (const [request, use] of this.#borrowed) {
      const first = firstEpisode(use);
      request.uses = Array.from({ length: request.count }, () => first);
    }
  }

  #granted(event: Of<'lease_granted'>, number: number): void {
    const { lease, agent, tenant, purpose, at, ticket, idleTimeoutMs } = event;
    const known = this.idleTimeouts.get(purpose);
    if (known !== undefined && known !== idleTimeoutMs) this.changedTimeouts.add(purpose);
    this.idleTimeouts.set(purpose, idleTimeoutMs);
    const use: Use = { lease, grantedAt: at, steps: [], accepts: [] };
    let request: RecordedRequest | undefined;
    if (ticket !== undefined) {
      request = this.#tickets.get(ticket);
    } else {
      const last = this.requests.at(-1);
      const joins = this.#open?.number === number - 1 && isSameRequest(this.#open.event, event);
      if (joins && last !== undefined) {
        request = last;
        request.count += 1;
      } else request = this.#request(event, number);
      this.#open = { number, event };
    }
    if (request !== undefined) {
      request.uses.push(use);
      const { agents, warm } = request.happened;
      request.happened = {
        ...request.happened,
        agents: [...agents, agent],
        warm: (agents.length === 0 || warm) && event.warm,
      };
    }
    if (ticket !== undefined) this.#open = null;
    const live = { tenant, purpose, agent, use, isIdle: false, assignedAt: at };
    this.#assign(live, agent, at);
    this.#add(lease, live);
    this.#lastUse.set(purpose, use);
  }

  #request(event: Of<'lease_granted'>, number: number): RecordedRequest {
    const { at, tenant, purpose, priority, demand = {}, endsAt } = event;
    const request: RecordedRequest = {
      ...{ number, at, tenant, purpose, priority, demand },
      ...(endsAt !== undefined && { lifetimeMs: endsAt - at }),
      near: [],
      reuse: !this.#couldReuse(tenant, purpose, demand, 1),
      count: 1,
      uses: [],
      happened: { outcome: 'granted', queued: false, waitMs: 0, agents: [], warm: false },
    };
    this.requests.push(request);
    return request;
  }

  #queued(event: Of<'ticket_queued'>, number: number): void {
    const { ticket, at, tenant, purpose, priority, count, expiresAt, lifetimeMs, near } = event;
    const { demand = {} } = event;
    const request: RecordedRequest = {
      ...{ number, at, tenant, purpose, priority, demand, count },
      ...(lifetimeMs !== undefined && { lifetimeMs }),
      ...(expiresAt - at !== this.#usualPatienceMs && { patienceMs: expiresAt - at }),
      near: near ?? [],
      reuse: !this.#couldReuse(tenant, purpose, demand, count),
      uses: [],
      happened: WAITING,
    };
    this.requests.push(request);
    this.#tickets.set(ticket, request);
  }

  #ticketEnded({ ticket, state, at }: Of<'ticket_ended'>, number: number): void {
    const request = this.#tickets.get(ticket);
    if (request === undefined) return;
    request.happened = { ...request.happened, outcome: state, waitMs: at - request.at };
    if (state === 'granted') {
      this.#grantedAt.set(ticket, at);
      request.claim = null;
      return;
    }
    this.#tickets.delete(ticket);
    if (state === 'cancelled') request.cancelled = { at, number };
    this.#borrow(request);
  }

  #claimed({ ticket, at }: Of<'ticket_claimed'>, number: number): void {
    const request = this.#tickets.get(ticket);
    const grantedAt = this.#grantedAt.get(ticket);
    if (request !== undefined && grantedAt !== undefined) {
      request.claim = { afterMs: at - grantedAt, number };
    } else this.fleet.inputs.push({ at, number, command: { type: 'claim_ticket', ticket } });
    this.#tickets.delete(ticket);
    this.#grantedAt.delete(ticket);
  }

  #borrow(request: RecordedRequest): void {
    const use = this.#lastUse.get(request.purpose) ?? [...this.#lastUse.values()].at(-1);
    if (use !== undefined) this.#borrowed.set(request, use);
  }

  #accepted({ lease, at }: Of<'lease_accepted'>): void {
    const live = this.#live.get(lease);
    if (live === undefined || live.use.accepts.length === 0) return;
    live.use.accepts[live.use.accepts.length - 1] = at - live.assignedAt;
  }

  #reported({ lease, at, state }: Of<'lease_reported'>, number: number): void {
    const live = this.#live.get(lease);
    if (live === undefined) return;
    live.isIdle = state === 'idle';
    this.#step(live, { at, number, kind: state === 'allocated' ? 'touch' : state });
  }

  #moved({ lease, agent, at }: Of<'lease_moved'>): void {
    const live = this.#live.get(lease);
    if (live === undefined) return;
    live.agent = agent;
    live.isIdle = false;
    this.#assign(live, agent, at);
  }

  #ended({ lease, at, reason }: Of<'lease_ended'>, number: number): void {
    const live = this.#live.get(lease);
    if (live === undefined) return;
    this.#live.delete(lease);
    this.#byTenant.get(live.tenant)?.delete(live);
    this.fleet.leaseEnded(live.agent, reason, !live.isIdle, at);
    // Timeouts, reclaims and lifetimes are the pool's; work that was cut off was over then.
    const isCutOff = !live.isIdle && CUT_OFF.has(reason);
    if (reason === 'released' || isCutOff) this.#step(live, { at, number, kind: 'end' });
  }

  #step({ use }: LiveLease, step: Step): void {
    use.steps.push(step);
  }

  #assign(live: LiveLease, agent: string, at: number): void {
    live.assignedAt = at;
    live.use.accepts.push(this.fleet.isHosted(agent) ? null : 0);
  }

  #add(lease: string, live: LiveLease): void {
    this.#live.set(lease, live);
    const others = this.#byTenant.get(live.tenant);
    if (others) others.add(live);
    else this.#byTenant.set(live.tenant, new Set([live]));
  }

  #couldReuse(tenant: string, purpose: string, demand: Demand, count: number): boolean {
    let fitting = 0;
    for (const live of this.#byTenant.get(tenant) ?? []) {
      const spec = this.fleet.specOf(live.agent);
      if (live.purpose === purpose && spec !== undefined && fits(spec, demand)) fitting += 1;
    }
    return fitting >= count;
  }
}

const CUT_OFF: ReadonlySet<string> = new Set([
  'agent_lost',
  'agent_failed_to_accept',
  'drained',
  'scaled_down',
]);

function isSameRequest(a: Of<'lease_granted'>, b: Of<'lease_granted'>): boolean {
  return (
    a.at === b.at &&
    a.tenant === b.tenant &&
    a.purpose === b.purpose &&
    a.priority === b.priority &&
    a.endsAt === b.endsAt &&
    JSON.stringify([a.demand, a.metadata]) === JSON.stringify([b.demand, b.metadata])
  );
}

function fits(spec: AgentSpec, { specialization, tools = [], minTier, maxCostPerHour }: Demand) {
  return (
    (specialization === undefined || spec.specialization === specialization) &&
    tools.every((tool) => spec.tools.includes(tool)) &&
    (minTier === undefined || TIERS.indexOf(spec.tier) >= TIERS.indexOf(minTier)) &&
    (maxCostPerHour === undefined || spec.costPerHour <= maxCostPerHour)
  );
}

/** Up to the first rest that was followed by more. */
function firstEpisode(use: Use): Use {
  const next = use.steps.findIndex(({ kind }, index) => {
    return index > 0 && use.steps[index - 1]?.kind === 'idle' && kind !== 'idle' && kind !== 'end';
  });
  return next < 0 ? use : { ...use, steps: use.steps.slice(0, next) };
}
