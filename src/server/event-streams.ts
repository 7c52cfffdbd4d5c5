/**
 * Server-sent events. A stream first catches up from the journal, then gets each batch as it is
 * committed. Whoever does not read is cut off before its backlog fills the memory, and can resume.
 */
import type { ServerResponse } from 'node:http';
import type { CommittedEvent, PoolHost } from '../host/host-api.ts';
import { eventToJson } from '../protocol/event-json.ts';
import { MIB } from '../protocol/limits.ts';
import type { Logger } from './logger.ts';

const MOST_STREAMS = 1_000;
const MOST_BUFFERED_BYTES = MIB;
const PING_MS = 15_000;
/** How long one that catches up may take to read what fills its buffer. */
const STALL_MS = 30_000;
/** What an EventSource waits before it reconnects. */
const RETRY_MS = 2_000;
/** Written at once while catching up. */
const CHUNK_BYTES = 64 * 1_024;

interface Stream {
  readonly response: ServerResponse;
  readonly types: ReadonlySet<string> | null;
  /** While false, batches are not sent: the journal will have them. */
  isLive: boolean;
  /** The newest event that was committed since the stream began. */
  seen: number;
}

export class EventStreams {
  readonly #host: PoolHost;
  readonly #logger: Logger;
  readonly #streams = new Set<Stream>();
  readonly #unsubscribe: () => void;
  readonly #pings: NodeJS.Timeout;

  constructor(host: PoolHost, logger: Logger) {
    this.#host = host;
    this.#logger = logger;
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
    const stream: Stream = { response, types, isLive: past === null, seen: 0 };
    this.#streams.add(stream);
    response.once('close', () => this.#streams.delete(stream));
    if (past) {
      this.#catchUp(stream, past.after, past.events).catch((error: unknown) => {
        this.#logger.warn({ err: error }, 'an event stream ended while catching up');
        response.destroy();
      });
    }
  }

  stop(): void {
    this.#unsubscribe();
    clearInterval(this.#pings);
    for (const { response } of this.#streams) response.end();
  }

  async #catchUp(
    stream: Stream,
    after: number,
    first: AsyncIterator<CommittedEvent>,
  ): Promise<void> {
    let last = after;
    let events: AsyncIterable<CommittedEvent> = { [Symbol.asyncIterator]: () => first };
    for (let pass = 1; ; pass += 1) {
      let chunk = '';
      for await (const committed of events) {
        if (stream.response.destroyed) return;
        last = committed.number;
        chunk += frameOf(committed, stream.types);
        if (chunk.length < CHUNK_BYTES) continue;
        await write(stream.response, chunk);
        chunk = '';
      }
      if (chunk !== '') await write(stream.response, chunk);
      // The first pass began before the stream did, so what came in between needs a second one.
      // Then, if nothing was committed meanwhile, the batches come by themselves.
      if (pass > 1 && stream.seen <= last) break;
      events = this.#host.history(last + 1);
    }
    stream.isLive = true;
  }

  #committed(events: readonly CommittedEvent[]): void {
    if (this.#streams.size === 0) return;
    const frames = new Map<CommittedEvent, string>();
    for (const stream of this.#streams) {
      stream.seen = events.at(-1)?.number ?? stream.seen;
      if (!stream.isLive) continue;
      let text = '';
      for (const committed of events) {
        if (stream.types && !stream.types.has(committed.event.type)) continue;
        let frame = frames.get(committed);
        if (frame === undefined) {
          frame = frameOf(committed, null);
          frames.set(committed, frame);
        }
        text += frame;
      }
      if (text !== '') this.#push(stream, text);
    }
  }

  #ping(): void {
    for (const stream of this.#streams) this.#push(stream, ': ping\n\n');
  }

  #push({ response }: Stream, text: string): void {
    response.write(text);
    if (response.writableLength <= MOST_BUFFERED_BYTES) return;
    this.#logger.warn('an event stream was cut off: its client does not read');
    response.destroy();
  }
}

function frameOf({ number, event }: CommittedEvent, types: ReadonlySet<string> | null): string {
  if (types && !types.has(event.type)) return '';
  const json = eventToJson(event);
  return json === null
    ? ''
    : `id: ${number}\nevent: ${json.type}\ndata: ${JSON.stringify(json)}\n\n`;
}

/** Waits until the client has read what its buffer holds. */
async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error('its client does not read')), STALL_MS);
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
