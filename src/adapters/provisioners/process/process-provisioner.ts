import { closeSync } from 'node:fs';
import type { HostLog } from '../../../host/host.ts';
import {
  type AdoptedAgent,
  type AgentExit,
  type AgentLaunch,
  type AgentOutput,
  ProvisionError,
  type Provisioner,
} from '../../../host/provisioner.ts';
import { AgentProcess } from './agent-process.ts';
import { commandFor, environmentFor } from './command.ts';
import { endAll, endGroup } from './ending.ts';
import { launch, type Program, whenRunning } from './launch.ts';
import {
  LOG_FILES_KEPT,
  LOG_MAX_BYTES,
  PORT_HOST,
  type ProcessProvisionerOptions,
  SILENT,
  STOP_GRACE_MS,
} from './options.ts';
import { PortTrials } from './port-trials.ts';
import { type ProcessRecord, ProcessRecords } from './process-records.ts';
import { canSeeProcesses, isAlive, ProcessTable } from './process-table.ts';
import { type Family, ProcessesFound } from './processes-found.ts';
import { RotatingLogs } from './rotating-logs.ts';

/** What an agent that ended by itself has left behind must not hold up the next one for long. */
const REST_GRACE_MS = 2_000;
/** How soon the end of an adopted process is noticed. */
const WATCH_MS = 500;

/**
 * Agents as processes of this machine, each the leader of a session of its own. A process survives
 * its manager: it holds its log itself and needs nothing from here.
 *
 *   (none) ──start──► starting ──► living ──► clearing ──► (none)
 *      └────────────adopt─────────────▲
 *
 * Clearing: its process has ended, and what that had started is being ended.
 */
export class ProcessProvisioner implements Provisioner {
  readonly #options: ProcessProvisionerOptions;
  readonly #stopGraceMs: number;
  readonly #log: HostLog;
  readonly #logs: RotatingLogs;
  readonly #records: ProcessRecords;
  readonly #found: ProcessesFound;
  readonly #ports: PortTrials;
  readonly #starting = new Map<string, { port: number; started: Promise<number> }>();
  /** Living and clearing. */
  readonly #agents = new Map<string, AgentProcess>();
  readonly #stopping = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(exit: AgentExit) => void>();
  /** Settles when the last adoption is over, and never rejects. */
  #adopting: Promise<unknown> = Promise.resolve();
  #watch: NodeJS.Timeout | undefined;
  #closing: Promise<void> | null = null;

