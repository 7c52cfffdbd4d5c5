/** Holds a replay back to so many times the speed at which its trace was recorded. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Less than this is not worth a pause; the next rows make up for it. */
const LEAST_PAUSE_MS = 5;

export class Pace {
  readonly #from: number;
  readonly #speed: number;
  readonly #signal: AbortSignal | undefined;
  readonly #startedAt: number = performance.now();

  constructor(from: number, speed: number, signal?: AbortSignal) {
    this.#from = from;
    this.#speed = speed;
    this.#signal = signal;
  }

  isAhead(at: number): boolean {
    return this.#speed !== Number.POSITIVE_INFINITY && this.#pause(at) > LEAST_PAUSE_MS;
  }

  /** Resolves when it is time for what happened at `at`. Rejects when the replay is called off. */
  async wait(at: number): Promise<void> {
    // A timer counts in 32 bits; a longer pause is made in parts.
    while (this.isAhead(at)) {
      await sleep(Math.min(this.#pause(at), 2 ** 31 - 1), undefined, { signal: this.#signal });
    }
  }

  #pause(at: number): number {
    return (at - this.#from) / this.#speed - (performance.now() - this.#startedAt);
  }
}
