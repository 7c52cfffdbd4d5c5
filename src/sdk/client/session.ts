/**
 * The calls of a pool over whichever link there is. Every call is safe to repeat: reads are, `release`
 * and `ticket.cancel` change nothing the second time, a state carries its token, and a request for
 * a lease carries an idempotency key. So a call whose answer was lost is sent again.
 *
 *   start ──► waiting ──► sent ──► answered
 *                ▲          │
 *                └──────────┘  the link went down, the pool was not ready, or too much at once
 */
import type { RemudaError } from '../errors.ts';
import { closedError, makeError, problemError } from '../make-error.ts';
import { Backoff } from '../net/backoff.ts';
import { raced, sleep } from '../net/wait.ts';
import type { AnswerOf, Call, ClientPush, WatchAnswer } from '../wire.ts';
import { HttpLink } from './http-link.ts';
import type { Link, LinkListener } from './link.ts';
import { SocketLink } from './socket-link.ts';
import type { ConnectOptions } from './types.ts';

export interface SessionListener {
  /** Calls that make a new connection know what this client follows. */
  watching(): Call[];
  push(push: ClientPush): void;
  /** Leases and tickets that were to be followed and that the pool knows nothing of. */
  missing(ids: readonly string[]): void;
  /** A link is up. */
  up(): void;
}

/** A call under way. */
export interface Started<C extends Call> {
  readonly answer: Promise<AnswerOf<C>>;
  /** More than once: the answer may be that of the first time. */
  readonly timesSent: number;
  /** It is not sent again, and its answer stays open for ever. */
  forget(): void;
}

interface Waiting {
  readonly call: Call;
  readonly retryForMs: number;
  readonly resolve: (body: never) => void;
  readonly reject: (error: RemudaError) => void;
  state: 'waiting' | 'delayed' | 'sent';
  timesSent: number;
  /** When trying again is no longer allowed; set by the first trouble. */
  limit: ReturnType<typeof setTimeout> | undefined;
  isOverdue: boolean;
  trouble: RemudaError | null;
  delay: ReturnType<typeof setTimeout> | undefined;
  readonly backoff: Backoff;
}

interface Found {
  readonly link: Link;
  readonly down: Promise<RemudaError>;
  /** A better link, should one be found. */
  readonly better?: Promise<Found>;
}

const HELLO_TIMEOUT_MS = 10_000;
const LOST_CALL_MS = 200;
/** Over HTTP because no socket could be had: the first time to look for one again. */
const FIRST_UPGRADE_MS = 5_000;
const LAST_UPGRADE_MS = 300_000;

export class Session {
  readonly #url: string | URL;
  readonly #options: ConnectOptions;
  readonly #listener: SessionListener;
  readonly #waiting = new Map<number, Waiting>();
  /** Answers that a link waits for before it counts as up. */
  readonly #hellos = new Map<number, (error: RemudaError | null, body: unknown) => void>();
  readonly #end = new AbortController();
  readonly #backoff = new Backoff();
  readonly #retryForMs: number;
  #lastId = 0;
  #link: Link | null = null;
  #trouble: RemudaError | null = null;

  constructor(url: string | URL, options: ConnectOptions, listener: SessionListener) {
    this.#url = url;
    this.#options = options;
    this.#listener = listener;
    this.#retryForMs = (options.retryForSec ?? 30) * 1_000;
  }

  get link(): 'socket' | 'http' | null {
    return this.#link?.kind ?? null;
  }

  get trouble(): RemudaError | null {
    return this.#link === null ? this.#trouble : null;
  }

  /** Aborted by `close`, with a ClosedError. */
  get closed(): AbortSignal {
    return this.#end.signal;
  }

  get retryForMs(): number {
    return this.#retryForMs;
  }