  constructor(options: ProcessProvisionerOptions) {
    const { poolId, logDirectory, log = SILENT } = options;
    // All pools without an id would take each other's processes.
    if (poolId === '') throw new RangeError('poolId must not be empty');
    this.#options = options;
    this.#stopGraceMs = options.stopGraceMs ?? STOP_GRACE_MS;
    this.#log = log;
    this.#logs = new RotatingLogs({
      directory: logDirectory,
      maxBytes: options.logMaxBytes ?? LOG_MAX_BYTES,
      filesKept: options.logFilesKept ?? LOG_FILES_KEPT,
      log,
    });
    this.#records = new ProcessRecords(logDirectory, poolId);
    this.#found = new ProcessesFound(new ProcessTable(poolId), this.#records);
    this.#ports = new PortTrials(options.host ?? PORT_HOST);
  }

  adopt(wanted: (found: AdoptedAgent) => boolean): Promise<readonly AdoptedAgent[]> {
    const adopted = this.#adopting.then(() => this.#adopt(wanted));
    this.#adopting = adopted.catch(() => undefined);
    return adopted;
  }

  start(request: AgentLaunch): Promise<number> {
    const { agentId, port } = request;
    const obstacle = this.#obstacle(request);
    if (obstacle !== null) return Promise.reject(cannotStart(agentId, obstacle));
    const started = this.#start(request)
      .catch((error: Error) => {
        if (error instanceof ProvisionError) throw error;
        throw cannotStart(agentId, error.message, error);
      })
      .finally(() => this.#starting.delete(agentId));
    this.#starting.set(agentId, { port, started });
    return started;
  }

  stop(agentId: string): Promise<void> {
    const current = this.#stopping.get(agentId);
    if (current !== undefined) return current;
    const stopping = this.#stop(agentId).finally(() => this.#stopping.delete(agentId));
    this.#stopping.set(agentId, stopping);
    return stopping;
  }

  output(agentId: string): Promise<AgentOutput> {
    return this.#logs.output(agentId);
  }

  async isPortFree(port: number): Promise<boolean> {
    return (await this.#ports.obstacle(port)) === null;
  }

  onExit(listener: (exit: AgentExit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Why no process of this id can be started now, or null. */
  #obstacle({ agentId, port }: AgentLaunch): string | null {
    if (this.#closing !== null) return 'the pool is stopping';
    if (this.#starting.has(agentId)) return 'it is being started already';
    if (this.#stopping.has(agentId)) return 'it is being stopped. Wait until that is done';
    const agent = this.#agents.get(agentId);
    if (agent !== undefined) return `it still has process ${agent.pid}. Stop it first`;
    // One that has just been started does not listen yet.
    for (const [id, other] of [...this.#agents, ...this.#starting]) {
      if (other.port === port) return `port ${port} belongs to agent ${id}. Choose another port`;
    }
    return null;
  }

  async #start(request: AgentLaunch): Promise<number> {
    const { agentId, specialization, port } = request;
    const command = commandFor(request);
    await this.#adopting;
    const obstacle = await this.#ports.obstacle(port);
    if (obstacle !== null) throw cannotStart(agentId, obstacle);
    await this.#expectNone(agentId);
    const logHandle = await this.#logs.open(agentId);
    try {
      if (this.#closing !== null) throw cannotStart(agentId, 'the pool is stopping');
      const environment = environmentFor(request, this.#options);
      const program: Program = { agentId, command, environment, logHandle };
      const child = launch(program);
      if (child.pid !== undefined) {
        const agent = AgentProcess.ofChild(request, child, child.pid);
        if (agent.identity) this.#record({ agentId, specialization, port, ...agent.identity });
        this.#track(agent);
      }
      await whenRunning(child, program);
      return child.pid as number;
    } finally {
      closeSync(logHandle);
    }
  }

  /** Whatever this manager knows, the machine has the last word. */
  async #expectNone(agentId: string): Promise<void> {
    const { leader, members } = await this.#found.of(agentId);
    if (members.length === 0) return;
    const what = leader === null ? 'what an earlier one has started' : 'an earlier one';
    const pids = members.map(({ pid }) => pid).join(', ');
    throw cannotStart(agentId, `${what} still runs (pid ${pids}). Stop it first`);
  }

  #record(record: ProcessRecord): void {
    try {
      this.#records.write(record);
    } catch (error) {
      // Without it /proc is nearly enough: see process-records.ts.
      this.#log.warn({ err: error, agentId: record.agentId }, 'A process could not be noted');
    }
  }

  async #adopt(wanted: (found: AdoptedAgent) => boolean): Promise<readonly AdoptedAgent[]> {
    const families = await this.#found.all();
    if (this.#closing !== null) throw new ProvisionError('The pool is stopping.');
    const isOurs = (id: string) => this.#agents.has(id) || this.#starting.has(id);
    const strangers = families.filter(({ agentId }) => !isOurs(agentId));
    // All are asked about before anything is done, because the question may fail.
    const accepted = new Map<string, ProcessRecord>();
    for (const { agentId, leader } of strangers) {
      if (leader === null || !isAlive(leader)) continue;
      if (wanted(toAdopted(leader))) accepted.set(agentId, leader);
    }
    for (const leader of accepted.values()) {
      this.#record(leader);
      this.#track(AgentProcess.adopted(leader));
    }
    const unwanted = strangers.filter(({ agentId }) => !accepted.has(agentId));
    await this.#settle(unwanted.map((family) => this.#endFamily(family)));
    for (const record of this.#records.all()) {
      if (!isOurs(record.agentId) && !isAlive(record)) this.#records.remove(record.agentId);
    }
    return [...accepted.values()].map(toAdopted);
  }

  async #endFamily({ agentId, leader, members }: Family): Promise<void> {
    if (members.length === 0) return;
    const pids = members.map(({ pid }) => pid);
    this.#log.warn({ agentId, pids }, 'Ending what an earlier manager has left behind');
    await endAll(agentId, () => this.#found.members(agentId, leader), this.#stopGraceMs);
    this.#records.remove(agentId);
  }

  async #stop(agentId: string): Promise<void> {
    // At once, because it may end before the rest is reached.
    this.#agents.get(agentId)?.expectEnd(this.#stopGraceMs);
    await this.#adopting;
    await this.#starting.get(agentId)?.started.catch(() => undefined);
    const agent = this.#agents.get(agentId);
    if (agent === undefined) {
      await this.#endFamily(await this.#found.of(agentId));
      return;
    }
    await agent.terminate(this.#stopGraceMs);
    const fault = await agent.cleared;
    if (fault !== null) throw fault;
  }

  async #close(): Promise<void> {
    await this.#adopting;
    const ids = [this.#agents, this.#starting, this.#stopping].flatMap((map) => [...map.keys()]);
    await this.#settle([...new Set(ids)].map((agentId) => this.stop(agentId)));
    clearInterval(this.#watch);
  }

  async #settle(endings: readonly Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(endings)) {
      if (result.status === 'fulfilled') continue;
      this.#log.error({ err: result.reason }, 'A process could not be ended');
    }
  }

  #track(agent: AgentProcess): void {
    this.#agents.set(agent.agentId, agent);
    this.#logs.watch(agent.agentId);
    agent.cleared = agent.ended.then((how) => this.#clear(agent, how));
    this.#watch ??= setInterval(() => this.#look(), WATCH_MS).unref();
  }

  #look(): void {
    for (const agent of this.#agents.values()) {
      try {
        agent.hasEnded();
      } catch (error) {
        this.#log.warn({ err: error, agentId: agent.agentId }, 'A process could not be looked at');
      }
    }
  }

  /** Tells of the end when the next process of that id may be started. */
  async #clear(agent: AgentProcess, how: string): Promise<Error | null> {
    const { agentId, pid, livedMs, isExpectedToEnd: asked } = agent;
    let fault: Error | null = null;
    try {
      await this.#endRest(agent);
      this.#records.remove(agentId);
    } catch (error) {
      fault = error as Error;
      this.#log.error({ err: error, agentId }, 'What an agent had started could not be ended');
    }
    this.#logs.unwatch(agentId);
    this.#agents.delete(agentId);
    for (const listener of this.#listeners) {
      try {
        listener({ agentId, pid, how, livedMs, asked });
      } catch (error) {
        this.#log.error({ err: error, agentId }, 'The end of a process could not be told');
      }
    }
    return fault;
  }

  async #endRest({ agentId, pid, identity, graceLeftMs }: AgentProcess): Promise<void> {
    // An agent behind a shell that is gone at once keeps the time that it was given.
    const graceMs = Math.max(graceLeftMs, Math.min(REST_GRACE_MS, this.#stopGraceMs));
    if (!canSeeProcesses()) return endGroup(agentId, pid, graceMs);
    return endAll(agentId, () => this.#found.members(agentId, identity), graceMs);
  }
}

function cannotStart(agentId: string, reason: string, cause?: unknown): ProvisionError {
  return new ProvisionError(`Agent ${agentId} cannot be started: ${reason}.`, { cause });
}

const toAdopted = ({ agentId, specialization, port, pid }: ProcessRecord): AdoptedAgent => ({
  agentId,
  specialization,
  port,
  pid,
});
