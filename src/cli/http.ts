/**
 * One HTTP request. Not with fetch, which refuses ports that browsers keep from web pages: a pool
 * may well be on port 6000.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

export interface HttpRequest {
  readonly method: string;
  readonly headers: { readonly [name: string]: string };
  readonly content: string | undefined;
  /** From the first byte sent to the last one received. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** The content type; empty when there is none. */
  readonly type: string;
  readonly text: string;
}

/** Calls that follow each other share a connection; one that is idle does not hold up the end. */
const KEEP = { keepAlive: true, maxSockets: 1 };
const SCHEMES = {
  http: { request: requestHttp, agent: new HttpAgent(KEEP) },
  https: { request: requestHttps, agent: new HttpsAgent(KEEP) },
};

/** Rejects with the error of the connection, or with one that is called TimeoutError. */
export async function send(url: URL, options: HttpRequest): Promise<HttpResponse> {
  const { method, headers, content, timeoutMs } = options;
  const { request, agent } = url.protocol === 'https:' ? SCHEMES.https : SCHEMES.http;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)]);
  const length =
    content === undefined ? {} : { 'content-length': String(Buffer.byteLength(content)) };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(url, { method, headers: { ...headers, ...length }, agent, signal }, resolve);
  sent.on('error', (error) => reject(signal.aborted ? signal.reason : error));
  sent.end(content);
  const response = await promise;
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  const { statusCode: status = 0 } = response;
  return { status, type: response.headers['content-type'] ?? '', text };
}

const REASONS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer in time',
};

export function reasonOf(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return 'no answer in time';
  // Where a name stands for several addresses, each of them has failed.
  const first = (error as Partial<AggregateError>).errors?.[0] as NodeJS.ErrnoException | undefined;
  return REASONS[code ?? ''] ?? REASONS[first?.code ?? ''] ?? code ?? message;
}
