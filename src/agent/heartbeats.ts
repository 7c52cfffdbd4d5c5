/**
 * Tells the pool that the agent lives and how loaded it is. The first heartbeat goes out at once:
 * from it the pool learns that the agent is up. A pool that fails, or that does not know the agent
 * yet, is tried again sooner than the interval, and every wait is a little random so that agents
 * that were started together do not call together for ever.
 */
import { LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import { Poster, reasonOf } from './post.ts';

const PATH = 'v1/heartbeats';
const JITTER = 0.1;

export interface HeartbeatsOptions {
  /** The pool; ends with a slash. */
  readonly url: URL;
  readonly apiKey: string | null;
  readonly agentId: string;
  readonly intervalMs: number;
  readonly load: () => number;
  readonly log: Log;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** What became of a heartbeat: the name of its log line, and what the line says. */
interface Result {
  readonly event: 'pool_hears' | 'pool_does_not_know' | 'pool_refuses' | 'pool_unreachable';
  readonly details?: { readonly [name: string]: unknown };
}

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #poster: Poster;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #lastEvent: Result['event'] | null = null;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#poster = new Poster(options.url);
  }

  start(): void {
    void this.#beat();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#poster.close();
  }

  async #beat(): Promise<void> {
    const { event, details } = await this.#send();
    if (this.#stop.signal.aborted) return;
    // A line for each change, not for each beat.
    if (event !== this.#lastEvent) this.#options.log(event, details);
    this.#lastEvent = event;
    this.#failures = event === 'pool_hears' ? 0 : this.#failures + 1;
    const { intervalMs, random = Math.random } = this.#options;
    const wait = heartbeatWaitMs(intervalMs, this.#failures, random());
    this.#timer = setTimeout(() => void this.#beat(), wait);
  }

  async #send(): Promise<Result> {
    const { agentId, apiKey, load } = this.#options;
    try {
      const { status, text } = await this.#poster.post(PATH, {
        body: { agents: [[agentId, load()]] },
        key: apiKey,
        timeoutMs: LIMITS.heartbeatMs,
        maxBytes: LIMITS.heartbeatAnswerBytes,
        signal: this.#stop.signal,
      });
      return judge(status, text, agentId);
    } catch (error) {
      return { event: 'pool_unreachable', details: { reason: reasonOf(error) } };
    }
  }
}

/** `failures`: heartbeats in a row that were not heard. `random`: from 0 to 1. */
export function heartbeatWaitMs(intervalMs: number, failures: number, random: number): number {
  const retryMs = LIMITS.firstRetryMs * 2 ** (failures - 1);
  const wait = failures === 0 ? intervalMs : Math.min(intervalMs, retryMs);
  return wait * (1 - JITTER + 2 * JITTER * random);
}

function judge(status: number, text: string, agentId: string): Result {
  const body = parseObject(text);
  if (status !== 200) return { event: 'pool_refuses', details: { status, code: body?.code } };
  const unknown = body?.unknown;
  if (!Array.isArray(unknown)) {
    return {
      event: 'pool_refuses',
      details: { status, reason: 'this is not the answer of a pool' },
    };
  }
  return { event: unknown.includes(agentId) ? 'pool_does_not_know' : 'pool_hears' };
}

function parseObject(text: string): { readonly [name: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}
