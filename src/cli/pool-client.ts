/** Calls of the pool's HTTP API. What goes wrong becomes a Failure that says what to do. */
import type { CliContext } from './context.ts';
import { EXIT, Failure, wrongUsage } from './failure.ts';
import { type HttpResponse, reasonOf, send } from './http.ts';
import { DEFAULT_URL } from './options.ts';

export interface Call {
  readonly query?: { readonly [name: string]: string | number | boolean | undefined };
  /** Sent as JSON. */
  readonly body?: unknown;
  /** A body that is JSON text already. */
  readonly text?: string;
  readonly headers?: { readonly [name: string]: string };
  /** How long the pool may take on purpose, on top of the usual patience. */
  readonly waitSec?: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** The part of a problem document (RFC 9457) that is told to the user. */
interface ProblemDocument {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly errors_total?: number;
}

const PATIENCE_SEC = 60;

export class PoolClient {
  readonly url: string;
  readonly #key: string | undefined;
  readonly #signal: AbortSignal;

  constructor(url: string, { env, signal }: CliContext) {
    // An empty REMUDA_URL is what a script leaves that has none to give.
    this.url = checkedUrl(url === '' ? DEFAULT_URL : url);
    this.#key = env.REMUDA_API_KEY?.trim();
    if (this.#key && !/^[\x21-\x7e]+$/.test(this.#key)) {
      throw wrongUsage('REMUDA_API_KEY is not a key: keys are printable ASCII without spaces.');
    }
    this.#signal = signal;
  }

  /** Throws a Failure for anything but a 2xx answer in JSON. */
  async call<T>(method: string, path: string, call: Call = {}): Promise<Answer<T>> {
    const { query = {}, body, text, headers, waitSec = 0 } = call;
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await send(url, {
      method,
      content,
      headers: {
        accept: 'application/json',
        ...(content !== undefined && { 'content-type': 'application/json' }),
        ...(this.#key && { authorization: `Bearer ${this.#key}` }),
        ...headers,
      },
      timeoutMs: (PATIENCE_SEC + waitSec) * 1_000,
      signal: this.#signal,
    }).catch((error: unknown) => {
      this.#signal.throwIfAborted();
      throw this.#unreachable(error);
    });
    return { status: response.status, body: this.#read(response) as T };
  }

  #read({ status, type, text }: HttpResponse): unknown {
    const isGood = status >= 200 && status < 300;
    let body: unknown = null;
    try {
      if (/\bjson\b/.test(type)) body = JSON.parse(text);
    } catch {
      // Told below like any other answer that a pool would not give.
    }
    if (isGood && body !== null) return body;
    if (typeof (body as ProblemDocument | null)?.code === 'string') {
      throw this.#refused(status, body as ProblemDocument);
    }
    throw new Failure(
      `${this.url} answers, but not as a pool does (HTTP ${status}${type && `, ${type}`}). ` +
        'Is the address right? Give it with --url or REMUDA_URL.',
      { code: 'NOT_A_POOL' },
    );
  }

  #refused(status: number, problem: ProblemDocument): Failure {
    const { code, detail, errors = [], errors_total: total = errors.length } = problem;
    // A single error is what `detail` says already.
    const lines =
      errors.length > 1 ? errors.map((error) => `  ${error.path}: ${error.message}`) : [];
    if (lines.length > 0 && total > errors.length)
      lines.push(`  … and ${total - errors.length} more`);
    if (status === 401) lines.push('  Give the key in REMUDA_API_KEY.');
    const exitCode = code === 'INVALID_REQUEST' ? EXIT.usage : EXIT.failed;
    return new Failure([`${code}: ${detail}`, ...lines].join('\n'), { exitCode, ...problem });
  }

  #unreachable(error: unknown): Failure {
    return new Failure(
      `No pool answers at ${this.url} (${reasonOf(error)}). Start one with \`remuda serve\`, or ` +
        'name another with --url or REMUDA_URL.',
      { code: 'UNREACHABLE' },
      { cause: error },
    );
  }
}

/** Without a slash at the end, so that paths can follow. A path before them is a proxy's. */
function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw wrongUsage(`The address of the pool must begin with http:// or https://: ${text}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw wrongUsage(
      'The address of the pool must not hold a password; keys go to REMUDA_API_KEY.',
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
