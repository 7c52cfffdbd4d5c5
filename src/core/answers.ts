/**
 * Answers to requests with an idempotency key. A client that did not hear the answer asks again
 * with the same key and gets the same words, also after a restart, instead of a second agent.
 */
import { ANSWER_KEPT_MS, ANSWERS_KEPT } from './limits.ts';
import type { Granted, Queued } from './outcome.ts';

export interface Answer {
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
  readonly outcome: Granted | Queued;
}

export class Answers {
  readonly #byKey = new Map<string, Answer>();
  /** In the order in which they were given; the front is forgotten first. */
  #order: Answer[] = [];
  #from = 0;

  find(key: string, now: number): Answer | undefined {
    const answer = this.#byKey.get(key);
    return answer !== undefined && now - answer.at < ANSWER_KEPT_MS ? answer : undefined;
  }

  keep(answer: Answer): void {
    this.#byKey.set(answer.key, answer);
    this.#order.push(answer);
    while (this.#order.length - this.#from > ANSWERS_KEPT) this.#forgetOldest();
    // Two for one, so that a table that has grown large shrinks again as the day passes.
    for (let i = 0; i < 2; i++) {
      const oldest = this.#order[this.#from];
      if (oldest !== undefined && answer.at - oldest.at >= ANSWER_KEPT_MS) this.#forgetOldest();
    }
  }

  all(): readonly Answer[] {
    return this.#order.slice(this.#from);
  }

  #forgetOldest(): void {
    const oldest = this.#order[this.#from++];
    if (oldest === undefined) return;
    if (this.#byKey.get(oldest.key) === oldest) this.#byKey.delete(oldest.key);
    if (this.#from > 1024 && this.#from > this.#order.length / 2) {
      this.#order = this.#order.slice(this.#from);
      this.#from = 0;
    }
  }
}
