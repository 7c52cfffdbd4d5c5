/** The real server as users start it, on a `file:` journal, and a client of its WebSocket. */
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import type { ClientAnswer } from '../../src/protocol/client-frames.ts';
import { registerAgents } from '../http/register.ts';
import { HttpClient } from '../lib/http-client.ts';
import type { Peer, Round, Setup } from './peer.ts';
import { freePort, Program } from './programs.ts';
import { checkBooks, Workload } from './workload.ts';

const REMUDA = fileURLToPath(new URL('../../bin/remuda.js', import.meta.url));
const HEARTBEATS_PER_CALL = 10_000;
const CALLS_PER_FRAME = 128;

/** What the client reads of an answer. */
interface Reply extends ClientAnswer {
  readonly body: {
    readonly outcome?: string;
    readonly leases?: readonly { lease_id: string; tenant: string; agent_id: string }[];
    readonly lease_id?: string;
    readonly reason?: string;
  };
}

interface Stats {
  readonly agents: { readonly by_phase: { readonly available: number } };
}

/** Without the settings of whoever runs the benchmark. The server ends with this process. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('REMUDA_'));
  return { ...Object.fromEntries(others), REMUDA_LAUNCHER: String(process.pid) };
}

interface Slot {
  tenant: number;
  tenantId: string;
  /** Empty while it asks for one. */
  leaseId: string;
  startedAt: number;
}

export class RemudaPeer implements Peer {
  readonly #setup: Setup;
  readonly #depth: { readonly connections: number; readonly slots: number };
  readonly #workload: Workload;
  #server: Program | null = null;
  #port = 0;
  #connections: Connection[] = [];

  /** The pairs in flight are shared out among the connections. */
  constructor(setup: Setup, connections: number, inFlight: number) {
    this.#setup = setup;
    this.#depth = { connections, slots: Math.ceil(inFlight / connections) };
    this.#workload = new Workload(setup);
  }

  async start(): Promise<void> {
    const { agents, directory, profile } = this.#setup;
    const port = await freePort();
    const node = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const args = ['serve', '--port', `${port}`, '--data', directory, '--log.file='];
    this.#server = new Program(
      process.execPath,
      [...node, REMUDA, ...args, '--multi_agent.enabled=false'],
      { cwd: directory, env: environment() },
    );
    this.#port = port;
    await this.#server.ready(() => this.#call('GET', '/readyz'));
    await registerAgents(port, agents);
    const { connections, slots } = this.#depth;
    this.#connections = await Promise.all(
      Array.from({ length: connections }, () => Connection.open(port, slots, this.#workload)),
    );
  }

  async run(seconds: number): Promise<Round> {
    await this.#heartbeats();
    this.#workload.begin(seconds);
    await Promise.all(this.#connections.map((connection) => connection.run()));
    const stats = JSON.parse(await this.#call('GET', '/v1/stats')) as Stats;
    checkBooks(this.#setup.agents, stats.agents.by_phase.available);
    return this.#workload.round();
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.#server?.stop('SIGTERM');
  }

  /** Agents that are silent for long would be lost, and other subjects have their turns. */
  async #heartbeats(): Promise<void> {
    const { agents } = this.#setup;
    for (let from = 0; from < agents; from += HEARTBEATS_PER_CALL) {
      const size = Math.min(HEARTBEATS_PER_CALL, agents - from);
      const batch = Array.from({ length: size }, (_, i) => [`agent-${from + i}`]);
      await this.#call('POST', '/v1/heartbeats', JSON.stringify({ agents: batch }));
    }
  }

  /** On a new connection: the server may just be closing one that was idle. */
  async #call(method: string, path: string, request = ''): Promise<string> {
    const client = new HttpClient(this.#port, 1);
    try {
      const { status, body } = await client.call(method, path, request);
      if (status !== 200) throw new Error(`${path} answers ${status}: ${body}`);
      return body;
    } finally {
      client.close();
    }
  }
}

/** Each slot has one call under way, whose id is the slot's number. */
class Connection {
  readonly #socket: WebSocket;
  readonly #workload: Workload;
  readonly #slots: readonly Slot[];
  #active = 0;
  #over: PromiseWithResolvers<void> = Promise.withResolvers();

  private constructor(socket: WebSocket, slots: number, workload: Workload) {
    this.#socket = socket;
    this.#workload = workload;
    this.#slots = Array.from({ length: slots }, () => ({
      tenant: 0,
      tenantId: '',
      leaseId: '',
      startedAt: 0,
    }));
    socket.on('message', (data) => {
      try {
        this.#received(String(data));
      } catch (error) {
        this.#over.reject(error);
      }
    });
    socket.on('close', (code, reason) => {
      this.#over.reject(new Error(`the server closed the connection: ${code} ${reason}`));
    });
  }

  static async open(port: number, slots: number, workload: Workload): Promise<Connection> {
    const url = `ws://127.0.0.1:${port}/v1/connect`;
    const socket = new WebSocket(url, 'remuda.client.v1', { perMessageDeflate: false });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Connection(socket, slots, workload);
  }

  run(): Promise<void> {
    this.#over = Promise.withResolvers();
    const now = performance.now();
    this.#active = this.#slots.length;
    this.#send(this.#slots.map((slot, id) => this.#ask(slot, id, now)));
    return this.#over.promise;
  }

  close(): void {
    // Nobody waits for it any more.
    this.#over.promise.catch(() => {});
    this.#socket.close();
  }

  #received(text: string): void {
    const replies = JSON.parse(text) as readonly Reply[];
    const now = performance.now();
    const isOver = this.#workload.isOver(now);
    const calls: string[] = [];
    for (const reply of replies) {
      const slot = this.#slots[reply.id];
      if (slot === undefined) throw new Error(`unexpected: ${JSON.stringify(reply)}`);
      if (slot.leaseId === '') {
        this.#granted(slot, reply);
        calls.push(`{"id":${reply.id},"call":"release","lease_id":"${slot.leaseId}"}`);
        continue;
      }
      this.#released(slot, reply, now);
      if (isOver) this.#active -= 1;
      else calls.push(this.#ask(slot, reply.id, now));
    }
    this.#send(calls);
    if (this.#active === 0) this.#over.resolve();
  }

  #ask(slot: Slot, id: number, now: number): string {
    slot.tenant = this.#workload.nextTenant();
    slot.tenantId = `guild-${slot.tenant}`;
    slot.leaseId = '';
    slot.startedAt = now;
    return `{"id":${id},"call":"lease","body":{"tenant":"${slot.tenantId}"}}`;
  }

  #granted(slot: Slot, reply: Reply): void {
    const { status, body } = reply;
    const lease = body.leases?.[0];
    if (
      status !== 201 ||
      body.outcome !== 'granted' ||
      body.leases?.length !== 1 ||
      lease?.tenant !== slot.tenantId
    ) {
      throw new Error(`no grant: ${JSON.stringify(reply)}`);
    }
    slot.leaseId = lease.lease_id;
  }

  #released(slot: Slot, reply: Reply, now: number): void {
    const { status, body } = reply;
    if (status !== 200 || body.lease_id !== slot.leaseId || body.reason !== 'released') {
      throw new Error(`not released: ${JSON.stringify(reply)}`);
    }
    this.#workload.ended(slot.tenant, slot.startedAt, now);
  }

  #send(calls: readonly string[]): void {
    for (let from = 0; from < calls.length; from += CALLS_PER_FRAME) {
      this.#socket.send(`[${calls.slice(from, from + CALLS_PER_FRAME).join(',')}]`);
    }
  }
}
