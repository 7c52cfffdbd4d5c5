import type { RawData, WebSocket } from 'ws';
import type { Faults } from './faults.ts';
import { type LimitBook, Window } from './limits.ts';
import { CLOSE, isObject, OP, type Packet } from './protocol.ts';
import type { Line, Session } from './session.ts';

/** What the gateway does for its connections. */
export interface ConnectionOwner {
  identify(connection: Connection, data: unknown): void;
  resume(connection: Connection, data: unknown): void;
  voiceState(session: Session, data: unknown): void;
  /** A connection is gone; `code` is null when nobody said goodbye. */
  closed(connection: Connection, code: number | null): void;
  heartbeat(connection: Connection): void;
}

/** One WebSocket of one client: hello, heartbeats, and packets handed on to the gateway. */
export class Connection implements Line {
  session: Session | null = null;
  readonly #socket: WebSocket;
  readonly #owner: ConnectionOwner;
  readonly #limits: LimitBook;
  readonly #faults: Faults;
  readonly #now: () => number;
  readonly #sends: Window;
  #terminated = false;

  constructor(
    socket: WebSocket,
    heartbeatIntervalMs: number,
    owner: ConnectionOwner,
    limits: LimitBook,
    faults: Faults,
    now: () => number,
  ) {
    this.#socket = socket;
    this.#owner = owner;
    this.#limits = limits;
    this.#faults = faults;
    this.#now = now;
    this.#sends = new Window(limits.limits.sendsPerWindow, limits.limits.sendWindowMs);
    socket.on('message', (data) => this.#receive(data));
    // A reset is followed by `close`, which tells all that matters.
    socket.on('error', () => {});
    socket.on('close', (code) => {
      // ws reports 1006 when no close frame has come.
      owner.closed(this, this.#terminated || code === 1006 ? null : code);
    });
    this.send({ op: OP.hello, d: { heartbeat_interval: heartbeatIntervalMs }, s: null, t: null });
  }

  send(packet: Packet): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(packet));
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#terminated = true;
    this.#socket.terminate();
  }

  #receive(raw: RawData): void {
    if (!this.#sends.take(this.#now())) {
      const { sendsPerWindow, sendWindowMs } = this.#limits.limits;
      const botId = this.session?.bot.id ?? 'unknown';
      this.#limits.record(
        'gateway_too_fast',
        botId,
        `more than ${sendsPerWindow} packets in ${sendWindowMs} ms`,
      );
      this.close(CLOSE.rateLimited, 'You are being rate limited.');
      return;
    }
    const packet = parse(raw);
    if (packet) this.#handle(packet.op, packet.d);
    else this.close(CLOSE.decodeError, 'Error while decoding payload.');
  }

  #handle(op: number, d: unknown): void {
    const known = op === OP.heartbeat || op === OP.presence || op === OP.voiceState;
    if (op === OP.identify || op === OP.resume) {
      if (this.session) this.close(CLOSE.alreadyAuthenticated, 'Already authenticated.');
      else if (op === OP.identify) this.#owner.identify(this, d);
      else this.#owner.resume(this, d);
    } else if (!known) {
      this.close(CLOSE.unknownOpcode, 'Unknown opcode.');
    } else if (op === OP.heartbeat) {
      this.#owner.heartbeat(this);
      if (!this.#faults.acksPaused) this.send({ op: OP.heartbeatAck, d: null, s: null, t: null });
    } else if (!this.session) {
      this.close(CLOSE.notAuthenticated, 'Not authenticated.');
    } else if (op === OP.voiceState) {
      this.#owner.voiceState(this.session, d);
    }
  }
}

function parse(raw: RawData): { op: number; d: unknown } | null {
  try {
    const value: unknown = JSON.parse(raw.toString());
    if (!isObject(value) || typeof value.op !== 'number') return null;
    return { op: value.op, d: value.d };
  } catch {
    return null;
  }
}
