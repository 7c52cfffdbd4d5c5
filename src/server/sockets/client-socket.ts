/** One client's connection: the client protocol of src/protocol/client-frames.ts. */
import { setMaxListeners } from 'node:events';
import type { LeaseCommand, ReleaseCommand, ReportCommand } from '../../core/command.ts';
import type { Granted, LeaseOutcome, Outcome, Queued, Refusal } from '../../core/outcome.ts';
import { CLIENT_CALLS, type ClientCall, type ClientPush } from '../../protocol/client-frames.ts';
import { leaseCommand, leaseToJson, ticketToJson } from '../../protocol/lease-json.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { invalidRequest } from '../../protocol/problem.ts';
import { toMs } from '../../protocol/time.ts';
import {
  changeAnswer,
  getLease,
  type LeaseCallAnswer,
  leaseAnswer,
  listLeases,
  waitForLease,
} from '../calls/lease-calls.ts';
import { cancelTicket, getTicket } from '../calls/ticket-calls.ts';
import type { ServerContext } from '../context.ts';
import { fingerprint } from '../fingerprint.ts';
import { type Answer, answer, problemAnswer } from '../http/answer.ts';
import { problemOf } from '../http/failures.ts';
import { FrameReader, parseFrame } from './frames.ts';
import { CLOSE, type Line } from './line.ts';
import type { Watcher, Watches } from './watches.ts';

type Call<C extends ClientCall['call']> = Extract<ClientCall, { call: C }>;
type Write = Call<'lease'> | Call<'release'> | Call<'lease.state'>;

/** Calls under way, and bytes of answers that nobody reads, before the socket is read no further. */
const MOST_UNDER_WAY = 20_000;
const MOST_UNREAD = 4 * 1024 * 1024;

const reader = new FrameReader<ClientCall>('call', CLIENT_CALLS);

export class ClientSocket implements Watcher {
  readonly #context: ServerContext;
  readonly #watches: Watches;
  readonly #line: Line;
  readonly #gone = new AbortController();
  readonly #leases = new Set<string>();
  readonly #tickets = new Set<string>();
  /** Answers and pushes of this turn of the event loop, which leave together. */
  #leaving = '';
  #underWay = 0;

  constructor(
    context: ServerContext,
    watches: Watches,
    lineOf: (onText: (text: string) => void, onClose: () => void) => Line,
  ) {
    this.#context = context;
    this.#watches = watches;
    setMaxListeners(0, this.#gone.signal);
    this.#line = lineOf(
      (text) => this.#received(text),
      () => this.#closed(),
    );
  }

  close(code: number, reason: string): void {
    this.#line.close(code, reason);
  }

  push(push: ClientPush): void {
    if (push.push === 'lease.lost') this.#leases.delete(push.lease.lease_id);
    else if (push.push === 'ticket.granted') {
      this.#tickets.delete(push.ticket.ticket_id);
      for (const { lease_id: id } of push.ticket.leases ?? []) this.#leases.add(id);
    } else if (push.push === 'ticket.ended') this.#tickets.delete(push.ticket.ticket_id);
    this.#leave(JSON.stringify(push));
  }

  #received(text: string): void {
    const value = parseFrame(text);
    if (value === undefined) {
      this.close(CLOSE.policy, 'a frame is not valid JSON');
      return;
    }
    const calls: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (calls.length > LIMITS.callsPerFrame) {
      this.close(CLOSE.policy, `a frame has up to ${LIMITS.callsPerFrame} calls`);
      return;
    }
    let writes: Write[] = [];
    for (const each of calls) {
      const call = this.#checked(each);
      if (call === null) continue;
      if (call.call === 'lease' || call.call === 'release' || call.call === 'lease.state') {
        writes.push(call);
        continue;
      }
      // What stands before it in the frame has happened when it is carried out.
      this.#write(writes);
      writes = [];
      void this.#answer(call.id, this.#read(call));
    }
    this.#write(writes);
    if (this.#isFull()) this.#line.pause();
  }

