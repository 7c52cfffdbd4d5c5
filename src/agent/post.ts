/**
 * Posts JSON over connections that are kept. Not with fetch, which refuses ports that browsers keep
 * from web pages, and which takes a while to load.
 */
import http, { type IncomingMessage } from 'node:http';

export interface PostOptions {
  readonly body: unknown;
  readonly key: string | null;
  /** From the first byte sent to the last one received. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  readonly text: string;
}

export class Poster {
  readonly #base: URL;
  #client: Promise<Client> | null = null;

  /** `base` ends with a slash. */
  constructor(base: URL) {
    this.#base = base;
  }

  /** Rejects with the error of the connection, or with one that is called TimeoutError. */
  async post(path: string, options: PostOptions): Promise<PostAnswer> {
    const url = new URL(path, this.#base);
    this.#client ??= openClient(url.protocol);
    const client = await this.#client;
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
    for (;;) {
      const attempt = new Attempt(client, url, options, signal);
      try {
        return await attempt.answer();
      } catch (error) {
        // The other side may close a kept connection at the moment in which we use it again.
        if (!attempt.wasStale(error) || signal.aborted)
          throw signal.aborted ? signal.reason : error;
      }
    }
  }

  async close(): Promise<void> {
    (await this.#client)?.agent.destroy();
  }
}

interface Client {
  readonly request: typeof http.request;
  readonly agent: http.Agent;
}

async function openClient(protocol: string): Promise<Client> {
  // Most pools are on this machine, and TLS is half of what an agent would load.
  const { request, Agent } = protocol === 'https:' ? await import('node:https') : http;
  return { request, agent: new Agent({ keepAlive: true }) };
}

class Attempt {
  readonly #sent: http.ClientRequest;
  readonly #response: Promise<IncomingMessage>;
  readonly #maxBytes: number;

  constructor(client: Client, url: URL, { body, key, maxBytes }: PostOptions, signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const content = Buffer.from(JSON.stringify(body));
    const headers = {
      'content-type': 'application/json',
      'content-length': content.length,
      ...(key !== null && { authorization: `Bearer ${key}` }),
    };
    this.#maxBytes = maxBytes;
    this.#response = promise;
    this.#sent = client.request(url, { method: 'POST', headers, agent: client.agent, signal });
    this.#sent.on('response', resolve).on('error', reject).end(content);
  }

  async answer(): Promise<PostAnswer> {
    const response = await this.#response;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > this.#maxBytes) throw new Error(`an answer of more than ${this.#maxBytes} bytes`);
      chunks.push(chunk);
    }
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
  }

  wasStale(error: unknown): boolean {
    const { code } = error as NodeJS.ErrnoException;
    return this.#sent.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
  }
}

const REASONS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
};

export function reasonOf(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return 'no answer in time';
  // Where a name stands for several addresses, each of them has failed.
  const first = (error as Partial<AggregateError>).errors?.[0] as NodeJS.ErrnoException | undefined;
  return REASONS[code ?? ''] ?? REASONS[first?.code ?? ''] ?? code ?? message;
}
