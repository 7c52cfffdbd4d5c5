/** Lets so many tasks run at once, and so many more wait for them in the order of their arrival. */

export type Entry =
  | { readonly outcome: 'entered'; readonly queuedMs: number; leave(): void }
  /** `gone`: whoever waited has hung up. `closed`: the agent stops. */
  | { readonly outcome: 'full' | 'gone' | 'closed' };

export interface SlotsOptions {
  readonly slots: number;
  readonly queueLimit: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly onChange?: (busy: number, queued: number) => void;
}

interface Waiter {
  readonly arrivedAt: number;
  settle(entry: Entry): void;
}

export class Slots {
  readonly #slots: number;
  readonly #queueLimit: number;
  readonly #now: () => number;
  readonly #onChange: (busy: number, queued: number) => void;
  /** A set keeps the order of arrival, and whoever hangs up leaves it at once. */
  readonly #waiting = new Set<Waiter>();
  readonly #idle: (() => void)[] = [];
  #busy = 0;
  #isClosed = false;

  constructor({ slots, queueLimit, now, onChange = () => {} }: SlotsOptions) {
    this.#slots = slots;
    this.#queueLimit = queueLimit;
    this.#now = now;
    this.#onChange = onChange;
  }

  get busy(): number {
    return this.#busy;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Would the next one be sent away? */
  get isFull(): boolean {
    return this.#busy >= this.#slots && this.#waiting.size >= this.#queueLimit;
  }

  enter(gone: AbortSignal): Promise<Entry> {
    if (this.#isClosed) return Promise.resolve({ outcome: 'closed' });
    if (gone.aborted) return Promise.resolve({ outcome: 'gone' });
    if (this.isFull) return Promise.resolve({ outcome: 'full' });
    const arrivedAt = this.#now();
    if (this.#busy >= this.#slots) return this.#wait(arrivedAt, gone);
    this.#busy += 1;
    this.#changed();
    return Promise.resolve(this.#entered(arrivedAt));
  }

  /** Sends away all who wait, and all who come later. What runs goes on. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of [...this.#waiting]) waiter.settle({ outcome: 'closed' });
  }

  /** Resolves when nothing runs any more. */
  idle(): Promise<void> {
    if (this.#busy === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #wait(arrivedAt: number, gone: AbortSignal): Promise<Entry> {
    return new Promise((resolve) => {
      const hangUp = (): void => waiter.settle({ outcome: 'gone' });
      const waiter: Waiter = {
        arrivedAt,
        settle: (entry) => {
          gone.removeEventListener('abort', hangUp);
          this.#waiting.delete(waiter);
          this.#changed();
          resolve(entry);
        },
      };
      gone.addEventListener('abort', hangUp);
      this.#waiting.add(waiter);
      this.#changed();
    });
  }

  #entered(arrivedAt: number): Entry {
    let hasLeft = false;
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      this.#leave();
    };
    return { outcome: 'entered', queuedMs: this.#now() - arrivedAt, leave };
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next) {
      // The slot is handed over and never free in between: a newcomer cannot overtake.
      next.settle(this.#entered(next.arrivedAt));
      return;
    }
    this.#busy -= 1;
    this.#changed();
    if (this.#busy === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #changed(): void {
    this.#onChange(this.#busy, this.#waiting.size);
  }
}
