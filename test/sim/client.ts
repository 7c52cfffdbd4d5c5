/**
 * A client: it asks for agents on a socket and over HTTP, uses them, lets them go, asks again when
 * an answer is lost, and watches what it has. What it believes to hold is what it was told.
 */
import type { ReportCommand } from '../../src/core/command.ts';
import type { ClientAnswer } from '../../src/protocol/client-frames.ts';
import type { Lease, LeaseRequest, Ticket } from '../../src/protocol/lease-schemas.ts';
import type { Connection } from './network.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';
import type { Violations } from './violation.ts';

/** A request that gets one answer, however often it is asked. */
interface Request {
  readonly name: string;
  readonly body: LeaseRequest;
  readonly key: string | undefined;
  isSettled: boolean;
  /** Leases or ticket of the first answer. */
  answer: string | null;
}

type Call =
  | { readonly call: 'lease'; readonly request: Request }
  | { readonly call: 'release'; readonly lease: string }
  | { readonly call: 'other' };

interface Answer extends ClientAnswer {
  readonly body: {
    readonly outcome?: 'granted' | 'queued';
    readonly code?: string;
    readonly leases?: readonly Lease[];
    readonly ticket?: Ticket;
    readonly missing?: readonly string[];
  };
}

type Push =
  | { readonly push: 'lease.lost' | 'lease.replaced'; readonly lease: Lease }
  | { readonly push: 'ticket.granted' | 'ticket.ended'; readonly ticket: Ticket };

export interface ClientWorld {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly violations: Violations;
  readonly tenants: readonly string[];
  connectClient(client: SimClient): Connection | null;
  /** Over HTTP; null when the answer was lost. */
  lease(client: SimClient, body: LeaseRequest, key: string | undefined, heard: Heard): void;
}
type Heard = (answer: Answer['body'] | null) => void;

const PATIENCE_MS = 20_000;
const MOST_WAITING = 400;

export class SimClient {
  readonly name: string;
  readonly process: SimProcess;
  /** What it holds, as far as its socket has told it, with the tokens. */
  readonly leases = new Map<string, number>();
  readonly tickets = new Set<string>();
  /** Those that it has asked to end. */
  readonly releasing = new Set<string>();
  readonly #world: ClientWorld;
  readonly #random: Random;
  readonly #calls = new Map<number, { readonly call: Call; readonly at: number }>();
  readonly #open = new Set<Request>();
  connection: Connection | null = null;
  isCalm = false;
  #lastId = 0;
  #requests = 0;

  constructor(name: string, world: ClientWorld, random: Random) {
    this.name = name;
    this.process = new SimProcess(name);
    this.#world = world;
    this.#random = random;
  }

