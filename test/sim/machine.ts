/**
 * A machine on which a manager starts agents: their processes outlive it. They start slowly, fail
 * to start, send heartbeats, fall silent and die.
 */
import {
  type AdoptedAgent,
  type AgentExit,
  type AgentLaunch,
  type AgentOutput,
  ProvisionError,
  type Provisioner,
} from '../../src/host/provisioner.ts';
import type { Random } from './random.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';

const PROCESS_TAKES_MS = 40;

export interface AgentProcess {
  readonly launch: AgentLaunch;
  readonly pid: number;
  readonly process: SimProcess;
  readonly startedAt: number;
  /** It does not send heartbeats. */
  isHung: boolean;
}

export interface MachineWorld {
  readonly scheduler: Scheduler;
  readonly heartbeatMs: number;
  /** Chance that something goes wrong with a start. */
  trouble(): number;
  beat(machine: Machine, agent: AgentProcess): void;
}

export class Machine {
  readonly #world: MachineWorld;
  readonly #random: Random;
  readonly #kernel: SimProcess = new SimProcess('kernel');
  readonly processes = new Map<string, AgentProcess>();
  /** Ports that other programs have. */
  readonly foreign = new Set<number>();
  owner: SimProvisioner | null = null;
  #lastPid = 0;

  constructor(world: MachineWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Carries something out in the time that it takes; then the one who asked for it goes on. */
  async does<T>(asker: SimProcess, what: () => T): Promise<T> {
    const { scheduler } = this.#world;
    return new Promise((resolve, reject) => {
      scheduler.after(this.#kernel, this.#random.between(0, PROCESS_TAKES_MS), () => {
        let result: T;
        try {
          result = what();
        } catch (error) {
          scheduler.soon(asker, () => reject(error as Error));
          return;
        }
        scheduler.soon(asker, () => resolve(result));
      });
    });
  }

  spawn(launch: AgentLaunch): number {
    const { agentId, port } = launch;
    if (this.processes.has(agentId)) throw new ProvisionError(`${agentId} is still alive`);
    if (!this.isPortFree(port)) throw new ProvisionError(`the port ${port} is taken`);
    const trouble = this.#world.trouble();
    if (this.#random.chance(trouble)) throw new ProvisionError('there is no such program');
    const { scheduler } = this.#world;
    const process = new SimProcess(`agent ${agentId}`);
    const startedAt = scheduler.clock.now();
    const isHung = this.#random.chance(trouble);
    const agent = { launch, pid: ++this.#lastPid, process, startedAt, isHung };
    this.processes.set(agentId, agent);
    const boot = this.#random.between(20, 1_500);
    if (this.#random.chance(trouble)) {
      scheduler.after(process, this.#random.between(1, boot), () => this.die(agent, 'code 1'));
    }
    scheduler.after(process, boot, () => this.#beat(agent));
    return agent.pid;
  }

  #beat(agent: AgentProcess): void {
    if (!agent.isHung) this.#world.beat(this, agent);
    const { scheduler, heartbeatMs } = this.#world;
    scheduler.after(agent.process, heartbeatMs, () => this.#beat(agent));
  }

  /** Ends a process. `how` is null where it was asked to. */
  die(agent: AgentProcess, how: string | null): void {
    const { scheduler } = this.#world;
    const { agentId } = agent.launch;
    if (this.processes.get(agentId) !== agent) return;
    this.processes.delete(agentId);
    scheduler.kill(agent.process);
    const exit: AgentExit = {
      ...{ agentId, pid: agent.pid, how: how ?? 'code 0', asked: how === null },
      livedMs: scheduler.clock.now() - agent.startedAt,
    };
    this.owner?.exited(exit);
  }

  isPortFree(port: number): boolean {
    if (this.foreign.has(port)) return false;
    return ![...this.processes.values()].some(({ launch }) => launch.port === port);
  }

  /** The power fails. */
  off(): void {
    this.owner = null;
    for (const agent of [...this.processes.values()]) this.die(agent, 'power');
  }
}

export class SimProvisioner implements Provisioner {
  readonly #machine: Machine;
  readonly #process: SimProcess;
  readonly #scheduler: Scheduler;
  readonly #listeners = new Set<(exit: AgentExit) => void>();

  constructor(machine: Machine, process: SimProcess, scheduler: Scheduler) {
    this.#machine = machine;
    this.#process = process;
    this.#scheduler = scheduler;
  }

  adopt(wanted: (found: AdoptedAgent) => boolean): Promise<readonly AdoptedAgent[]> {
    const machine = this.#machine;
    return machine.does(this.#process, () => {
      machine.owner = this;
      const adopted: AdoptedAgent[] = [];
      for (const agent of [...machine.processes.values()]) {
        const { agentId, specialization, port } = agent.launch;
        const found = { agentId, specialization, port, pid: agent.pid };
        if (wanted(found)) adopted.push(found);
        else machine.die(agent, null);
      }
      return adopted;
    });
  }

  start(launch: AgentLaunch): Promise<number> {
    return this.#machine.does(this.#process, () => this.#machine.spawn(launch));
  }

  stop(agentId: string): Promise<void> {
    return this.#machine.does(this.#process, () => {
      const agent = this.#machine.processes.get(agentId);
      if (agent !== undefined) this.#machine.die(agent, null);
    });
  }

  async output(): Promise<AgentOutput | null> {
    return null;
  }

  isPortFree(port: number): Promise<boolean> {
    return this.#machine.does(this.#process, () => this.#machine.isPortFree(port));
  }

  onExit(listener: (exit: AgentExit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  exited(exit: AgentExit): void {
    this.#scheduler.soon(this.#process, () => {
      for (const listener of this.#listeners) listener(exit);
    });
  }

  async close(): Promise<void> {
    for (const agent of [...this.#machine.processes.values()]) this.#machine.die(agent, null);
  }
}
