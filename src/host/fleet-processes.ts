/**
 * The processes of a fleet: one for each managed agent. What the journal says of an agent is done
 * to its process, one thing after the other, and what becomes of the process is told to the pool.
 *
 *   (none) ──launch──► starting ──agent_started──► up
 *                         ▲  └── fails, or is late ──► told; the pool starts it again, or retires it
 *                         └──────── run ◄───────────── ends by itself: told
 */
import type { FleetAgent } from '../core/queries.ts';
import type { FleetKindOptions, FleetOptions } from './fleet-options.ts';
import type { AgentExit, AgentOutput } from './provisioner.ts';
import { SHORT_LIFE_MS, type StartBackoff } from './start-backoff.ts';

type Report =
  | { readonly type: 'start_failed'; readonly agent: string; readonly because: string }
  | { readonly type: 'agent_lost'; readonly agent: string; readonly because: string };

export interface FleetProcessesOptions
  extends Pick<FleetOptions, 'provisioner' | 'clock' | 'log' | 'startDeadlineMs'> {
  readonly backoff: StartBackoff;
  /** Resolves when the pool has heard of it, or never will. */
  readonly tell: (report: Report) => Promise<unknown>;
  /** Puts others in the place of those that are lost. */
  readonly replace: () => Promise<unknown>;
}

interface Member {
  readonly agentId: string;
  readonly kind: FleetKindOptions;
  readonly port: number;
  /** What is done with its process, one after the other. */
  work: Promise<void>;
  isUp: boolean;
  cancelDeadline: () => void;
}

export class FleetProcesses {
  readonly #options: FleetProcessesOptions;
  readonly #members = new Map<string, Member>();
  readonly #cancelRetries = new Set<() => void>();
  #isClosing = false;

  constructor(options: FleetProcessesOptions) {
    this.#options = options;
    options.provisioner?.onExit((exit) => void this.#exited(exit));
  }

  /** Processes that there are, or are to be, of a kind. */
  count(kind: string): number {
    let count = 0;
    for (const member of this.#members.values()) if (member.kind.name === kind) count++;
    return count;
  }

  /** A new agent. */
  launch(agentId: string, kind: FleetKindOptions, port: number): void {
    if (this.#members.has(agentId)) return;
    this.#run(this.#add(agentId, kind, port));
  }

  /** An agent whose process has lived on without us. */
  adopt({ agentId, port, isStarting }: FleetAgent, kind: FleetKindOptions): void {
    const member = this.#add(agentId, kind, port);
    member.isUp = !isStarting;
    if (isStarting) this.#await(member);
  }

  /** An agent that has no process yet, and gets one when the pool says so. */
  expect({ agentId, port }: FleetAgent, kind: FleetKindOptions): void {
    this.#add(agentId, kind, port);
  }

  /** Starts its process, after whatever was there before has gone. */
  restart(agentId: string): void {
    const member = this.#members.get(agentId);
    if (member !== undefined) this.#run(member);
  }

  /** It has been heard of. */
  isUp(agentId: string): void {
    const member = this.#members.get(agentId);
    if (member === undefined) return;
    member.isUp = true;
    member.cancelDeadline();
  }

  /** It is to be no more. */
  end(agentId: string): void {
    const member = this.#members.get(agentId);
    if (member === undefined) return;
    this.#members.delete(agentId);
    member.cancelDeadline();
    this.#do(member, () => this.#stop(agentId));
  }

  /** Nothing is tried from now on. */
  stopTrying(): void {
    this.#isClosing = true;
    for (const cancel of this.#cancelRetries) cancel();
    for (const { cancelDeadline } of this.#members.values()) cancelDeadline();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ work }) => work));
    await this.#options.provisioner?.close();
  }

  #add(agentId: string, kind: FleetKindOptions, port: number): Member {
    const work = Promise.resolve();
    const member = { agentId, kind, port, work, isUp: false, cancelDeadline: () => {} };
    this.#members.set(agentId, member);
    return member;
  }

  #run(member: Member): void {
    const { provisioner } = this.#options;
    if (provisioner === null) return;
    const { agentId, port, kind } = member;
    member.isUp = false;
    member.cancelDeadline();
    this.#do(member, async () => {
      if (this.#isClosing || this.#members.get(agentId) !== member) return;
      const { name: specialization, command } = kind;
      try {
        await provisioner.stop(agentId);
        await provisioner.start({ agentId, specialization, port, command });
      } catch (error) {
        await this.#startFailed(member, (error as Error).message, null);
        return;
      }
      if (!member.isUp) this.#await(member);
    });
  }

  /** Gives up on it unless it is heard of in time. */
  #await(member: Member): void {
    const { clock, startDeadlineMs } = this.#options;
    const { agentId } = member;
    member.cancelDeadline = clock.wakeAt(clock.now() + startDeadlineMs, () => {
      if (member.isUp || this.#isClosing) return;
      this.#do(member, async () => {
        if (member.isUp || this.#members.get(agentId) !== member) return;
        await this.#stop(agentId);
        const seconds = startDeadlineMs / 1_000;
        await this.#startFailed(
          member,
          `No heartbeat within ${seconds} s of its start (start_timeout_sec), so its process was ended`,
          await this.#outputOf(agentId),
          'The program must send heartbeats to REMUDA_URL under its REMUDA_AGENT_ID; if it only needs longer to start, raise multi_agent.autoscaling.start_timeout_sec',
        );
      });
    });
  }

