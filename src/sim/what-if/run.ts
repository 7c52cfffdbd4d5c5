/**
 * A recording run again through the core, on a virtual clock: the same requests at the same
 * moments, each lease used as it was, the same agents coming, going and failing. Everything that
 * the pool decides it decides anew.
 *
 * Work keeps its length: what was done with a lease is done as long after its grant as it was. What
 * a tenant took up again after a rest keeps its moment. If the lease is not there any more by
 * then, the tenant asks again, and goes on when it has another one.
 */
import type { Command, LeaseCommand } from '../../core/command.ts';
import type { Event } from '../../core/event.ts';
import type { PoolOptions } from '../../core/options.ts';
import type { OutcomeOf } from '../../core/outcome.ts';
import { Pool } from '../../core/pool.ts';
import { Agenda } from './agenda.ts';
import { type FleetChange, NO_CHANGE } from './fleet-change.ts';
import { scheduleFleet } from './fleet-schedule.ts';
import { Meter, type RunFigures } from './meter.ts';
import type { HeldLease, Outcome, RecordedRequest, Recording, Use } from './recording.ts';

export interface RunResult {
  /** In the order of the recording's requests. */
  readonly outcomes: readonly Outcome[];
  readonly figures: RunFigures;
}

export interface RunOptions {
  readonly pool: PoolOptions;
  readonly change?: FleetChange;
  readonly signal?: AbortSignal;
}

interface SimLease {
  readonly id: string;
  token: number;
  agent: string;
  isLive: boolean;
  /** Who works with it now. */
  readonly workers: Set<Session>;
  /** The session whose grant it was. */
  owner: Session | null;
  assignments: number;
}

/** What a request is asked with, also when its tenant asks again. */
type Wish = Pick<RecordedRequest, 'tenant' | 'purpose' | 'priority' | 'demand' | 'lifetimeMs'>;

/** A tenant on its way through one recorded use. */
interface Session {
  readonly wish: Wish;
  readonly use: Use;
  lease: SimLease | null;
  /** By how much later than recorded things happen. */
  shift: number;
  next: number;
}

interface Waiting {
  readonly since: number;
  /** A request of the recording, or a session that asks again. */
  readonly request: { readonly index: number; readonly recorded: RecordedRequest } | null;
  readonly sessions: readonly Session[];
  readonly leases: SimLease[];
}

export function runRecording(recording: Recording, options: RunOptions): RunResult {
  return new Run(recording, options).run();
}

const ACTIONS_BETWEEN_CHECKS = 4_096;

class Run {
  readonly #recording: Recording;
  readonly #pool: Pool;
  readonly #agenda = new Agenda();
  readonly #meter: Meter;
  readonly #signal: AbortSignal | undefined;
  readonly #change: FleetChange;
  readonly #hasRunners: boolean;
  readonly #outcomes: Outcome[];
  /** Of those who asked again. */
  readonly #more: Outcome[] = [];
  readonly #leases = new Map<string, SimLease>();
  readonly #waiting = new Map<string, Waiting>();
  /** The lease of this run for one of the recording. */
  readonly #recordedLeases = new Map<string, string>();
  #now: number;
  #leastTick = 0;

  constructor(recording: Recording, { pool, change = NO_CHANGE, signal }: RunOptions) {
    const { start, from, to, requests } = recording;
    // Nobody sends heartbeats; who was lost when is known.
    this.#pool = new Pool({ ...pool, health: { ...pool.health, heartbeatTimeoutMs: 0 } });
    this.#pool.restore(start);
    this.#pool.resume(from);
    this.#recording = recording;
    this.#meter = new Meter(this.#pool, from, to);
    this.#change = change;
    this.#signal = signal;
    this.#now = from;
    this.#hasRunners = recording.fleet.some(({ command }) => command.type === 'connect_agents');
    this.#outcomes = requests.map(() => WAITING);
  }

