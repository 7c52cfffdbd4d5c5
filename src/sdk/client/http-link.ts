/** The same calls over HTTP, one request each, for where a socket cannot be had. */
import { makeError } from '../make-error.ts';
import { poolUrl } from '../net/socket.ts';
import type { Call } from '../wire.ts';
import type { Link, LinkListener } from './link.ts';

export interface HttpLinkOptions {
  readonly url: string | URL;
  readonly apiKey?: string;
  readonly fetch?: typeof fetch;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: object;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

const PATIENCE_SEC = 30;

/** A single request fails when a kept connection is closed just then; a pool that is gone fails all. */
const FAILURES_OF_A_LOST_POOL = 3;

function request(call: Exclude<Call, { call: 'watch' | 'auth' }>): Request {
  switch (call.call) {
    case 'lease': {
      const { body, idempotency_key: idempotencyKey } = call;
      return { method: 'POST', path: '/v1/leases', body, idempotencyKey };
    }
    case 'lease.list':
      return { method: 'GET', path: '/v1/leases', query: call.query };
    case 'lease.get':
      return { method: 'GET', path: `/v1/leases/${encodeURIComponent(call.lease_id)}` };
    case 'lease.state': {
      const path = `/v1/leases/${encodeURIComponent(call.lease_id)}/state`;
      return { method: 'POST', path, body: call.body };
    }
    case 'release':
      return { method: 'DELETE', path: `/v1/leases/${encodeURIComponent(call.lease_id)}` };
    case 'ticket.get': {
      const path = `/v1/tickets/${encodeURIComponent(call.ticket_id)}`;
      return { method: 'GET', path, query: call.query };
    }
    case 'ticket.cancel':
      return { method: 'DELETE', path: `/v1/tickets/${encodeURIComponent(call.ticket_id)}` };
  }
}

export class HttpLink implements Link {
  readonly kind = 'http';
  readonly #options: HttpLinkOptions;
  readonly #listener: LinkListener;
  readonly #end = new AbortController();
  /** Requests that have failed since one was answered. */
  #failures = 0;

  constructor(options: HttpLinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
  }

  send(id: number, call: Call): void {
    if (call.call === 'watch' || call.call === 'auth') {
      // There is no connection to watch with, and the key goes with every request.
      queueMicrotask(() => this.#listener.answer(id, 200, {}));
      return;
    }
    const waitSec = call.call === 'ticket.get' ? (call.query?.wait_sec ?? 0) : 0;
    this.#exchange(request(call), waitSec).then(
      ({ status, body }) => {
        this.#failures = 0;
        if (!this.#end.signal.aborted) this.#listener.answer(id, status, body);
      },
      (cause: unknown) => {
        if (this.#end.signal.aborted) return;
        const detail = `The pool at ${this.#options.url} cannot be reached (${reason(cause)}).`;
        const error = makeError('CONNECTION', detail, { cause });
        if (++this.#failures < FAILURES_OF_A_LOST_POOL) {
          this.#listener.lost(id, error);
          return;
        }
        this.close();
        this.#listener.down(error);
      },
    );
  }

  close(): void {
    this.#end.abort();
  }

  /** Rejects where no pool has answered and one may later. */
  async #exchange(
    { method, path, query, body, idempotencyKey }: Request,
    waitSec: number,
  ): Promise<{ status: number; body: unknown }> {
    const url = new URL(poolUrl(this.#options.url, path, 'http'));
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { apiKey } = this.#options;
    const send = this.#options.fetch ?? globalThis.fetch;
    const timeout = new AbortController();
    const stop = () => timeout.abort();
    const timer = setTimeout(stop, (PATIENCE_SEC + waitSec) * 1_000);
    this.#end.signal.addEventListener('abort', stop);
    try {
      const response = await send(url, {
        method,
        headers: {
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
          ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: timeout.signal,
      });
      const { status } = response;
      const text = await response.text();
      if (/\bjson\b/.test(response.headers.get('content-type') ?? '')) {
        return { status, body: JSON.parse(text) };
      }
      // A proxy that has lost its pool answers by itself.
      if (status >= 500) throw new Error(`HTTP ${status} without a problem document`);
      const detail = `${url.origin} answers, but not as a pool does (HTTP ${status}).`;
      return { status: Math.max(status, 400), body: { code: 'NOT_A_POOL', detail } };
    } finally {
      clearTimeout(timer);
      this.#end.signal.removeEventListener('abort', stop);
    }
  }
}

/** `fetch` says why it failed in the cause of its error. */
function reason(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string } };
  return cause?.code ?? message ?? 'no answer';
}
