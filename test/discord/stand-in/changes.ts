/**
 * Lets tests wait for what they mean instead of sleeping: whoever changes something says so, and each
 * waiting condition is looked at again.
 */
export class Changes {
  #waiting = new Set<() => void>();

  /** Looks at every waiting condition again. */
  notify(): void {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * Resolves as soon as `condition` holds.
   * @param what named in the error if it has not come true within `timeoutMs`
   */
  until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`did not happen within ${timeoutMs} ms: ${what}`));
      }, timeoutMs);
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
    });
  }
}
