/**
 * Server-sent events. A stream first catches up from the journal, then gets each batch as it is
 * committed. One that reads too slowly falls behind: it catches up from the journal again, at its
 * own pace, so that no backlog fills the memory. One that does not read at all is cut off.
 *
 *   catching up ◄──► live          (nothing read for STALL_MS) ──► cut off
 */
import type { ServerResponse } from 'node:http';
import type { CommittedEvent, PoolHost } from '../host/host-api.ts';
import { eventToJson } from '../protocol/event-json.ts';
import { MIB } from '../protocol/limits.ts';
import type { Logger } from './logger.ts';

const MOST_STREAMS = 1_000;
const MOST_BUFFERED_BYTES = MIB;
const PING_MS = 15_000;
/** How long a client may leave unread what has been written for it. */
const STALL_MS = 15_000;
/** What an EventSource waits before it reconnects. */
const RETRY_MS = 2_000;
/** Written at once. */
const CHUNK_CHARS = 64 * 1_024;

interface Stream {
  readonly response: ServerResponse;
  readonly types: ReadonlySet<string> | null;
  /** While false, batches are not sent: the journal will have them. */
  isLive: boolean;
  /** The newest event that was committed since the stream began. */
  seen: number;
  /** The last event that was sent, or passed over as not wanted. */
  sent: number;
}

export class EventStreams {
  readonly #host: PoolHost;
  readonly #logger: Logger;
  readonly #stallMs: number;
  readonly #streams = new Set<Stream>();
  readonly #unsubscribe: () => void;
  readonly #pings: NodeJS.Timeout;

  constructor(host: PoolHost, logger: Logger, stallMs: number = STALL_MS) {
    this.#host = host;
    this.#logger = logger;
    this.#stallMs = stallMs;
    this.#unsubscribe = host.onCommitted((events) => this.#committed(events));
    this.#pings = setInterval(() => this.#ping(), PING_MS);
    this.#pings.unref();
  }

  get size(): number {
    return this.#streams.size;
  }

  get isFull(): boolean {
    return this.#streams.size >= MOST_STREAMS;
  }

  /** Events after `after`, read up to the first one: throws if they are no longer kept. */
  async historyAfter(after: number): Promise<AsyncIterator<CommittedEvent>> {
    const iterator = this.#host.history(after + 1)[Symbol.asyncIterator]();
    const first = await iterator.next();
    let isFirst = true;
    return {
      next: () => {
        if (!isFirst) return iterator.next();
        isFirst = false;
        return Promise.resolve(first);
      },
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    };
  }

  /** Takes the response over. Without a past, the stream begins with what happens next. */
  open(
    response: ServerResponse,
    types: ReadonlySet<string> | null,
    past: { readonly after: number; readonly events: AsyncIterator<CommittedEvent> } | null,
  ): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\n: connected\n\n`);
    const stream: Stream = {
      response,
      types,
      isLive: past === null,
      seen: 0,
      sent: past?.after ?? 0,
    };
    this.#streams.add(stream);
    response.once('close', () => this.#streams.delete(stream));
    // A client that has closed its side reads no more.
    response.socket?.once('end', () => response.destroy());
    response.on('error', () => response.destroy());
    if (past) this.#catchUp(stream, { [Symbol.asyncIterator]: () => past.events });
  }

  stop(): void {
    this.#unsubscribe();
    clearInterval(this.#pings);
    for (const { response } of this.#streams) response.end();
  }

  #catchUp(stream: Stream, events: AsyncIterable<CommittedEvent>): void {
    stream.isLive = false;
    this.#replay(stream, events).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'an event stream was cut off');
      stream.response.destroy();
    });
  }

  async #replay(stream: Stream, from: AsyncIterable<CommittedEvent>): Promise<void> {
    const { response, types } = stream;
    let events = from;
    for (let pass = 1; ; pass += 1) {
      let chunk = '';
      for await (const committed of events) {
        if (response.destroyed) return;
        stream.sent = committed.number;
        chunk += frameOf(committed, types);
        if (chunk.length < CHUNK_CHARS) continue;
        await this.#write(response, chunk);
        chunk = '';
      }
      await this.#write(response, chunk);
      // The first pass began before the stream did, so what came in between needs a second one.
      // Then, if nothing was committed meanwhile, the batches come by themselves.
      if (pass > 1 && stream.seen <= stream.sent) break;
      events = this.#host.history(stream.sent + 1);
    }
    stream.isLive = true;
  }

  /** Waits until the client has read what is buffered for it. */
  async #write(response: ServerResponse, text: string): Promise<void> {
    if (response.destroyed || (text === '' && !response.writableNeedDrain)) return;
    if (text !== '' && response.write(text)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('its client does not read')), this.#stallMs);
    const goOn = (): void => resolve();
    response.once('drain', goOn);
    response.once('close', goOn);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      response.off('drain', goOn);
      response.off('close', goOn);
    }
  }

  #committed(events: readonly CommittedEvent[]): void {
    if (this.#streams.size === 0) return;
    // Most streams want the same frames; they are written out once.
    const frames = new Map<CommittedEvent, string>();
    const frame = (committed: CommittedEvent): string => {
      const known = frames.get(committed) ?? frameOf(committed, null);
      frames.set(committed, known);
      return known;
    };
    for (const stream of this.#streams) {
      stream.seen = events.at(-1)?.number ?? stream.seen;
      if (stream.isLive) this.#push(stream, events, frame);
    }
  }

  #push(
    stream: Stream,
    events: readonly CommittedEvent[],
    frame: (committed: CommittedEvent) => string,
  ): void {
    const { response, types } = stream;
    let chunk = '';
    for (const committed of events) {
      stream.sent = committed.number;
      if (types === null || types.has(committed.event.type)) chunk += frame(committed);
      if (chunk.length < CHUNK_CHARS) continue;
      response.write(chunk);
      chunk = '';
      if (response.writableLength > MOST_BUFFERED_BYTES) break;
    }
    if (chunk !== '') response.write(chunk);
    if (response.writableLength <= MOST_BUFFERED_BYTES) return;
    this.#catchUp(stream, this.#host.history(stream.sent + 1));
  }

  #ping(): void {
    for (const { response } of this.#streams) {
      if (!response.writableNeedDrain) response.write(': ping\n\n');
    }
  }
}

function frameOf({ number, event }: CommittedEvent, types: ReadonlySet<string> | null): string {
  if (types && !types.has(event.type)) return '';
  const json = eventToJson(event);
  return json === null
    ? ''
    : `id: ${number}\nevent: ${json.type}\ndata: ${JSON.stringify(json)}\n\n`;
}
