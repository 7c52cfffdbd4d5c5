/** The machine's clock, for a process that decides by time. */
import type { Clock } from '../host/ports.ts';

/** setTimeout counts in 32 bits; a longer wait is done in parts. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Wall time as of the start, carried on by the monotonic clock: a correction of the machine's time
 * neither ends leases early nor makes them last longer.
 */
export class SystemClock implements Clock {
  readonly #offset: number = Date.now() - performance.now();

  now(): number {
    return Math.floor(this.#offset + performance.now());
  }

  wakeAt(at: number, wake: () => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    const wait = () => {
      const left = at - this.now();
      if (left > 0) timer = setTimeout(wait, Math.min(left, LONGEST_TIMEOUT_MS));
      else wake();
    };
    timer = setTimeout(wait, Math.max(0, Math.min(at - this.now(), LONGEST_TIMEOUT_MS)));
    timer.unref();
    return () => clearTimeout(timer);
  }
}