  #checked(value: unknown): ClientCall | null {
    const result = reader.read(value);
    if ('frame' in result) return result.frame;
    const { id } = (value ?? {}) as { readonly id?: unknown };
    if (Number.isSafeInteger(id)) {
      this.#reply(id as number, problemAnswer(invalidRequest(result.faults)));
    } else {
      this.close(CLOSE.policy, `a call needs an id: ${invalidRequest(result.faults).detail}`);
    }
    return null;
  }

  /** Carries out calls that change something, all in one go. */
  #write(calls: readonly Write[]): void {
    if (calls.length === 0) return;
    this.#underWay += calls.length;
    const started = performance.now();
    const commands = calls.map((call) => this.#command(call));
    this.#context.host
      .executeAll(commands)
      .then(
        (outcomes) => {
          for (const [i, call] of calls.entries()) {
            this.#written(call, outcomes[i] as Outcome, started);
          }
        },
        (error: unknown) => {
          for (const { id } of calls) this.#reply(id, this.#failure(error));
        },
      )
      .finally(() => this.#ended(calls.length));
  }

  #command(call: Write): LeaseCommand | ReleaseCommand | ReportCommand {
    switch (call.call) {
      case 'lease': {
        const { body, idempotency_key: key } = call;
        if (key === undefined) return leaseCommand(body);
        return leaseCommand(body, { key, fingerprint: fingerprint(body) });
      }
      case 'release':
        // Its own release is no news.
        this.#unwatchLease(call.lease_id);
        return { type: 'release', lease: call.lease_id };
      case 'lease.state':
        return { type: 'report', lease: call.lease_id, ...call.body };
    }
  }

  #written(call: Write, outcome: Outcome, started: number): void {
    if (call.call !== 'lease') {
      this.#reply(call.id, changeAnswer(outcome as LeaseOutcome | Refusal));
      return;
    }
    const leased = outcome as Granted | Queued | Refusal;
    const waitMs = toMs(call.body.wait_sec ?? 0);
    if (leased.outcome !== 'queued' || leased.dryRun || waitMs === 0) {
      if (leased.outcome === 'granted' && !leased.dryRun) {
        for (const { leaseId, reason } of leased.leases) {
          if (reason === undefined) this.#watchLease(leaseId);
        }
      } else if (leased.outcome === 'queued' && !leased.dryRun) {
        this.#watchTicket(leased.ticket.ticketId);
      }
      this.#leased(call.id, leaseAnswer(leased), started);
      return;
    }
    this.#underWay++;
    const canAskAgain = call.idempotency_key !== undefined;
    waitForLease(this.#context, leased, waitMs, this.#gone.signal, canAskAgain)
      .then((waited) => {
        const body = waited.answer?.body as { leases?: { lease_id: string }[] } | undefined;
        for (const { lease_id: id } of body?.leases ?? []) this.#watchLease(id);
        if (waited.kind === 'queued') this.#watchTicket(leased.ticket.ticketId);
        this.#leased(call.id, waited, started);
      })
      .catch((error: unknown) => this.#reply(call.id, this.#failure(error)))
      .finally(() => this.#ended(1));
  }

  #leased(id: number, { kind, answer: reply }: LeaseCallAnswer, started: number): void {
    this.#context.metrics.observeLease(kind, (performance.now() - started) / 1_000);
    if (reply !== null) this.#reply(id, reply);
  }

  #read(call: Exclude<ClientCall, Write>): Promise<Answer | null> | Answer {
    const context = this.#context;
    switch (call.call) {
      case 'lease.list':
        return listLeases(context, call.query ?? {});
      case 'lease.get':
        return getLease(context, call.lease_id);
      case 'ticket.get':
        return getTicket(context, call.ticket_id, {
          waitMs: toMs(call.query?.wait_sec ?? 0),
          gone: this.#gone.signal,
          claims: true,
        });
      case 'ticket.cancel':
        this.#watches.tickets.delete(call.ticket_id, this);
        this.#tickets.delete(call.ticket_id);
        return cancelTicket(context, call.ticket_id);
      case 'watch':
        return this.#watch(call);
      case 'auth':
        return answer(200, {});
    }
  }

  /** Watches, and tells what has changed since the client last looked. */
  async #watch({ leases = [], tickets = [] }: Call<'watch'>): Promise<Answer> {
    for (const { lease_id: id } of leases) this.#watchLease(id);
    for (const id of tickets) this.#watchTicket(id);
    const [leaseViews, ticketViews] = await this.#context.host.read((pool) => [
      leases.map(({ lease_id: id }) => pool.lease(id)),
      tickets.map((id) => pool.ticket(id)),
    ]);
    const missing: string[] = [];
    leases.forEach(({ lease_id: id, token }, i) => {
      const view = leaseViews[i];
      if (!view) {
        missing.push(id);
        this.#unwatchLease(id);
      } else if (view.reason !== undefined) {
        this.#unwatchLease(id);
        this.push({ push: 'lease.lost', lease: leaseToJson(view) });
      } else if (view.token !== token) {
        this.push({ push: 'lease.replaced', lease: leaseToJson(view) });
      }
    });
    tickets.forEach((id, i) => {
      const view = ticketViews[i];
      if (view?.state === 'queued') return;
      this.#watches.tickets.delete(id, this);
      this.#tickets.delete(id);
      if (!view) {
        missing.push(id);
        return;
      }
      const push = view.state === 'granted' ? 'ticket.granted' : 'ticket.ended';
      for (const { leaseId, reason } of view.leases) {
        if (reason === undefined) this.#watchLease(leaseId);
      }
      this.push({ push, ticket: ticketToJson(view) });
    });
    return answer(200, { missing });
  }

  async #answer(id: number, result: Promise<Answer | null> | Answer): Promise<void> {
    this.#underWay++;
    try {
      const reply = await result;
      if (reply !== null) this.#reply(id, reply);
    } catch (error) {
      this.#reply(id, this.#failure(error));
    } finally {
      this.#ended(1);
    }
  }

  #failure(error: unknown): Answer {
    return problemAnswer(problemOf(error, this.#context.logger));
  }

  #reply(id: number, { status, body }: Answer): void {
    const json = typeof body === 'string' ? body : JSON.stringify(body);
    this.#leave(`{"id":${id},"status":${status},"body":${json}}`);
  }

  #leave(json: string): void {
    if (this.#leaving === '') {
      setImmediate(() => this.#flush());
      this.#leaving = `[${json}`;
    } else this.#leaving += `,${json}`;
  }

  #flush(): void {
    const leaving = this.#leaving;
    this.#leaving = '';
    this.#line.send(`${leaving}]`);
  }

  #ended(calls: number): void {
    this.#underWay -= calls;
    if (!this.#isFull()) this.#line.resume();
  }

  #isFull(): boolean {
    return this.#underWay > MOST_UNDER_WAY || this.#line.buffered > MOST_UNREAD;
  }

  #watchLease(id: string): void {
    this.#leases.add(id);
    this.#watches.leases.add(id, this);
  }

  #unwatchLease(id: string): void {
    this.#leases.delete(id);
    this.#watches.leases.delete(id, this);
  }

  #watchTicket(id: string): void {
    this.#tickets.add(id);
    this.#watches.tickets.add(id, this);
  }

  #closed(): void {
    this.#gone.abort();
    for (const id of this.#leases) this.#watches.leases.delete(id, this);
    for (const id of this.#tickets) this.#watches.tickets.delete(id, this);
    this.#leases.clear();
    this.#tickets.clear();
  }
}
