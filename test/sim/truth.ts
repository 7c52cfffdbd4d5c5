/**
 * What really happened: the events on the disk, followed as they are written. Whatever a manager
 * says to anybody is held against it at the moment in which it is said.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Event } from '../../src/core/event.ts';
import type { PoolOptions } from '../../src/core/options.ts';
import { Pool } from '../../src/core/pool.ts';
import { decodeEvents } from '../../src/host/codec.ts';
import type { Batch } from '../../src/host/ports.ts';
import type { Lease, Ticket } from '../../src/protocol/lease-schemas.ts';
import type { FaultyDisk } from '../../src/sim/faulty-journal.ts';
import { Ledger } from './ledger.ts';
import { difference } from './pool-checks.ts';
import type { Violations } from './violation.ts';

const decoder = new TextDecoder();
const HASHED_AT_ONCE = 1 << 16;

interface Durable {
  /** `token agent` of every grant and move. */
  readonly holders: Set<string>;
  ended: string | null;
  lastReportAt: number;
}

export class Truth {
  /** The state that the journal says. */
  readonly pool: Pool;
  readonly #violations: Violations;
  readonly #ledger: Ledger;
  readonly #leases = new Map<string, Durable>();
  readonly #tickets = new Map<string, string>();
  /** Grants and tickets by the request that they answer (`metadata.request`). */
  readonly #requests = new Map<string, { granted: number; tickets: number; count: number }>();
  readonly #hash: Hash = createHash('sha256');
  /** What is yet to be taken into it. */
  #noted = '';
  events = 0;

  constructor(options: PoolOptions, violations: Violations) {
    this.pool = new Pool(options);
    this.#violations = violations;
    this.#ledger = new Ledger(options, violations);
  }

  /** Follows what is written to the disk from now on. */
  follow({ memory }: FaultyDisk, tell: (event: Event) => void): void {
    const add = memory.add.bind(memory);
    memory.add = (batch: Batch) => {
      add(batch);
      this.note('journal', `${batch.first} ${batch.epoch} ${batch.at}`, batch.payload);
      const events = decodeEvents(batch.payload);
      this.pool.apply(events);
      for (const event of events) {
        tell(event);
        this.#follow(event);
      }
      this.events += events.length;
    };
  }

  /** Whatever can be seen of the run goes into its digest. */
  note(what: string, text: string, bytes?: Uint8Array): void {
    this.#noted += `${what} ${text}\n`;
    if (bytes !== undefined) this.#noted += decoder.decode(bytes);
    if (this.#noted.length > HASHED_AT_ONCE) this.#digestNoted();
  }

  #digestNoted(): void {
    this.#hash.update(this.#noted);
    this.#noted = '';
  }

  digest(): string {
    this.#digestNoted();
    return this.#hash.copy().digest('hex').slice(0, 32);
  }

  /** A pool that has just been rebuilt from the disk. */
  isRebuilt(pool: Pool): void {
    const where = difference(this.pool, pool);
    this.#violations.check(
      where === null,
      'a rebuilt state equals the journal',
      () => where as string,
    );
  }

  /** The one that wrote it, when all that it has decided is written. */
  equals(pool: Pool): void {
    const where = difference(this.pool, pool);
    this.#violations.check(
      where === null,
      'the state that wrote the journal equals the journal',
      () => where as string,
    );
  }

  told(lease: Lease, to: string): void {
    const { lease_id: id, token, agent_id: agent } = lease;
    if (token === 0) return;
    const known = this.#leases.get(id);
    const what = () => `${to} was told ${JSON.stringify(lease)}, the journal has ${show(known)}`;
    const isThere = known?.holders.has(`${token} ${agent}`) === true;
    this.#violations.check(isThere, 'what is told is durable', what);
    if (known === undefined) return;
    const hasEnded = lease.reason === undefined || known.ended === lease.reason;
    this.#violations.check(hasEnded, 'what is told is durable', what);
    const at = Date.parse(lease.last_activity_at);
    this.#violations.check(at <= known.lastReportAt, 'what is told is durable', what);
  }

  toldEnd(id: string, reason: string, to: string): void {
    const known = this.#leases.get(id);
    const isSo = known !== undefined && (reason === 'moved' || known.ended === reason);
    this.#violations.check(
      isSo,
      'what is told is durable',
      () => `${to} was told that ${id} ended (${reason}), the journal has ${show(known)}`,
    );
  }

  toldTicket(ticket: Ticket, to: string): void {
    const { ticket_id: id, state, leases = [] } = ticket;
    if (id === '') return;
    const known = this.#tickets.get(id);
    const isSo = known !== undefined && (state === 'queued' || state === known);
    this.#violations.check(
      isSo,
      'what is told is durable',
      () => `${to} was told that ${id} is ${state}, the journal has ${known}`,
    );
    for (const lease of leases) this.told(lease, to);
  }

  #follow(event: Event): void {
    this.#ledger.follow(event);
    switch (event.type) {
      case 'lease_granted': {
        const { lease, token, agent, at, metadata, ticket } = event;
        const holders = new Set([`${token} ${agent}`]);
        this.#leases.set(lease, { holders, ended: null, lastReportAt: at });
        this.#grant(metadata, ticket === undefined ? 'granted' : null);
        return;
      }
      case 'lease_moved': {
        const lease = this.#leases.get(event.lease);
        lease?.holders.add(`${event.token} ${event.agent}`);
        if (lease !== undefined) lease.lastReportAt = event.at;
        return;
      }
      case 'lease_reported': {
        const lease = this.#leases.get(event.lease);
        if (lease !== undefined) lease.lastReportAt = event.at;
        return;
      }
      case 'lease_ended': {
        const lease = this.#leases.get(event.lease);
        if (lease !== undefined) lease.ended = event.reason;
        return;
      }
      case 'ticket_queued':
        this.#tickets.set(event.ticket, 'queued');
        this.#grant(event.metadata, 'tickets');
        return;
      case 'ticket_ended':
        this.#tickets.set(event.ticket, event.state);
        return;
      default:
    }
  }

  /** Requests with a key name themselves; each is granted, or queued, once. */
  #grant(metadata: unknown, what: 'granted' | 'tickets' | null): void {
    const { request, wants } = (metadata ?? {}) as { request?: string; wants?: number };
    if (request === undefined || wants === undefined || what === null) return;
    const known = this.#requests.get(request) ?? { granted: 0, tickets: 0, count: wants };
    this.#requests.set(request, known);
    known[what]++;
    const isOnce =
      (known.tickets === 0 && known.granted <= known.count) ||
      (known.tickets === 1 && known.granted === 0);
    this.#violations.check(
      isOnce,
      'one key never gives two grants',
      () => `${request}: ${JSON.stringify(known)}`,
    );
  }

  /** Live leases as the journal has them. */
  live(): { readonly id: string; readonly token: number }[] {
    const { leases } = this.pool.state;
    const live: { id: string; token: number }[] = [];
    for (let row = 0; row < leases.end; row++) {
      if (leases.isLive(row)) live.push({ id: leases.id(row), token: leases.token(row) });
    }
    return live;
  }
}

function show(known: Durable | undefined): string {
  if (known === undefined) return 'nothing';
  return JSON.stringify({ ...known, holders: [...known.holders] });
}
