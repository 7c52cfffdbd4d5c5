/** One agent's process that is ours, by start or by adoption. */
import type { ChildProcess } from 'node:child_process';
import { uptime } from 'node:os';
import { hanging, KILL_PATIENCE_MS, sendSignal, signalGroup, waitUntil } from './ending.ts';
import type { ProcessRecord } from './process-records.ts';
import { isAlive, type ProcessIdentity, readProcess } from './process-table.ts';

/** USER_HZ, which is 100 on all machines that Node runs on. */
const MS_PER_TICK = 10;

/**
 *   alive ──► ended
 *
 * `#end` is the only way over.
 */
export class AgentProcess {
  readonly agentId: string;
  readonly port: number;
  readonly pid: number;
  /** Null where there is no /proc, or for a child that was dead when it was looked at. */
  readonly identity: ProcessIdentity | null;
  /** Resolves with how it ended, as in AgentExit. */
  readonly ended: Promise<string>;
  /** Resolves when nothing of it is left, or with why something is. Never rejects. */
  cleared: Promise<Error | null> = Promise.resolve(null);
  readonly #isChild: boolean;
  readonly #startedAt: number;
  readonly #resolveEnded: (how: string) => void;
  #livedMs: number | null = null;
  #graceUntil: number | null = null;

  private constructor(
    { agentId, port, pid }: { agentId: string; port: number; pid: number },
    identity: ProcessIdentity | null,
    isChild: boolean,
    ageMs: number,
  ) {
    this.agentId = agentId;
    this.port = port;
    this.pid = pid;
    this.identity = identity;
    this.#isChild = isChild;
    this.#startedAt = performance.now() - ageMs;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#resolveEnded = resolve;
  }

  /** To be called in the same turn as spawn, so that no end is missed. */
  static ofChild(
    launch: { agentId: string; port: number },
    child: ChildProcess,
    pid: number,
  ): AgentProcess {
    const agent = new AgentProcess({ ...launch, pid }, readProcess(pid), true, 0);
    child.once('exit', (code, signal) => {
      agent.#end(code === null ? `signal ${signal}` : `code ${code}`);
    });
    return agent;
  }

  static adopted(found: ProcessRecord): AgentProcess {
    const ageMs = Math.max(0, uptime() * 1_000 - found.startTicks * MS_PER_TICK);
    return new AgentProcess(found, found, false, ageMs);
  }

  get livedMs(): number {
    return Math.round(this.#livedMs ?? performance.now() - this.#startedAt);
  }

  /**
   * Looks at an adopted process, because nobody else would tell. A child's pid stays its own until
   * its end has been told, so after a `false` the pid may be signalled in the same turn.
   */
  hasEnded(): boolean {
    if (this.#livedMs !== null) return true;
    if (this.#isChild || this.identity === null || isAlive(this.identity)) return false;
    this.#end('gone');
    return true;
  }

  /** From now on its end is no fault, and it has this long for it. */
  expectEnd(graceMs: number): void {
    if (this.#livedMs === null) this.#graceUntil ??= performance.now() + graceMs;
  }

  get isExpectedToEnd(): boolean {
    return this.#graceUntil !== null;
  }

  /** What is left of that time. */
  get graceLeftMs(): number {
    return Math.max(0, (this.#graceUntil ?? 0) - performance.now());
  }

  /** Asks, waits, kills; all that it has started is left to whoever waits for its end. */
  async terminate(graceMs: number): Promise<void> {
    this.expectEnd(graceMs);
    if (!this.hasEnded()) {
      sendSignal(this.pid, 'SIGTERM');
      // It may have been stopped; then it hears the other signal only now.
      signalGroup(this.pid, 'SIGCONT');
    }
    if (await waitUntil(() => this.hasEnded(), graceMs)) return;
    if (!this.hasEnded()) signalGroup(this.pid, 'SIGKILL');
    const isDead = await waitUntil(() => this.hasEnded(), KILL_PATIENCE_MS);
    if (!isDead) throw hanging(this.agentId, [this.pid]);
  }

  #end(how: string): void {
    if (this.#livedMs !== null) return;
    this.#livedMs = this.livedMs;
    this.#resolveEnded(how);
  }
}