  start(): void {
    this.#world.scheduler.soon(this.process, () => {
      this.#connect();
      this.#look();
    });
  }

  /** Calls that have no answer yet. */
  get waiting(): number {
    return this.#calls.size;
  }

  act(random: Random, count: number): void {
    this.#world.scheduler.soon(this.process, () => {
      const frame: object[] = [];
      for (let i = 0; i < count; i++) {
        const call = this.#next(random);
        if (call !== null) frame.push(call);
      }
      if (frame.length > 0) this.connection?.send(frame);
    });
  }

  /** Lets go of everything that it knows of. */
  letGo(others: readonly string[]): void {
    this.#world.scheduler.soon(this.process, () => {
      const frame: object[] = [];
      for (const lease of new Set([...this.leases.keys(), ...others]))
        frame.push(this.#release(lease));
      for (const ticket of this.tickets) frame.push(this.#cancel(ticket));
      if (frame.length > 0) this.connection?.send(frame);
    });
  }

  #next(random: Random): object | null {
    if (this.connection === null || this.#calls.size > MOST_WAITING) return null;
    const held = [...this.leases];
    const [lease, token] = held.length === 0 ? ['', 0] : random.pick(held);
    const choice = random.next();
    if (lease === '' || choice < 0.3) {
      const open = [...this.#open];
      const again = open.length > 0 && random.chance(0.2);
      return this.#lease(again ? random.pick(open) : this.#newRequest(random), random);
    }
    if (choice < 0.75) {
      const isOld = random.chance(0.1);
      const body: Omit<ReportCommand, 'type' | 'lease'> = {
        state: random.pick(['active', 'idle', 'idle']),
        token: isOld ? Math.max(1, token - random.between(1, 3)) : token,
      };
      return this.#ask({ call: 'other' }, { call: 'lease.state', lease_id: lease, body });
    }
    if (choice < 0.9) return this.#release(lease);
    if (choice < 0.94) return this.#ask({ call: 'other' }, { call: 'lease.get', lease_id: lease });
    const ticket = this.tickets.size === 0 ? '' : random.pick([...this.tickets]);
    if (ticket === '') {
      const query = { tenant: random.pick(this.#world.tenants) };
      return this.#ask({ call: 'other' }, { call: 'lease.list', query });
    }
    return random.chance(0.5) ? this.#cancel(ticket) : this.#look_at(ticket, random.chance(0.3));
  }

  #newRequest(random: Random): Request {
    const name = `${this.name}-${++this.#requests}`;
    const key = random.chance(0.6) ? name : undefined;
    const count = random.pick([1, 1, 1, 1, 2, 3]);
    const kind = this.#world.plan.kinds.length > 0 ? random.pick([undefined, 'music']) : undefined;
    const body: LeaseRequest = {
      tenant: random.pick(this.#world.tenants),
      purpose: random.pick(['music', 'general']),
      priority: random.pick(['low', 'normal', 'high', 'critical'] as const),
      count,
      reuse: random.chance(0.3),
      ...(kind !== undefined && { specialization: kind }),
      ...(random.chance(0.2) && { queue: false }),
      ...(random.chance(0.2) && { lifetime_sec: random.between(1, 12) }),
      ...(random.chance(0.3) && { wait_sec: random.between(1, 10) }),
      ...(random.chance(0.1) && { explain: true }),
      // With a key it must be granted, or queued, once.
      metadata: { request: name, ...(key !== undefined && { wants: count }) },
    };
    return { name, body, key, isSettled: false, answer: null };
  }

  #lease(request: Request, random: Random): object | null {
    if (request.key !== undefined) this.#open.add(request);
    if (random.chance(0.2)) {
      this.#world.lease(this, request.body, request.key, (answer) => {
        if (answer !== null) this.#answered(request, answer, false);
      });
      return null;
    }
    const { body, key } = request;
    const more = key === undefined ? {} : { idempotency_key: key };
    return this.#ask({ call: 'lease', request }, { call: 'lease', body, ...more });
  }

  #release(lease: string): object {
    this.releasing.add(lease);
    return this.#ask({ call: 'release', lease }, { call: 'release', lease_id: lease });
  }

  #cancel(ticket: string): object {
    this.tickets.delete(ticket);
    return this.#ask({ call: 'other' }, { call: 'ticket.cancel', ticket_id: ticket });
  }

  #look_at(ticket: string, waits: boolean): object {
    const query = waits ? { wait_sec: 3 } : {};
    return this.#ask({ call: 'other' }, { call: 'ticket.get', ticket_id: ticket, query });
  }

  #ask(call: Call, what: object): object {
    const id = ++this.#lastId;
    this.#calls.set(id, { call, at: this.#world.scheduler.clock.now() });
    return { id, ...what };
  }

  #connect(): void {
    const { scheduler } = this.#world;
    this.#calls.clear();
    this.connection = this.#world.connectClient(this);
    if (this.connection === null) {
      const most = this.isCalm ? 300 : 2_000;
      scheduler.after(this.process, this.#random.between(20, most), () => {
        if (this.connection === null) this.#connect();
      });
      return;
    }
    const frame: object[] = this.#watch();
    for (const { body, key, isSettled } of this.#open) {
      if (isSettled || key === undefined) continue;
      const request = [...this.#open].find((each) => each.key === key) as Request;
      const more = { body, idempotency_key: key };
      frame.push(this.#ask({ call: 'lease', request }, { call: 'lease', ...more }));
    }
    for (const lease of this.releasing) frame.push(this.#release(lease));
    if (frame.length > 0) this.connection.send(frame);
  }

  /** Asks to be told of what it has; after a reconnect, what has happened meanwhile. */
  #watch(): object[] {
    const leases = [...this.leases].map(([lease_id, token]) => ({ lease_id, token }));
    if (leases.length + this.tickets.size === 0) return [];
    const more = { leases, tickets: [...this.tickets] };
    return [this.#ask({ call: 'other' }, { call: 'watch', ...more })];
  }

  /** Gives up a connection on which nothing comes any more. */
  #look(): void {
    const { scheduler } = this.#world;
    const now = scheduler.clock.now();
    const [oldest] = this.#calls.values();
    if (oldest !== undefined && now - oldest.at > PATIENCE_MS) this.connection?.cut();
    if (oldest !== undefined && now - oldest.at > PATIENCE_MS && this.connection !== null) {
      this.onClose(this.connection);
    }
    scheduler.after(this.process, 2_000, () => this.#look());
  }

  onClose(connection: Connection): void {
    if (connection !== this.connection) return;
    this.connection = null;
    this.#calls.clear();
    const { scheduler } = this.#world;
    scheduler.after(this.process, this.#random.between(10, 500), () => {
      if (this.connection === null) this.#connect();
    });
  }

  onFrame(connection: Connection, value: unknown): void {
    if (connection !== this.connection) return;
    for (const each of value as (Answer | Push)[]) {
      if ('push' in each) this.#pushed(each);
      else this.#heard(each);
    }
  }

  #heard({ id, status, body }: Answer): void {
    const asked = this.#calls.get(id);
    this.#calls.delete(id);
    this.#world.violations.check(
      asked !== undefined,
      'every answer has its call',
      () => `${this.name} ${id}`,
    );
    if (asked === undefined) return;
    const { call } = asked;
    if (call.call === 'lease') this.#answered(call.request, body, true);
    if (call.call !== 'release') return;
    if (status === 200 || status === 404) {
      this.releasing.delete(call.lease);
      this.leases.delete(call.lease);
    } else if (this.connection !== null) {
      const { scheduler } = this.#world;
      scheduler.after(this.process, 300, () => {
        if (this.releasing.has(call.lease)) this.connection?.send(this.#release(call.lease));
      });
    }
  }

  #answered(request: Request, body: Answer['body'], isWatched: boolean): void {
    const { outcome, leases = [], ticket } = body;
    if (outcome === undefined) {
      // A pool that is not ready has done nothing; any other refusal is an answer as well.
      if (body.code !== 'NOT_READY') this.#settle(request);
      return;
    }
    const ids = outcome === 'granted' ? leases.map(({ lease_id: id }) => id) : [ticket?.ticket_id];
    this.#sameAgain(request, outcome, ids.join());
    const isFirst = !request.isSettled;
    this.#settle(request);
    if (!isWatched || !isFirst) return;
    if (ticket?.state === 'queued') this.tickets.add(ticket.ticket_id);
    for (const { lease_id: id, token, reason } of ticket?.leases ?? leases) {
      if (reason === undefined) this.#hold(id, token);
    }
    const isLate = ticket?.state === 'granted';
    if (isLate) this.connection?.send(this.#look_at(ticket.ticket_id, false));
    // The answer may be that of an earlier time: what has become of it since?
    if (request.key !== undefined || isLate) {
      const frame = this.#watch();
      if (frame.length > 0) this.connection?.send(frame);
    }
  }

  /** A request that waits may be answered by its ticket first, and by the grant later. */
  #sameAgain(request: Request, outcome: 'granted' | 'queued', answer: string): void {
    if (request.key === undefined || request.body.wait_sec !== undefined) return;
    const said = `${outcome} ${answer}`;
    request.answer ??= said;
    const { answer: first } = request;
    this.#world.violations.check(
      first === said,
      'one key, one answer',
      () => `${request.name}: ${first}, then ${said}`,
    );
  }

  #settle(request: Request): void {
    request.isSettled = true;
    // Some are asked again although the answer has come.
    if (this.#open.size > 20)
      for (const each of this.#open) if (each.isSettled) this.#open.delete(each);
  }

  #pushed(push: Push): void {
    switch (push.push) {
      case 'lease.lost':
        this.leases.delete(push.lease.lease_id);
        return;
      case 'lease.replaced':
        this.#hold(push.lease.lease_id, push.lease.token);
        return;
      case 'ticket.granted': {
        const { ticket_id: id, leases = [] } = push.ticket;
        this.tickets.delete(id);
        for (const { lease_id, token, reason } of leases) {
          if (reason === undefined) this.#hold(lease_id, token);
        }
        if (this.#random.chance(0.85)) this.connection?.send(this.#look_at(id, false));
        return;
      }
      case 'ticket.ended':
        this.tickets.delete(push.ticket.ticket_id);
    }
  }

  #hold(lease: string, token: number): void {
    const before = this.leases.get(lease) ?? 0;
    if (token > before) this.leases.set(lease, token);
  }
}
