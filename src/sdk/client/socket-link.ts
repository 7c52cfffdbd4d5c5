/** The client protocol on a socket: calls of one turn leave in one frame. */
import type { ClientAnswer } from '../../protocol/client-frames.ts';
import type { RemudaError } from '../errors.ts';
import { makeError } from '../make-error.ts';
import { openSocket, poolUrl, type Socket, type WebSocketClass } from '../net/socket.ts';
import type { Call, ClientPush } from '../wire.ts';
import type { Link, LinkListener } from './link.ts';

export interface SocketLinkOptions {
  readonly url: string | URL;
  readonly webSocket?: WebSocketClass;
  readonly keepAliveSec: number;
  readonly signal: AbortSignal;
  nextId(): number;
}

const OPEN_TIMEOUT_MS = 10_000;

/** The pool takes 1 MiB and 1,000 calls a frame; a character is at most three bytes of UTF-8. */
const FRAME_CHARACTERS = 340_000;
const FRAME_CALLS = 1_000;

type Item = ClientAnswer | ClientPush;

export class SocketLink implements Link {
  readonly kind = 'socket';
  readonly #options: SocketLinkOptions;
  readonly #listener: LinkListener;
  #socket: Socket | null = null;
  #outgoing: string[] = [];
  #pushes: ClientPush[] = [];
  #quietTicks = 0;
  #isOver = false;
  #ticker: ReturnType<typeof setInterval> | undefined;

  private constructor(options: SocketLinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
  }

  static async open(options: SocketLinkOptions, listener: LinkListener): Promise<SocketLink> {
    const link = new SocketLink(options, listener);
    const { url, webSocket, signal, keepAliveSec } = options;
    link.#socket = await openSocket(
      {
        url: poolUrl(url, '/v1/connect', 'ws'),
        protocol: 'remuda.client.v1',
        webSocket,
        timeoutMs: OPEN_TIMEOUT_MS,
        signal,
      },
      { message: (text) => link.#read(text), down: (error) => link.#end(error) },
    );
    link.#ticker = setInterval(() => link.#tick(), (keepAliveSec * 1_000) / 2);
    return link;
  }

  send(id: number, call: Call): void {
    const text = JSON.stringify({ id, ...call });
    if (text.length > FRAME_CHARACTERS) {
      // Sent all the same, it would cost the connection, and with it be sent again, for ever.
      const detail = `The call has ${text.length} characters; ${FRAME_CHARACTERS} are the most.`;
      queueMicrotask(() => {
        this.#listener.answer(id, 413, { code: 'TOO_LARGE', detail });
      });
      return;
    }
    if (this.#outgoing.push(text) === 1) queueMicrotask(() => this.#flush());
  }

  close(): void {
    this.#flush();
    this.#isOver = true;
    clearInterval(this.#ticker);
    this.#socket?.close('done');
  }

  #flush(): void {
    const texts = this.#outgoing;
    this.#outgoing = [];
    if (this.#isOver || this.#socket === null) return;
    let frame: string[] = [];
    let length = 0;
    for (const text of texts) {
      if (frame.length === FRAME_CALLS || length + text.length > FRAME_CHARACTERS) {
        this.#socket.send(`[${frame.join(',')}]`);
        frame = [];
        length = 0;
      }
      frame.push(text);
      length += text.length;
    }
    if (frame.length > 0) this.#socket.send(`[${frame.join(',')}]`);
  }

  #read(text: string): void {
    this.#quietTicks = 0;
    let items: readonly Item[];
    try {
      const frame = JSON.parse(text) as Item | readonly Item[];
      items = Array.isArray(frame) ? frame : [frame];
    } catch {
      this.#end(makeError('NOT_A_POOL', 'The server sent a frame that is not JSON.'));
      return;
    }
    for (const item of items) {
      if ('push' in item) this.#defer(item);
      else this.#listener.answer(item.id, item.status, item.body);
    }
  }

  /**
   * In a later turn: whoever waits for an answer that came just before is told of it only in a
   * microtask, and must have noted its lease or ticket when the push about it is told.
   */
  #defer(push: ClientPush): void {
    if (this.#pushes.push(push) > 1) return;
    setTimeout(() => {
      const pushes = this.#pushes;
      this.#pushes = [];
      for (const item of pushes) {
        if (!this.#isOver) this.#listener.push(item);
      }
    });
  }

  /**
   * A connection whose other end has vanished without a word looks like a quiet one. Counted in
   * ticks and not by the clock, so that a process that slept asks before it judges.
   */
  #tick(): void {
    this.#quietTicks++;
    if (this.#quietTicks === 2) this.send(this.#options.nextId(), { call: 'watch' });
    if (this.#quietTicks < 4) return;
    this.#socket?.close('no answer');
    this.#end(makeError('CONNECTION', 'The pool has stopped answering.'));
  }

  #end(error: RemudaError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#ticker);
    this.#listener.down(error);
  }
}
