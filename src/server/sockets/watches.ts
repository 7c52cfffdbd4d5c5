/**
 * Which client connections hear of which leases and tickets. It follows the committed events and
 * tells those who are concerned; a lease that only one connection watches, as most are, costs no set.
 */
import type { Event } from '../../core/event.ts';
import type { CommittedEvent, PoolHost } from '../../host/host-api.ts';
import type { ClientPush } from '../../protocol/client-frames.ts';
import { leaseToJson, ticketToJson } from '../../protocol/lease-json.ts';

export interface Watcher {
  push(push: ClientPush): void;
}

class Table {
  readonly #watchers = new Map<string, Watcher | Set<Watcher>>();

  get size(): number {
    return this.#watchers.size;
  }

  add(id: string, watcher: Watcher): void {
    const known = this.#watchers.get(id);
    if (known === undefined || known === watcher) this.#watchers.set(id, watcher);
    else if (known instanceof Set) known.add(watcher);
    else this.#watchers.set(id, new Set([known, watcher]));
  }

  delete(id: string, watcher: Watcher): void {
    const known = this.#watchers.get(id);
    if (known === watcher) {
      this.#watchers.delete(id);
    } else if (known instanceof Set) {
      known.delete(watcher);
      if (known.size === 0) this.#watchers.delete(id);
    }
  }

  of(id: string): readonly Watcher[] {
    const known = this.#watchers.get(id);
    if (known === undefined) return [];
    return known instanceof Set ? [...known] : [known];
  }

  forget(id: string): void {
    this.#watchers.delete(id);
  }
}

export class Watches {
  readonly #host: PoolHost;
  readonly leases: Table = new Table();
  readonly tickets: Table = new Table();

  constructor(host: PoolHost) {
    this.#host = host;
    // Whoever waits for the answer that belongs to a batch notes first what it is to watch.
    host.onCommitted((events) => setImmediate(() => this.#committed(events)));
  }

  #committed(events: readonly CommittedEvent[]): void {
    if (this.leases.size === 0 && this.tickets.size === 0) return;
    for (const { event } of events) this.#follow(event);
  }

  #follow(event: Event): void {
    switch (event.type) {
      case 'lease_moved':
        this.#tellOfLease(event.lease, this.leases.of(event.lease), 'lease.replaced');
        return;
      case 'lease_ended': {
        const watchers = this.leases.of(event.lease);
        this.leases.forget(event.lease);
        this.#tellOfLease(event.lease, watchers, 'lease.lost');
        return;
      }
      case 'ticket_ended': {
        const watchers = this.tickets.of(event.ticket);
        this.tickets.forget(event.ticket);
        this.#tellOfTicket(event.ticket, watchers);
        return;
      }
      default:
        return;
    }
  }

  #tellOfLease(
    id: string,
    watchers: readonly Watcher[],
    push: 'lease.replaced' | 'lease.lost',
  ): void {
    if (watchers.length === 0) return;
    void this.#host
      .read((pool) => pool.lease(id))
      .then((view) => {
        if (view === null) return;
        // One that has ended meanwhile is lost, and the event that says so comes behind this one.
        if (push === 'lease.replaced' && view.reason !== undefined) return;
        const lease = leaseToJson(view);
        for (const watcher of watchers) watcher.push({ push, lease });
      })
      .catch(() => {});
  }

  #tellOfTicket(id: string, watchers: readonly Watcher[]): void {
    if (watchers.length === 0) return;
    void this.#host
      .read((pool) => pool.ticket(id))
      .then((view) => {
        if (view === null) return;
        const isGranted = view.state === 'granted';
        const ticket = ticketToJson(view);
        for (const watcher of watchers) {
          if (isGranted) {
            for (const { leaseId, reason } of view.leases) {
              if (reason === undefined) this.leases.add(leaseId, watcher);
            }
          }
          watcher.push({ push: isGranted ? 'ticket.granted' : 'ticket.ended', ticket });
        }
      })
      .catch(() => {});
  }
}
