/** One WebSocket that carries text, with the few differences of the runtimes levelled. */
import { ConnectionError } from '../errors.ts';
import { makeError } from '../make-error.ts';

/** The part of an event of a WebSocket that is read here. */
export interface SocketEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

/** What is needed of a WebSocket: the global one of Node 22, Bun, Deno and browsers, or another. */
export interface WebSocketLike {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(
    type: 'open' | 'message' | 'close' | 'error',
    listener: (event: SocketEvent) => void,
  ): void;
}
export type WebSocketClass = new (url: string, protocol: string) => WebSocketLike;

export interface SocketOptions {
  readonly url: string;
  readonly protocol: string;
  /** Default: the global one. */
  readonly webSocket?: WebSocketClass;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface SocketListener {
  message(text: string): void;
  /** Told once, after the socket was open. */
  down(error: RemudaSocketError): void;
}

/** Why a socket ended, with the code that the other side gave. */
export interface RemudaSocketError extends ConnectionError {
  readonly closeCode?: number;
}

export interface Socket {
  send(text: string): void;
  /** No `down` is told after it. */
  close(reason: string): void;
}

/** Resolves when the socket is open. Rejects with a ConnectionError, or the signal's reason. */
export function openSocket(options: SocketOptions, listener: SocketListener): Promise<Socket> {
  const { url, protocol, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const Class = options.webSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
    if (Class === undefined) {
      throw makeError('INVALID_REQUEST', 'This runtime has no WebSocket; pass one as `webSocket`.');
    }
    const ws = construct(Class, url, protocol);
    let state: 'opening' | 'open' | 'over' = 'opening';
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs / 1_000} s`), timeoutMs);
    const abort = () => fail('aborted');
    signal.addEventListener('abort', abort);

    function end(): typeof state {
      const before = state;
      state = 'over';
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      return before;
    }
    function fail(why: string, closeCode?: number): void {
      const before = end();
      if (before === 'over') return;
      if (closeCode === undefined) ws.close();
      const detail =
        before === 'opening'
          ? `No pool could be reached at ${url} (${why}).`
          : `The connection to ${url} was lost (${why}).`;
      const error = Object.assign(new ConnectionError('CONNECTION', detail), { closeCode });
      if (before === 'open') listener.down(error);
      else reject(signal.aborted ? signal.reason : error);
    }

    ws.addEventListener('open', () => {
      if (state !== 'opening') return ws.close();
      state = 'open';
      clearTimeout(timer);
      resolve({
        send: (text) => ws.send(text),
        close: (reason) => {
          end();
          ws.close(1000, reason);
        },
      });
    });
    ws.addEventListener('message', ({ data }) => {
      if (state === 'open' && typeof data === 'string') listener.message(data);
    });
    let trouble = '';
    ws.addEventListener('error', ({ message }) => {
      trouble = message ? message : 'connection error';
      // A close follows and may say more, but not in every runtime.
      setTimeout(() => fail(trouble, 1006), 50);
    });
    ws.addEventListener('close', ({ code = 1006, reason }) => {
      const said = [reason, trouble].find((text) => text !== undefined && text !== '');
      fail(said ?? `closed with ${code}`, code);
    });
  });
}

/** Some runtimes refuse an address by throwing, such as a port that browsers keep from web pages. */
function construct(Class: WebSocketClass, url: string, protocol: string): WebSocketLike {
  try {
    return new Class(url, protocol);
  } catch (cause) {
    const detail = `No socket can be opened to ${url} (${(cause as Error).message}).`;
    throw makeError('CONNECTION', detail, { cause });
  }
}

/** The address of a socket of the pool. Throws for one that is not a pool's. */
export function poolUrl(url: string | URL, path: string, scheme: 'ws' | 'http'): string {
  const base = URL.canParse(String(url)) ? new URL(url) : null;
  if (base === null || !/^(http|ws)s?:$/.test(base.protocol)) {
    throw makeError(
      'INVALID_REQUEST',
      `The address of a pool begins with http:// or https://: ${url}`,
    );
  }
  if (base.username !== '' || base.password !== '') {
    throw makeError('INVALID_REQUEST', 'The address must not hold a password; pass `apiKey`.');
  }
  const secure = base.protocol.endsWith('s:') ? 's' : '';
  return `${scheme}${secure}://${base.host}${base.pathname.replace(/\/+$/, '')}${path}`;
}