  async #stop(agentId: string): Promise<void> {
    await this.#options.provisioner?.stop(agentId).catch((error: Error) => {
      this.#options.log.error({ agent: agentId, err: error }, `${agentId} could not be stopped`);
    });
  }

  async #startFailed(
    member: Member,
    fault: string,
    output: AgentOutput | null,
    hint = 'Mend the program or the command of the specialization',
  ): Promise<void> {
    const { agentId } = member;
    member.cancelDeadline();
    const because = output === null ? fault : `${fault}; see ${output.path}`;
    const tellNext = this.#delayNext(member, because, output, hint);
    await this.#options.tell({ type: 'start_failed', agent: agentId, because });
    tellNext();
  }

  async #exited({ agentId, how, livedMs, asked }: AgentExit): Promise<void> {
    const member = this.#members.get(agentId);
    if (asked || this.#isClosing || member === undefined) return;
    const wasUp = member.isUp;
    member.isUp = false;
    member.cancelDeadline();
    const output = await this.#outputOf(agentId);
    // Somebody may have retired it meanwhile.
    if (this.#members.get(agentId) !== member) return;
    if (!wasUp) {
      await this.#startFailed(member, `Exited before its first heartbeat: ${how}`, output);
      return;
    }
    const { log, tell, replace } = this.#options;
    const see = output === null ? '' : `; see ${output.path}`;
    log.warn(
      { agent: agentId, how, livedMs, output: output?.lastLines },
      `${agentId} ended by itself: ${how}${see}`,
    );
    if (livedMs < SHORT_LIFE_MS) {
      const seconds = Math.ceil(livedMs / 1_000);
      const because = `${agentId} exited within ${seconds} s: ${how}${see}`;
      this.#delayNext(member, because, output, 'Mend the program')();
    }
    await tell({ type: 'agent_lost', agent: agentId, because: `Process exited: ${how}` });
    await replace();
  }

  /** Waits before the next start. Returns what tells of it, to be called once the failure is told. */
  #delayNext(
    { agentId, kind: { name } }: Member,
    because: string,
    output: AgentOutput | null,
    hint: string,
  ): () => void {
    const { backoff, clock, log } = this.#options;
    const now = clock.now();
    const { count, nextTryAt, isQuarantined } = backoff.fail(name, because, now);
    this.#retryAt(nextTryAt);
    const seconds = Math.ceil((nextTryAt - now) / 1_000);
    const rest = { failures: count, output: output?.lastLines };
    const data = { agent: agentId, specialization: name, because, ...rest };
    return () => {
      if (isQuarantined) {
        log.error(
          data,
          `${name} is quarantined: ${count} starts in a row have failed, and none is tried for ${seconds} s. ${hint}; a restart of the pool tries at once.`,
        );
        return;
      }
      const failures = count === 1 ? '1 failure' : `${count} failures in a row`;
      log.warn(data, `The next start of ${name} is tried in ${seconds} s, after ${failures}.`);
    };
  }

  async #outputOf(agentId: string): Promise<AgentOutput | null> {
    return (await this.#options.provisioner?.output(agentId).catch(() => null)) ?? null;
  }

  #retryAt(at: number): void {
    const cancel = this.#options.clock.wakeAt(at, () => {
      this.#cancelRetries.delete(cancel);
      if (!this.#isClosing) void this.#options.replace();
    });
    this.#cancelRetries.add(cancel);
  }

  #do(member: Member, work: () => Promise<void>): void {
    member.work = member.work.then(work).catch((error: Error) => {
      const { log } = this.#options;
      log.error({ agent: member.agentId, err: error }, 'An agent could not be handled');
    });
  }
}
