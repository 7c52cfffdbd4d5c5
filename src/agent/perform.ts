/** Carries out work that has a slot: in a thread, or by asking a model. */
import type { Log } from './log.ts';
import { Poster } from './post.ts';
import { type Answer, invalid, problem } from './problem.ts';
import type { Settings } from './settings.ts';
import { TaskThreads } from './task-threads.ts';
import { askModel } from './tasks/chat.ts';
import type { Summary } from './tasks/summarize.ts';
import type { Work } from './work.ts';

export type Performed =
  | { readonly ok: true; readonly result: object }
  | { readonly ok: false; readonly answer: Answer };

const ANSWER_SENTENCES = 3;

export class Performer {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #threads: TaskThreads;
  readonly #poster: Poster | null;
  readonly #stop = new AbortController();
  #isChatFailing = false;

  constructor(settings: Settings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    this.#threads = new TaskThreads(settings.slots);
    this.#poster = settings.chat && new Poster(settings.chat.url);
  }

  /** `gone`: nobody waits for the result any more. */
  async perform(work: Work, gone: AbortSignal): Promise<Performed> {
    try {
      return await this.#perform(work, gone);
    } catch (error) {
      if (this.#stop.signal.aborted) {
        return { ok: false, answer: problem('NOT_READY', 'The agent stops.') };
      }
      const { task, tenant, lease_id } = work;
      if (!gone.aborted) {
        this.#log('task_failed', { task, tenant, lease_id, reason: (error as Error).message });
      }
      return { ok: false, answer: problem('INTERNAL', 'The task failed; the log says why.') };
    }
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#threads.close(), this.#poster?.close()]);
  }

  async #perform(work: Work, gone: AbortSignal): Promise<Performed> {
    switch (work.task) {
      case 'summarize':
      case 'count':
        return done(await this.#threads.run(work, gone));
      case 'search':
        return await this.#search(work, gone);
      case 'chat':
        return await this.#chat(work, gone);
    }
  }

  async #search(work: Work & { task: 'search' }, gone: AbortSignal): Promise<Performed> {
    const { query, path } = work;
    const root = this.#settings.searchRoot;
    const hits = await this.#threads.run({ task: 'search', root, query, path }, gone);
    if (hits !== null) return done(hits);
    const message = 'there is nothing of this name that may be searched';
    return { ok: false, answer: invalid([{ path: '/path', message }]) };
  }

  async #chat(work: Work & { task: 'chat' }, gone: AbortSignal): Promise<Performed> {
    const { chat } = this.#settings;
    if (chat === null || this.#poster === null) {
      const text = work.messages.at(-1)?.content ?? '';
      const job = { task: 'summarize', text, sentences: ANSWER_SENTENCES } as const;
      const { summary } = (await this.#threads.run(job, gone)) as Summary;
      return done({ answer: summary, model: 'none' });
    }
    const signal = AbortSignal.any([gone, this.#stop.signal]);
    const asked = await askModel(this.#poster, chat, work.messages, signal);
    signal.throwIfAborted();
    // A line for each change, not for each message.
    if (this.#isChatFailing === asked.ok) {
      this.#isChatFailing = !asked.ok;
      if (asked.ok) this.#log('chat_works');
      else this.#log('chat_fails', { reason: asked.detail });
    }
    if (asked.ok) return done(asked.answer);
    return { ok: false, answer: problem(asked.code, asked.detail) };
  }
}

function done(result: object | null): Performed {
  if (result === null) throw new Error('the task gave no result');
  return { ok: true, result };
}