  /** Resolves with the first link. Rejects when the pool refuses, or cannot be reached in time. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUpAt = Date.now() + this.#retryForMs;
      void this.#keepLinked(resolve, (error) => {
        if (error.retryable && Date.now() < giveUpAt) return true;
        reject(error);
        return false;
      });
    });
  }

  /** `retryForMs`: how long it is tried again after the first trouble, if not as long as usual. */
  start<C extends Call>(call: C, retryForMs = this.#retryForMs): Started<C> {
    const id = ++this.#lastId;
    let waiting: Waiting | undefined;
    const answer = new Promise<AnswerOf<C>>((resolve, reject) => {
      if (this.#end.signal.aborted) return reject(this.#end.signal.reason);
      waiting = {
        call,
        retryForMs,
        resolve,
        reject,
        state: 'waiting',
        timesSent: 0,
        limit: undefined,
        isOverdue: false,
        trouble: null,
        delay: undefined,
        backoff: new Backoff(),
      };
      this.#waiting.set(id, waiting);
      const trouble = this.#trouble ?? makeError('CONNECTION', 'The pool is not connected yet.');
      if (this.#link !== null) this.#send(this.#link, id, waiting);
      else this.#postpone(id, waiting, trouble);
    });
    return {
      answer,
      get timesSent() {
        return waiting?.timesSent ?? 0;
      },
      forget: () => void this.#forget(id),
    };
  }

  /** The answer, or the reason of the signal. Rejects with a RemudaError. */
  async call<C extends Call>(
    call: C,
    { signal, retryForMs }: { signal?: AbortSignal; retryForMs?: number } = {},
  ): Promise<AnswerOf<C>> {
    signal?.throwIfAborted();
    const { answer, forget } = this.start(call, retryForMs);
    return signal === undefined ? answer : raced(answer, signal).finally(forget);
  }

  close(): void {
    if (this.#end.signal.aborted) return;
    const error = closedError('pool');
    this.#end.abort(error);
    const link = this.#link;
    this.#link = null;
    link?.close();
    for (const id of [...this.#waiting.keys()]) this.#forget(id)?.reject(error);
  }

  #send(link: Link, id: number, waiting: Waiting): void {
    waiting.state = 'sent';
    waiting.timesSent++;
    link.send(id, waiting.call);
  }

  #forget(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(id);
    clearTimeout(waiting.limit);
    clearTimeout(waiting.delay);
    return waiting;
  }

  /** The call goes back to those that wait for a link, unless it has done so for long enough. */
  #postpone(id: number, waiting: Waiting, trouble: RemudaError): void {
    waiting.state = 'waiting';
    waiting.trouble = trouble;
    if (waiting.isOverdue) {
      this.#forget(id)?.reject(trouble);
      return;
    }
    if (waiting.limit !== undefined || waiting.retryForMs === Number.POSITIVE_INFINITY) return;
    waiting.limit = setTimeout(() => {
      waiting.isOverdue = true;
      // One that is under way may still be answered.
      if (waiting.state !== 'sent') this.#forget(id)?.reject(waiting.trouble ?? trouble);
    }, waiting.retryForMs);
  }

  #answer(id: number, status: number, body: unknown): void {
    const error =
      status < 400
        ? null
        : (problemError(body, status) ??
          makeError('NOT_A_POOL', `An answer without a code (${status}).`, { status }));
    const hello = this.#hellos.get(id);
    if (hello) {
      this.#hellos.delete(id);
      hello(error, body);
      return;
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    if (error === null) this.#forget(id)?.resolve(body as never);
    else if (error.code === 'NOT_READY' || error.code === 'RATE_LIMITED') {
      const delayMs = (error.retryAfterSec ?? 0) * 1_000 + waiting.backoff.nextMs();
      this.#retry(id, waiting, error, delayMs);
    } else this.#forget(id)?.reject(error);
  }

  #lost(id: number, error: RemudaError): void {
    const hello = this.#hellos.get(id);
    const waiting = this.#waiting.get(id);
    this.#hellos.delete(id);
    if (hello) hello(error, null);
    // Soon: a pool that is gone ends the link, and the wait for another one is longer.
    else if (waiting) this.#retry(id, waiting, error, Math.random() * LOST_CALL_MS);
  }

  #retry(id: number, waiting: Waiting, error: RemudaError, delayMs: number): void {
    if (delayMs > waiting.retryForMs) waiting.isOverdue = true;
    this.#postpone(id, waiting, error);
    if (!this.#waiting.has(id)) return;
    waiting.state = 'delayed';
    waiting.delay = setTimeout(() => {
      waiting.state = 'waiting';
      if (this.#link !== null) this.#send(this.#link, id, waiting);
    }, delayMs);
  }

  // ─── The link ────────────────────────────────────────────────────────────────────────────────

  /** Until `close`, or until `goOn` says no to a failure before the first success. */
  async #keepLinked(onFirst: () => void, goOn: (error: RemudaError) => boolean): Promise<void> {
    let isFirst = true;
    while (!this.#end.signal.aborted) {
      try {
        let found: Found | null = await this.#find();
        if (isFirst) onFirst();
        isFirst = false;
        while (found !== null) {
          this.#adopt(found.link);
          const down: Promise<Found | null> = found.down.then(() => null);
          found = await Promise.race(found.better ? [down, found.better] : [down]);
        }
      } catch (error) {
        if (this.#end.signal.aborted) break;
        this.#trouble = error as RemudaError;
        if (isFirst && !goOn(this.#trouble)) return this.close();
        if (!this.#trouble.retryable) this.#refuse(this.#trouble);
      }
      await sleep(this.#backoff.nextMs(), this.#end.signal);
    }
    if (isFirst) goOn(this.#end.signal.reason);
  }

  /** A pool that does not want this client, such as for its key, says so to every call. */
  #refuse(error: RemudaError): void {
    for (const [id, { state }] of [...this.#waiting]) {
      if (state === 'waiting') this.#forget(id)?.reject(error);
    }
  }

  async #find(): Promise<Found> {
    const { transport = 'auto', webSocket = globalThis.WebSocket } = this.#options;
    const hasSocket = transport === 'socket' || (webSocket as unknown) !== undefined;
    if (transport === 'http' || !hasSocket) return this.#tryHttp();
    try {
      return await this.#trySocket();
    } catch (error) {
      const isHopeless = !(error as RemudaError).retryable;
      if (transport === 'socket' || isHopeless || this.#end.signal.aborted) throw error;
      const found = await this.#tryHttp();
      return { ...found, better: this.#upgrade(found.link) };
    }
  }

  #adopt(link: Link): void {
    const before = this.#link;
    this.#link = link;
    before?.close();
    this.#backoff.reset();
    for (const [id, waiting] of this.#waiting) {
      if (waiting.state !== 'delayed') this.#send(link, id, waiting);
    }
    this.#listener.up();
  }

  async #trySocket(): Promise<Found> {
    const { apiKey, webSocket, keepAliveSec = 20 } = this.#options;
    const { listener, down } = this.#listen();
    const link = await SocketLink.open(
      {
        url: this.#url,
        webSocket,
        keepAliveSec,
        signal: this.#end.signal,
        nextId: () => ++this.#lastId,
      },
      listener,
    );
    listener.link = link;
    const calls: Call[] = apiKey === undefined ? [] : [{ call: 'auth', api_key: apiKey }];
    await this.#greet(link, [...calls, { call: 'watch' }, ...this.#listener.watching()], down);
    return { link, down };
  }

  async #tryHttp(): Promise<Found> {
    const { apiKey, fetch } = this.#options;
    const { listener, down } = this.#listen();
    const link = new HttpLink({ url: this.#url, apiKey, fetch }, listener);
    listener.link = link;
    await this.#greet(link, [{ call: 'lease.list', query: { limit: 1 } }], down);
    return { link, down };
  }

  /** What a link tells goes to the calls; that it is down takes back those that it carried. */
  #listen(): { listener: LinkListener & { link?: Link }; down: Promise<RemudaError> } {
    let tellDown: (error: RemudaError) => void = () => {};
    const down = new Promise<RemudaError>((resolve) => {
      tellDown = resolve;
    });
    const listener: LinkListener & { link?: Link } = {
      answer: (id, status, body) => this.#answer(id, status, body),
      push: (push) => this.#listener.push(push),
      lost: (id, error) => this.#lost(id, error),
      down: (error) => {
        tellDown(error);
        if (this.#link === null || this.#link !== listener.link) return;
        this.#link = null;
        this.#trouble = error;
        for (const [id, waiting] of [...this.#waiting]) {
          if (waiting.state === 'sent') this.#postpone(id, waiting, error);
        }
      },
    };
    return { listener, down };
  }

  /** The first calls of a link. It is up when they are answered, and not before. */
  async #greet(link: Link, calls: readonly Call[], down: Promise<RemudaError>): Promise<void> {
    const ids: number[] = [];
    const missing: string[] = [];
    const over = new AbortController();
    const answers = calls.map((call) => {
      const id = ++this.#lastId;
      ids.push(id);
      return new Promise<void>((resolve, reject) => {
        this.#hellos.set(id, (error, body) => {
          if (error !== null) return reject(error);
          if (call.call === 'watch') missing.push(...((body as WatchAnswer).missing ?? []));
          resolve();
        });
        link.send(id, call);
      });
    });
    const late = sleep(HELLO_TIMEOUT_MS, over.signal).then(() => {
      throw makeError('CONNECTION', `The pool at ${this.#url} does not answer.`);
    });
    const lost = down.then((error) => {
      throw error;
    });
    const all = Promise.all(answers);
    for (const promise of [late, lost, all]) promise.catch(() => {});
    try {
      await raced(Promise.race([all, late, lost]), this.#end.signal);
      if (missing.length > 0) this.#listener.missing(missing);
    } catch (error) {
      link.close();
      throw error;
    } finally {
      for (const id of ids) this.#hellos.delete(id);
      over.abort();
    }
  }

  /** Looks for a socket from time to time while the link is HTTP; resolves only with one. */
  async #upgrade(http: Link): Promise<Found> {
    const end = this.#end.signal;
    for (let waitMs = FIRST_UPGRADE_MS; ; waitMs = Math.min(2 * waitMs, LAST_UPGRADE_MS)) {
      await sleep(waitMs * (0.5 + Math.random() / 2), end);
      if (end.aborted || (this.#link !== null && this.#link !== http)) break;
      const found = await this.#trySocket().catch(() => null);
      if (found === null) continue;
      if (this.#link === http) return found;
      found.link.close();
      break;
    }
    return new Promise(() => {});
  }
}
