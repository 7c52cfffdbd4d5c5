/**
 * Connections between processes of the world. Frames of one direction keep their order, take their
 * time, and are lost with the connection. A connection can be cut, which its ends notice at
 * different times, or fall silent, which nobody is told of.
 */
import type { LineSocket } from '../../src/server/sockets/line.ts';
import type { Random } from './random.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';

/** As `ws` does: a closing handshake that the other side does not answer ends after this. */
const CLOSE_TIMEOUT_MS = 30_000;

export interface ClientEnd {
  readonly process: SimProcess;
  /** What has arrived, parsed. */
  onFrame(frame: unknown): void;
  onPing(): void;
  /** The connection has ended, whoever ended it. */
  onClose(): void;
}

type Listener = (...args: readonly unknown[]) => void;

/** Sees every frame when it is sent. Of those of the server it gives what they say. */
export interface Watch {
  sent(connection: Connection, text: string): void;
  told(connection: Connection, text: string): unknown;
}

export class Connection {
  readonly socket: ServerSocket;
  readonly server: SimProcess;
  readonly #scheduler: Scheduler;
  readonly #client: ClientEnd;
  readonly #random: Random;
  readonly #maxDelayMs: () => number;
  readonly #watch: Watch;
  readonly #traffic: { until: number };
  readonly #number: number;
  /** When the last frame of each direction arrives. */
  readonly #lastAt = { toServer: 0, toClient: 0 };
  #isSilent = false;
  #isCut = false;
  /** The client has not been told that it has ended. */
  isOpen = true;

  constructor(
    scheduler: Scheduler,
    server: SimProcess,
    client: ClientEnd,
    random: Random,
    maxDelayMs: () => number,
    watch: Watch,
    traffic: { until: number; connections: number },
  ) {
    this.#number = ++traffic.connections;
    this.#traffic = traffic;
    this.#scheduler = scheduler;
    this.server = server;
    this.#client = client;
    this.#random = random;
    this.#maxDelayMs = maxDelayMs;
    this.#watch = watch;
    this.socket = new ServerSocket(this);
  }

  /** For a person. */
  get name(): string {
    return `${this.client.name} (${this.server.name}, ${this.#number})`;
  }

  get client(): SimProcess {
    return this.#client.process;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** The handshake, which comes before every frame. */
  whenOpen(run: () => void): void {
    this.#carry('toServer', run);
  }

  /** From the client. */
  send(frame: unknown): void {
    if (!this.isOpen) return;
    const text = JSON.stringify(frame);
    this.#watch.sent(this, text);
    this.#carry('toServer', () => this.socket.message(text));
  }

  /** The client says goodbye. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#carry('toServer', () => this.socket.end());
  }

  /** What is under way is lost; each end hears of it by itself. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#later(this.server, () => this.socket.end());
    this.#later(this.client, () => this.#closed());
  }

  /** Nothing gets through any more, and nobody is told. */
  fallSilent(): void {
    this.#isSilent = true;
  }

  /** From the server's end. */
  toClient(what: 'text' | 'ping' | 'close', text = ''): void {
    const frame = what === 'text' ? this.#watch.told(this, text) : undefined;
    this.#carry('toClient', () => {
      if (!this.isOpen) return;
      if (what === 'text') this.#client.onFrame(frame);
      else if (what === 'ping') {
        this.#client.onPing();
        this.#carry('toServer', () => this.socket.pong());
      } else {
        this.#carry('toServer', () => this.socket.end());
        this.#closed();
      }
    });
  }

  /** The server's end is gone: terminated, or with its process. */
  reset(): void {
    if (!this.#isSilent) this.#later(this.client, () => this.#closed());
    this.#isCut = true;
  }

  whenServer(afterMs: number, run: () => void): void {
    this.#scheduler.after(this.server, afterMs, run);
  }

  #closed(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#client.onClose();
  }

  #carry(direction: 'toServer' | 'toClient', arrive: () => void): void {
    if (this.#isCut || this.#isSilent) return;
    const now = this.#scheduler.clock.now();
    const at = Math.max(this.#lastAt[direction], now + this.#delay());
    this.#lastAt[direction] = at;
    this.#traffic.until = Math.max(this.#traffic.until, at);
    const process = direction === 'toServer' ? this.server : this.client;
    this.#scheduler.at(process, at, () => {
      if (!this.#isCut && !this.#isSilent) arrive();
    });
  }

  #later(process: SimProcess, run: () => void): void {
    const at = this.#scheduler.clock.now() + this.#delay();
    this.#traffic.until = Math.max(this.#traffic.until, at);
    this.#scheduler.at(process, at, run);
  }

  #delay(): number {
    const most = this.#maxDelayMs();
    return most === 0 ? 0 : this.#random.between(0, most);
  }
}

/** What the server sees of a connection: the part of a WebSocket of `ws` that it uses. */
export class ServerSocket implements LineSocket {
  readonly OPEN = 1;
  readonly bufferedAmount = 0;
  readyState = 1;
  readonly #connection: Connection;
  readonly #listeners = new Map<string, Set<Listener>>();
  #unread: (() => void)[] | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  on(event: string, listener: (...args: never[]) => void): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener as Listener));
  }

  once(event: string, listener: () => void): void {
    this.on(event, listener);
  }

  off(event: string, listener: () => void): void {
    this.#listeners.get(event)?.delete(listener);
  }

  send(text: string): void {
    this.#connection.toClient('text', text);
  }

  ping(): void {
    this.#connection.toClient('ping');
  }

  pause(): void {
    this.#unread ??= [];
  }

  resume(): void {
    const unread = this.#unread ?? [];
    this.#unread = null;
    for (const each of unread) each();
  }

  close(): void {
    if (this.readyState !== this.OPEN) return;
    this.readyState = 2;
    this.#connection.toClient('close');
    this.#connection.whenServer(CLOSE_TIMEOUT_MS, () => this.terminate());
  }

  terminate(): void {
    if (this.readyState === 3) return;
    this.#connection.reset();
    this.end();
  }

  message(text: string): void {
    if (this.readyState === 3) return;
    if (this.#unread !== null) this.#unread.push(() => this.message(text));
    else this.#tell('message', text, false);
  }

  pong(): void {
    if (this.readyState !== 3) this.#tell('pong');
  }

  /** The connection has ended. */
  end(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#connection.whenServer(0, () => this.#tell('close'));
  }

  #tell(event: string, ...args: readonly unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...args);
  }
}
