/** Clients that do a bit of everything, and write down each answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Reply } from '../client.ts';
import type { LeaseEntry, Ledger, RequestEntry, TicketEntry } from './ledger.ts';

export type Random = () => number;

const CLIENTS = 24;
/** So few, and so few more in each life, that many requests have to wait for a release. */
const FIRST_AGENTS = 20;
const AGENTS_PER_LIFE = 12;
const PAUSE_MS = 4;

/** Its names are its own among all lives of the server. */
export class Load {
  readonly #ledger: Ledger;
  readonly #client: Client;
  readonly #random: Random;
  readonly #life: string;
  readonly #mostAgents: number;
  /** What a client works on, no other may touch: its outcome would not be known. */
  readonly #busy = new Set<string>();
  #isOver = false;
  #count = 0;
  readonly #clients: Promise<void>[];

  constructor(url: string, ledger: Ledger, random: Random, life: number) {
    this.#ledger = ledger;
    this.#client = new Client(url, CLIENTS);
    this.#random = random;
    this.#life = `${life}`;
    this.#mostAgents = FIRST_AGENTS + life * AGENTS_PER_LIFE;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#work());
  }

  /** Resolves when the last question has been answered or has failed. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    this.#client.close();
  }

  async #work(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#step();
      } catch {
        // The server is gone. What was asked stays a question.
        this.#ledger.lostAnswers += 1;
        if (!this.#isOver) await sleep(20);
      }
      await sleep(this.#random() * PAUSE_MS);
    }
  }

  #step(): Promise<void> {
    const { agents, leases, tickets } = this.#ledger;
    const dice = this.#random();
    if (dice < 0.04 || !agents.values().some((isSure) => isSure)) return this.#register();
    if (dice < 0.06) return this.#heartbeats();
    if (dice < 0.38) return this.#lease();
    if (dice < 0.5) return this.#on(tickets, (entry) => this.#follow(entry));
    if (dice < 0.61) return this.#on(tickets, (entry) => this.#cancel(entry));
    if (dice < 0.74) return this.#on(leases, (entry) => this.#report(entry));
    return this.#on(leases, (entry) => this.#release(entry));
  }

  /** A random one that no other client works on. */
  async #on<T>(entries: ReadonlyMap<string, T>, work: (entry: T) => Promise<void>): Promise<void> {
    if (entries.size === 0) return;
    const skip = Math.floor(this.#random() * Math.min(entries.size, 200));
    const found = entries.entries().drop(skip).next().value;
    if (found === undefined || this.#busy.has(found[0])) return;
    this.#busy.add(found[0]);
    try {
      await work(found[1]);
    } finally {
      this.#busy.delete(found[0]);
    }
  }

  #expect(reply: Reply, what: string, ...statuses: number[]): boolean {
    if (statuses.includes(reply.status)) {
      this.#ledger.acknowledge(`${what} ${reply.status}`);
      return true;
    }
    this.#ledger.fault(`${what}: ${reply.status} ${JSON.stringify(reply.json)}`);
    return false;
  }

  #name(kind: string): string {
    this.#count += 1;
    return `${kind}-${this.#life}-${this.#count}`;
  }

  async #register(): Promise<void> {
    const { agents } = this.#ledger;
    if (agents.size >= this.#mostAgents) return;
    const ids = Array.from({ length: 1 + Math.floor(this.#random() * 6) }, () => {
      return this.#name('agent');
    });
    for (const id of ids) agents.set(id, false);
    const body = ids.map((id) => ({ agent_id: id, tools: ['music'] }));
    const reply = await this.#client.call('POST', '/v1/agents', body);
    if (!this.#expect(reply, 'register', 201)) return;
    for (const id of ids) agents.set(id, true);
  }

  async #heartbeats(): Promise<void> {
    const agents = [...this.#ledger.agents.keys().take(200)].map((id) => [id, this.#random()]);
    const reply = await this.#client.call('POST', '/v1/heartbeats', { agents });
    this.#expect(reply, 'heartbeats', 200);
  }

  async #lease(): Promise<void> {
    const tenant = this.#name('tenant');
    const entry: RequestEntry = {
      tenant,
      body: { tenant, queue_timeout_sec: 80_000, metadata: { of: tenant } },
      key: this.#random() < 0.5 ? this.#name('key') : null,
      answer: null,
    };
    this.#ledger.requests.set(tenant, entry);
    const reply = await askForLease(this.#client, entry);
    if (!this.#expect(reply, 'lease', 201, 202)) return;
    if (reply.status === 202) {
      entry.answer = reply.json.ticket.ticket_id;
      this.#ledger.queued(reply.json.ticket.ticket_id, tenant);
      return;
    }
    entry.answer = reply.json.leases[0].lease_id;
    this.#ledger.grantedAnew(reply.json.leases[0]);
  }

  async #follow(entry: TicketEntry): Promise<void> {
    const reply = await this.#client.call('GET', `/v1/tickets/${entry.ticket}`);
    if (!this.#expect(reply, 'ticket', 200) || reply.json.state === 'queued') return;
    if (reply.json.state !== 'granted') {
      this.#ledger.fault(`${entry.ticket} is ${reply.json.state}`);
      return;
    }
    this.#ledger.tickets.delete(entry.ticket);
    this.#ledger.granted(reply.json.leases[0]);
  }

  async #cancel(entry: TicketEntry): Promise<void> {
    entry.isLeaving = true;
    const reply = await this.#client.call('DELETE', `/v1/tickets/${entry.ticket}`);
    if (!this.#expect(reply, 'cancel', 200)) return;
    if (reply.json.state === 'cancelled') this.#ledger.left(entry);
    // It had been granted before. Reading it claims the lease.
    else await this.#follow(entry);
  }

  async #report(entry: LeaseEntry): Promise<void> {
    const state = this.#random() < 0.5 ? 'active' : 'idle';
    entry.asked = state;
    const body = { state, token: entry.token };
    const reply = await this.#client.call('POST', `/v1/leases/${entry.lease}/state`, body);
    if (!this.#expect(reply, 'report', 200)) return;
    entry.state = state;
    entry.asked = null;
  }

  async #release(entry: LeaseEntry): Promise<void> {
    entry.asked = 'released';
    const reply = await this.#client.call('DELETE', `/v1/leases/${entry.lease}`);
    if (this.#expect(reply, 'release', 200)) this.#ledger.ended(entry);
  }
}

export function askForLease(client: Client, { body, key }: RequestEntry): Promise<Reply> {
  return client.call('POST', '/v1/leases', body, key === null ? {} : { 'idempotency-key': key });
}
