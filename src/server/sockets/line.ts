/**
 * A WebSocket as both protocols use it: text frames, a heartbeat of its own (ping and pong), limits
 * on what waits to be sent. Close codes are those of RFC 6455 and its registry.
 */
export const CLOSE = {
  goingAway: 1001,
  policy: 1008,
  tryAgainLater: 1013,
} as const;

/** How often the other side is pinged; two pings without any sign of life end the connection. */
const PING_MS = 10_000;
/** Whoever does not read is cut off with this much waiting for it. */
const MOST_BUFFERED = 8 * 1024 * 1024;
/** Reasons longer than this do not fit into a close frame. */
const REASON_BYTES = 120;

/** The part of a WebSocket (`ws`) that a line needs. */
export interface LineSocket {
  readonly OPEN: number;
  readonly readyState: number;
  readonly bufferedAmount: number;
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown;
  on(event: 'pong' | 'close' | 'error', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
  send(text: string): void;
  ping(): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

export class Line {
  readonly #socket: LineSocket;
  readonly #timer: NodeJS.Timeout;
  readonly #awaitingPong = new Set<() => void>();
  #silentPings = 0;
  #isPaused = false;

  constructor(socket: LineSocket, onText: (text: string) => void, onClose: () => void) {
    this.#socket = socket;
    this.#timer = setInterval(() => this.#ping(), PING_MS);
    this.#timer.unref();
    socket.on('message', (data, isBinary) => {
      this.#silentPings = 0;
      if (isBinary) this.close(CLOSE.policy, 'frames must be text that holds JSON');
      else onText(String(data));
    });
    socket.on('pong', () => {
      this.#silentPings = 0;
      for (const resolve of this.#awaitingPong) resolve();
    });
    socket.on('close', () => {
      clearInterval(this.#timer);
      onClose();
    });
    // A close follows; what went wrong on the wire is nobody's fault here.
    socket.on('error', () => {});
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Bytes that wait to be sent. */
  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  send(text: string): void {
    if (!this.isOpen) return;
    if (this.buffered > MOST_BUFFERED) {
      this.terminate();
      return;
    }
    this.#socket.send(text);
  }

  /** Stops reading, so that the other side's window fills up. */
  pause(): void {
    if (this.#isPaused || !this.isOpen) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    this.resume();
    this.#socket.close(code, cut(reason));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Whether the other side answers a ping in time. */
  isAlive(withinMs: number): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (isAlive: boolean): void => {
        clearTimeout(timer);
        this.#awaitingPong.delete(onPong);
        this.#socket.off('close', onClose);
        resolve(isAlive);
      };
      const onPong = (): void => end(true);
      const onClose = (): void => end(false);
      const timer = setTimeout(end, withinMs, false);
      this.#awaitingPong.add(onPong);
      this.#socket.once('close', onClose);
      this.#socket.ping();
    });
  }

  #ping(): void {
    if (this.#silentPings >= 2) {
      this.terminate();
      return;
    }
    this.#silentPings++;
    if (this.isOpen) this.#socket.ping();
  }
}

function cut(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > REASON_BYTES) text = text.slice(0, -1);
  return text;
}
