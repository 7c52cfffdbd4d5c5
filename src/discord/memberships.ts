/** What the pool knows of an agent's guilds, brought to what is true. */

/** Guilds that come and go within this are told together. */
const GATHER_MS = 200;

export interface MembershipChange {
  readonly added: string[];
  readonly removed: string[];
}

export class Memberships {
  readonly #say: (change: MembershipChange) => void;
  readonly #told = new Set<string>();
  #truth: ReadonlySet<string> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(say: (change: MembershipChange) => void) {
    this.#say = say;
  }

  /** What the pool has noted, perhaps long ago. Saying something twice does no harm. */
  noted(guildIds: readonly string[]): void {
    this.#told.clear();
    for (const id of guildIds) this.#told.add(id);
    if (this.#truth !== null) this.aim(this.#truth);
  }

  /** The guilds that the agent is in now. */
  aim(truth: ReadonlySet<string>): void {
    this.#truth = truth;
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Tells the difference at once. */
  flush(): void {
    this.stop();
    const truth = this.#truth;
    if (truth === null) return;
    const added = [...truth].filter((id) => !this.#told.has(id));
    const removed = [...this.#told].filter((id) => !truth.has(id));
    for (const id of added) this.#told.add(id);
    for (const id of removed) this.#told.delete(id);
    if (added.length + removed.length > 0) this.#say({ added, removed });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
