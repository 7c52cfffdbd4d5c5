/** Waiting that a signal can cut short. */

/** Resolves after the time, or at once when the signal is aborted: look at the signal afterwards. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** The promise, or a rejection with the reason of the first signal that is aborted before. */
export function raced<T>(
  promise: Promise<T>,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      for (const signal of signals) signal?.removeEventListener('abort', abort);
    };
    const abort = () => {
      stop();
      reject(signals.find((signal) => signal?.aborted)?.reason);
    };
    if (signals.some((signal) => signal?.aborted)) {
      // Whoever waits no more must not be told of the failure as one that nobody handled.
      promise.catch(() => {});
      return abort();
    }
    for (const signal of signals) signal?.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(stop);
  });
}

/** Throws in a turn of its own, so that a fault of a listener is seen and stops nothing else. */
export function surface(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
