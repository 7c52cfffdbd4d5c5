import { OP, type Packet } from './protocol.ts';
import type { Bot } from './world.ts';

/** What a session needs of the connection that it is on. */
export interface Line {
  send(packet: Packet): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** How many dispatches a session keeps for a resume. */
const KEPT_DISPATCHES = 20_000;

/**
 * A session of one shard of one bot. It outlives its connections:
 *
 *     live (has a line) ⇄ detached (dispatches are kept) → ended
 */
export class Session {
  readonly id: string;
  readonly bot: Bot;
  readonly shard: readonly [id: number, count: number];
  readonly intents: number;
  line: Line | null;
  ended = false;
  /** How many times it was resumed. */
  resumes = 0;
  /** Ends a detached session; null while it is live. */
  expiry: NodeJS.Timeout | null = null;
  #sequence = 0;
  #kept: Packet[] = [];

  constructor(
    id: string,
    bot: Bot,
    shard: readonly [id: number, count: number],
    intents: number,
    line: Line,
  ) {
    this.id = id;
    this.bot = bot;
    this.shard = shard;
    this.intents = intents;
    this.line = line;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Sends a dispatch, or keeps it for later when there is no line. */
  dispatch(t: string, d: unknown): void {
    const packet: Packet = { op: OP.dispatch, d, s: ++this.#sequence, t };
    this.#kept.push(packet);
    if (this.#kept.length > KEPT_DISPATCHES) this.#kept.shift();
    this.line?.send(packet);
  }

  /** Whether every dispatch after `sequence` is still known. */
  canReplayFrom(sequence: number): boolean {
    return sequence <= this.#sequence && sequence >= this.#sequence - this.#kept.length;
  }

  /** Sends once more what was dispatched after `sequence`, except the ends of earlier resumes. */
  replayFrom(sequence: number): void {
    for (const packet of this.#kept) {
      if (packet.s! > sequence && packet.t !== 'RESUMED') this.line?.send(packet);
    }
  }

  /** Whether the guild belongs to this session's shard, by Discord's formula. */
  hasGuild(guildId: string): boolean {
    const [id, count] = this.shard;
    return (BigInt(guildId) >> 22n) % BigInt(count) === BigInt(id);
  }
}
