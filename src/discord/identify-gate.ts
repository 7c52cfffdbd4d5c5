/**
 * The platform's spacing of identifies, kept for one bot over all its logins: whichever client wants
 * to identify comes through here.
 */
import { sleep } from '../sdk/net/wait.ts';

/** One identify in 5 s and bucket; a little more, because the way to the platform takes unequally long. */
const SPACING_MS = 5_250;

export class IdentifyGate {
  readonly #openAt = new Map<number, number>();

  /** Resolves when the bucket may identify. Rejects when the signal is aborted before. */
  async pass(bucket: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const waitMs = (this.#openAt.get(bucket) ?? 0) - performance.now();
      if (waitMs <= 0) break;
      await sleep(waitMs, signal);
    }
    this.#openAt.set(bucket, performance.now() + SPACING_MS);
  }
}