  run(): RunResult {
    const { requests, held, to } = this.#recording;
    scheduleFleet(this.#recording, this.#change, (at, number, command) => {
      this.#agenda.add(at, number, () => this.#execute(command));
    });
    for (const lease of held) this.#hold(lease);
    for (const [index, recorded] of requests.entries()) this.#plan(index, recorded);
    for (let done = 0; this.#advance(to); done += 1) {
      if (done % ACTIONS_BETWEEN_CHECKS === 0) this.#signal?.throwIfAborted();
    }
    return this.#finish(to);
  }

  #finish(to: number): RunResult {
    for (const { request, since } of this.#waiting.values()) {
      const outcome = { ...WAITING, waitMs: to - since };
      if (request === null) this.#more.push(outcome);
      else this.#outcomes[request.index] = outcome;
    }
    this.#meter.advance(to);
    const figures = this.#meter.figures([...this.#outcomes, ...this.#more], this.#more.length);
    return { outcomes: this.#outcomes, figures };
  }

  /** The next thing that happens, the pool's own before others of that moment; false at the end. */
  #advance(to: number): boolean {
    const tickAt = Math.max(this.#pool.nextDeadline(), this.#leastTick);
    const isTick = tickAt <= this.#agenda.nextAt;
    const at = isTick ? tickAt : this.#agenda.nextAt;
    if (at >= to) return false;
    this.#now = Math.max(this.#now, at);
    if (!isTick) {
      this.#agenda.take()?.act();
      return true;
    }
    // What is still due then is looked at a moment later, so that time goes on in any case.
    this.#leastTick = this.#now + 1;
    this.#execute({ type: 'tick' });
    return true;
  }

  #plan(index: number, recorded: RecordedRequest): void {
    const { at, number, ticket, cancelled, uses } = recorded;
    if (ticket === undefined) this.#agenda.add(at, number, () => this.#ask(index, recorded));
    else {
      const sessions = uses.map((use) => sessionOf(recorded, use));
      const request = { index, recorded };
      this.#waiting.set(ticket, { since: at, request, sessions, leases: [] });
    }
    if (cancelled === undefined) return;
    this.#agenda.add(cancelled.at, cancelled.number, () => this.#cancel(index));
  }

  #cancel(index: number): void {
    for (const [ticket, { request }] of this.#waiting) {
      if (request?.index !== index) continue;
      this.#execute({ type: 'cancel_ticket', ticket });
      return;
    }
  }

  #ask(index: number, recorded: RecordedRequest): void {
    const { count, patienceMs, near, reuse, uses } = recorded;
    const hosts = near.flatMap((id) => this.#recordedLeases.get(id) ?? []);
    const live = hosts.filter((id) => this.#leases.has(id));
    const sessions = uses.map((use) => sessionOf(recorded, use));
    this.#request(
      {
        ...leaseOf(recorded),
        ...{ count, reuse },
        ...(patienceMs !== undefined && { queueTimeoutMs: patienceMs }),
        ...(live.length > 0 && { near: live }),
      },
      { index, recorded },
      sessions,
    );
  }

  /** The lease has ended under the tenant's hands, or before it came back to it. */
  #askAgain(session: Session): void {
    session.lease = null;
    this.#request({ ...leaseOf(session.wish), count: 1 }, null, [session]);
  }

  #request(command: LeaseCommand, request: Waiting['request'], sessions: readonly Session[]): void {
    const since = this.#now;
    const outcome = this.#execute(command, (answer) => {
      // It may be served with this very command: its events must find it.
      if (answer.outcome !== 'queued') return;
      this.#waiting.set(answer.ticket.ticketId, { since, request, sessions, leases: [] });
    });
    if (outcome.outcome === 'queued') return;
    if (outcome.outcome === 'refused') {
      const { code } = outcome;
      this.#settle(request, {
        ...{ outcome: 'refused', code, queued: false, waitMs: 0, agents: [], warm: false },
      });
      for (const session of sessions) this.#giveUp(session);
      return;
    }
    const { reused, warm, leases } = outcome;
    this.#settle(request, {
      ...{ outcome: reused ? 'reused' : 'granted', queued: false, waitMs: 0, warm },
      agents: leases.map(({ agentId }) => agentId),
    });
    const held = leases.map(({ leaseId, token, agentId }) => this.#lease(leaseId, token, agentId));
    this.#begin(sessions, held, request === null, !reused);
  }

  #settle(request: Waiting['request'], outcome: Outcome): void {
    if (request === null) this.#more.push(outcome);
    else this.#outcomes[request.index] = outcome;
  }

  #begin(
    sessions: readonly Session[],
    leases: readonly SimLease[],
    isAgain: boolean,
    isNew: boolean,
  ): void {
    for (const [nth, session] of sessions.entries()) {
      const lease = leases[nth];
      if (lease === undefined) continue;
      session.lease = lease;
      this.#recordedLeases.set(session.use.lease, lease.id);
      if (isNew) {
        lease.owner = session;
        this.#accept(lease);
      }
      if (isAgain) {
        const step = session.use.steps[session.next];
        session.shift = this.#now - (step?.at ?? this.#now);
        this.#step(session);
      } else {
        session.shift = this.#now - session.use.grantedAt;
        lease.workers.add(session);
        this.#next(session);
      }
    }
  }

  /** What was being done is left undone; the tenant comes back when it came back after a rest. */
  #giveUp(session: Session): void {
    session.lease = null;
    const { steps } = session.use;
    const next = steps.findIndex(({ kind }, index) => {
      const wasIdle = steps[index - 1]?.kind === 'idle';
      return index > session.next && wasIdle && (kind === 'active' || kind === 'touch');
    });
    session.next = next < 0 ? steps.length : next;
    this.#next(session);
  }

  #next(session: Session): void {
    const step = session.use.steps[session.next];
    if (step === undefined) return;
    const wasIdle = session.use.steps[session.next - 1]?.kind === 'idle';
    const comesBack = wasIdle && (step.kind === 'active' || step.kind === 'touch');
    if (comesBack) session.shift = 0;
    const at = Math.max(this.#now, step.at + session.shift);
    session.shift = at - step.at;
    this.#agenda.add(at, step.number, () => this.#step(session));
  }

  #step(session: Session): void {
    const step = session.use.steps[session.next];
    if (step === undefined) return;
    const lease = session.lease?.isLive === true ? session.lease : null;
    if (lease === null && (step.kind === 'active' || step.kind === 'touch')) {
      this.#askAgain(session);
      return;
    }
    session.next += 1;
    if (lease !== null) this.#carryOut(session, lease, step.kind);
    this.#next(session);
  }

  #carryOut(session: Session, lease: SimLease, kind: 'active' | 'idle' | 'touch' | 'end'): void {
    const { id, token, workers } = lease;
    if (kind === 'touch') this.#touch(session, lease);
    else if (kind === 'active') {
      workers.add(session);
      this.#execute({ type: 'report', lease: id, state: 'active', token });
    } else {
      workers.delete(session);
      // Others of the tenant still work with it.
      if (workers.size > 0) return;
      if (kind === 'idle') this.#execute({ type: 'report', lease: id, state: 'idle', token });
      else this.#execute({ type: 'release', lease: id });
    }
  }

  /** Asked for again before it was used: in words that no other lease of the tenant should meet. */
  #touch({ wish: { tenant, purpose } }: Session, { agent }: SimLease): void {
    const view = this.#pool.agent(agent);
    if (view === null) return;
    const { specialization, tools, tier: minTier, costPerHour: maxCostPerHour } = view;
    const demand = { specialization, tools, minTier, maxCostPerHour };
    this.#execute({ type: 'lease', tenant, purpose, ...demand, queue: false });
  }

  #hold({ lease: id, isActive, use, ...wish }: HeldLease): void {
    const view = this.#pool.lease(id);
    if (view === null) return;
    const lease = this.#lease(id, view.token, view.agentId);
    this.#recordedLeases.set(id, id);
    const session: Session = { wish, use, lease, shift: 0, next: 0 };
    lease.owner = session;
    if (isActive) lease.workers.add(session);
    this.#accept(lease);
    this.#next(session);
  }

  #lease(id: string, token: number, agent: string): SimLease {
    const known = this.#leases.get(id);
    if (known !== undefined) return known;
    const lease: SimLease = {
      ...{ id, token, agent, isLive: true, owner: null, assignments: 0 },
      workers: new Set(),
    };
    this.#leases.set(id, lease);
    return lease;
  }

  /** As fast as the agent of the recording did, for each agent in turn. */
  #accept(lease: SimLease): void {
    if (!this.#hasRunners || lease.owner === null) return;
    const { accepts } = lease.owner.use;
    const after = lease.assignments < accepts.length ? accepts[lease.assignments] : 0;
    lease.assignments += 1;
    if (after === null || after === undefined) return;
    const { id, token } = lease;
    this.#agenda.add(this.#now + after, null, () => {
      if (lease.isLive && lease.token === token) {
        this.#execute({ type: 'accept_lease', lease: id, token });
      }
    });
  }

  #execute<C extends Command>(
    command: C,
    beforeEvents?: (outcome: OutcomeOf<C>) => void,
  ): OutcomeOf<C> {
    const outcome = this.#pool.execute(command, this.#now);
    beforeEvents?.(outcome);
    for (const event of this.#pool.takeEvents()) {
      this.#meter.note(event);
      this.#note(event);
    }
    return outcome;
  }

  #note(event: Event): void {
    switch (event.type) {
      case 'lease_granted': {
        const lease = this.#lease(event.lease, event.token, event.agent);
        if (event.ticket !== undefined) this.#waiting.get(event.ticket)?.leases.push(lease);
        break;
      }
      case 'lease_moved': {
        const lease = this.#lease(event.lease, event.token, event.agent);
        lease.token = event.token;
        lease.agent = event.agent;
        this.#accept(lease);
        break;
      }
      case 'lease_ended': {
        const lease = this.#leases.get(event.lease);
        if (lease !== undefined) lease.isLive = false;
        this.#leases.delete(event.lease);
        break;
      }
      case 'ticket_ended':
        this.#ticketEnded(event);
        break;
      default:
    }
  }

  #ticketEnded({ ticket, state, at }: Extract<Event, { type: 'ticket_ended' }>): void {
    const waiting = this.#waiting.get(ticket);
    if (waiting === undefined) return;
    this.#waiting.delete(ticket);
    const { request, sessions, leases, since } = waiting;
    this.#settle(request, {
      ...{ outcome: state, queued: true, waitMs: at - since },
      agents: leases.map(({ agent }) => agent),
      warm: leases.length > 0 && leases.every(({ id }) => this.#pool.lease(id)?.warm === true),
    });
    if (state !== 'granted') {
      for (const session of sessions) this.#giveUp(session);
      return;
    }
    const claim = request?.recorded.claim;
    if (claim !== null) {
      const claimed = (): void => void this.#execute({ type: 'claim_ticket', ticket });
      this.#agenda.add(at + (claim?.afterMs ?? 0), claim?.number ?? null, claimed);
    }
    // After the command that this is part of.
    this.#agenda.add(at, 0, () => this.#begin(sessions, leases, request === null, true));
  }
}

const WAITING: Outcome = {
  ...{ outcome: 'waiting', queued: true, waitMs: 0, agents: [], warm: false },
};

function sessionOf(wish: Wish, use: Use): Session {
  return { wish, use, lease: null, shift: 0, next: 0 };
}

function leaseOf({ tenant, purpose, priority, demand, lifetimeMs }: Wish): LeaseCommand {
  return {
    ...{ type: 'lease', tenant, purpose, priority, ...demand },
    ...(lifetimeMs !== undefined && { lifetimeMs }),
  };
}
