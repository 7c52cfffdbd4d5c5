/**
 * Makes true what the pool has decided about the agents that it starts by itself. Who is to run is
 * in the journal: each registered managed agent has a process, and nobody else has. The fleet
 * follows the committed events and has processes started and stopped accordingly
 * (fleet-processes.ts). After a crash it begins by comparing the two.
 *
 * Checks (heartbeats, load, replacements) run one at a time, by the clock or by hand.
 */
import type { Command, FleetKind } from '../core/command.ts';
import type { Event } from '../core/event.ts';
import { specOf } from '../core/fleet.ts';
import type { FleetOutcome, OutcomeOf } from '../core/outcome.ts';
import type { FleetAgent } from '../core/queries.ts';
import type { ScalingRecord } from '../core/scaling.ts';
import type { FleetBrief, FleetCheck, FleetControl, FleetStatus } from './fleet-api.ts';
import { type FleetKindOptions, type FleetOptions, SLOTS } from './fleet-options.ts';
import { FleetProcesses } from './fleet-processes.ts';
import { fleetStatus } from './fleet-status.ts';
import { NotReadyError } from './host-api.ts';
import { StartBackoff } from './start-backoff.ts';

/** How long to wait before telling a pool that is not ready once more. */
const RETRY_MS = 500;
/** The autoscaler's word for it. */
const PORTS_EXHAUSTED = 'ports exhausted';

export class Fleet implements FleetControl {
  readonly #options: FleetOptions;
  readonly #kinds: ReadonlyMap<string, FleetKindOptions>;
  readonly #backoff: StartBackoff;
  readonly #processes: FleetProcesses;
  /** Kinds that wanted a port at their last check, or at the start, and found none. */
  readonly #portless = new Map<string, string>();
  /** Kinds whose core agent could not be registered yet for want of a port. */
  readonly #coreless = new Set<FleetKindOptions>();
  /** Null until somebody has used the switch. */
  #switched: boolean | null = null;
  /** The check that runs, or the last one; the next begins when it has ended. */
  #checking: Promise<unknown> = Promise.resolve();
  #cancelTimer: () => void = () => {};
  #unsubscribe: () => void = () => {};
  #isClosing = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#kinds = new Map(options.kinds.map((kind) => [kind.name, kind]));
    this.#backoff = new StartBackoff(options.startDeadlineMs);
    this.#processes = new FleetProcesses({
      ...options,
      backoff: this.#backoff,
      tell: (report) => this.#tell(report),
      replace: () => this.#replace(),
    });
  }

  /** Compares the journal with the processes that are there, and begins to watch. */
  async start(): Promise<void> {
    const { host, provisioner, log } = this.#options;
    const { registered, switched } = await host.read((pool) => ({
      registered: pool.fleetAgents(),
      switched: pool.fleet().enabled,
    }));
    this.#switched = switched;
    const byId = new Map(registered.map((agent) => [agent.agentId, agent]));
    this.#unsubscribe = host.onCommitted((events) => {
      for (const { event } of events) this.#follow(event);
    });
    const adopted = new Set<string>();
    if (provisioner !== null) {
      const found = await provisioner.adopt(({ agentId, specialization, port }) => {
        const agent = byId.get(agentId);
        return agent?.specialization === specialization && agent.port === port;
      });
      for (const { agentId } of found) adopted.add(agentId);
      if (found.length > 0) log.info({ agents: [...adopted] }, 'Adopted running agents');
    }
    for (const agent of registered) await this.#resume(agent, adopted.has(agent.agentId));
    for (const kind of provisioner === null ? [] : this.#options.kinds) {
      if (kind.coreAgent !== null && !byId.has(kind.coreAgent)) {
        await this.#startCoreAgent(kind, kind.coreAgent, (command) => this.#tell(command));
      }
    }
    this.#planCheck();
  }

  check(): Promise<FleetCheck> {
    const { countsMisses: countMisses } = this.#options;
    return this.#inTurn(() => this.#check({ countMisses, onlyReplace: false }));
  }

  async switchTo(enabled: boolean): Promise<boolean> {
    const outcome = await this.#options.host.execute({ type: 'switch_autoscaler', enabled });
    if (outcome.outcome === 'refused') throw new Error(outcome.detail);
    this.#options.scalingLog.info({ enabled }, `Autoscaler ${enabled ? 'enabled' : 'disabled'}`);
    // Without anything that could start agents it stays off, whatever the switch says.
    return outcome.enabled && this.#options.provisioner !== null;
  }

  records(limit: number): Promise<readonly ScalingRecord[]> {
    return this.#options.host.read((pool) => pool.scalingRecords(limit));
  }

  async status(): Promise<FleetStatus> {
    const view = await this.#options.host.read((pool) => pool.fleet());
    return fleetStatus(view, this.#options, (kind, now) => this.#blocked(kind, now));
  }

  brief(): FleetBrief {
    const { provisioner, kinds, clock, enabled } = this.#options;
    if (provisioner === null) return { enabled: false, kinds: [] };
    const now = clock.now();
    return {
      enabled: this.#switched ?? enabled,
      kinds: kinds.map((kind) => ({
        name: kind.name,
        max: kind.max,
        managed: this.#processes.count(kind.name),
        // Short waits come and go: they are nothing that a person should be woken for.
        blocked:
          this.#portless.has(kind.name) || this.#backoff.isQuarantined(kind.name, now)
            ? this.#blocked(kind, now)
            : null,
      })),
    };
  }

  /** Stops the watch and every process. What is registered stays so, and is started next time. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#unsubscribe();
    this.#cancelTimer();
    this.#processes.stopTrying();
    await this.#checking.catch(() => {});
    await this.#processes.close();
  }

  /** Why agents of this kind that are wanted are not started now, or null. */
  #blocked({ name }: FleetKindOptions, now: number): string | null {
    return this.#backoff.obstacle(name, now) ?? this.#portless.get(name) ?? null;
  }

  #follow(event: Event): void {
    switch (event.type) {
      case 'agent_registered': {
        const kind = this.#kinds.get(event.specialization);
        if (event.managed !== true || kind === undefined) return;
        this.#processes.launch(event.agent, kind, Number(event.labels.port));
        return;
      }
      case 'agent_starting':
        this.#processes.restart(event.agent);
        return;
      case 'agent_started':
        this.#processes.isUp(event.agent);
        return;
      case 'agent_retired':
        this.#processes.end(event.agent);
        return;
      case 'scaling_switched':
        this.#switched = event.enabled;
        return;
      case 'scaling_recorded': {
        const { kind, specialization, agent, reason, replaces } = event;
        const level = kind === 'scale_failed' ? 'warn' : 'info';
        this.#options.scalingLog[level](
          { kind, specialization, agent, replaces },
          `${kind} ${agent}: ${reason}`,
        );
        return;
      }
      default:
    }
  }

  /** A managed agent of an earlier life of the pool. */
  async #resume(agent: FleetAgent, isAdopted: boolean): Promise<void> {
    const { agentId, specialization, isStarting, isRetiring } = agent;
    const kind = this.#kinds.get(specialization);
    if (this.#options.provisioner === null || kind === undefined || (isRetiring && !isAdopted)) {
      if (isAdopted) this.#processes.adopt({ ...agent, isStarting: false }, kind ?? UNKNOWN);
      await this.#tell({ type: 'retire_agent', agent: agentId, force: !isAdopted });
      return;
    }
    if (isAdopted) {
      this.#processes.adopt(agent, kind);
      return;
    }
    this.#processes.expect(agent, kind);
    if (isStarting) this.#processes.restart(agentId);
    else await this.#tell({ type: 'agent_starting', agent: agentId });
  }

  async #startCoreAgent(
    kind: FleetKindOptions,
    agentId: string,
    tell: (command: RegisterCommand) => Promise<OutcomeOf<RegisterCommand> | null>,
  ): Promise<void> {
    const { log } = this.#options;
    const [port] = await this.#freePorts(kind, 1);
    if (port === undefined) {
      this.#coreless.add(kind);
      this.#notePorts(kind, kind.ports === null ? 'no port range' : PORTS_EXHAUSTED);
      return;
    }
    const { name, tools } = kind;
    const spec = specOf({ name, tools, slots: SLOTS }, agentId, port, true);
    const outcome = await tell({ type: 'register', agents: [spec] });
    this.#coreless.delete(kind);
    if (outcome?.outcome !== 'refused') return;
    log.error({ agent: agentId }, `${agentId} cannot be started from here: ${outcome.detail}`);
  }

  /** Remembers whether a kind has found the ports that it wanted, and tells of each change once. */
  #notePorts({ name, ports }: FleetKindOptions, obstacle: string | null): void {
    const { scalingLog } = this.#options;
    const was = this.#portless.get(name) ?? null;
    if (obstacle === was) return;
    if (obstacle === null) {
      this.#portless.delete(name);
      scalingLog.info({ specialization: name }, `${name} is no longer short of ports`);
      return;
    }
    this.#portless.set(name, obstacle);
    const key = `multi_agent.autoscaling.port_ranges.${name}`;
    const help =
      ports === null
        ? `Give it one: ${key}`
        : `All of ${ports.join('–')} are taken by its agents or by other programs (ss -ltnp shows which). Widen ${key}, or free some`;
    scalingLog.warn({ specialization: name }, `${name} can start no agent: ${obstacle}. ${help}.`);
  }

  /** Only puts others in the place of lost agents: the load is judged by the clock. */
  #replace(): Promise<unknown> {
    return this.#inTurn(() => this.#check({ countMisses: false, onlyReplace: true })).catch(
      (error: Error) => {
        if (!(error instanceof NotReadyError)) throw error;
      },
    );
  }

  #planCheck(): void {
    const { clock, checkIntervalMs, log } = this.#options;
    this.#cancelTimer = clock.wakeAt(clock.now() + checkIntervalMs, () => {
      this.check()
        .catch((error: Error) => log.warn({ err: error }, 'A check was not carried out'))
        .finally(() => {
          if (!this.#isClosing) this.#planCheck();
        });
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#checking.catch(() => {}).then(work);
    this.#checking = turn;
    return turn;
  }

  async #check(how: { countMisses: boolean; onlyReplace: boolean }): Promise<FleetCheck> {
    if (this.#isClosing) throw new NotReadyError('stopping');
    const { host, policy, enabled, provisioner, kinds } = this.#options;
    for (const kind of this.#coreless) {
      await this.#startCoreAgent(kind, kind.coreAgent as string, (command) =>
        host.execute(command),
      );
    }
    const now = this.#options.clock.now();
    const known: FleetKind[] = [];
    for (const kind of kinds) {
      // For as many as there may be: this check may find that all are lost.
      const ports = await this.#freePorts(kind, kind.max);
      known.push({
        name: kind.name,
        agentName: kind.agentName,
        tools: kind.tools,
        slots: SLOTS,
        min: kind.min,
        max: kind.max,
        ports,
        blocked: kind.ports === null ? 'no port range' : this.#backoff.obstacle(kind.name, now),
      });
    }
    const outcome = await host.execute({
      type: 'check_fleet',
      ...how,
      enabled: provisioner !== null && enabled,
      policy,
      kinds: known,
    });
    if (outcome.outcome === 'refused') throw new Error(outcome.detail);
    if (provisioner !== null) this.#noteObstacles(outcome);
    return { actions: outcome.actions, skipped: outcome.skipped };
  }

  #noteObstacles({ skipped }: FleetOutcome): void {
    const reasons = new Map(skipped.map(({ specialization, reason }) => [specialization, reason]));
    for (const kind of this.#options.kinds) {
      const reason = reasons.get(kind.name);
      const isPortless = reason === PORTS_EXHAUSTED || reason === 'no port range';
      if (isPortless) this.#notePorts(kind, reason);
      else if (!this.#coreless.has(kind)) this.#notePorts(kind, null);
    }
  }

  /** The lowest ports of the range that no agent has and that are really free, at most `count`. */
  async #freePorts({ ports }: FleetKindOptions, count: number): Promise<number[]> {
    const { host, provisioner } = this.#options;
    if (ports === null || provisioner === null) return [];
    const agents = await host.read((pool) => pool.fleetAgents());
    const taken = new Set(agents.map(({ port }) => port));
    const free: number[] = [];
    for (let port = ports[0]; port <= ports[1] && free.length < count; port++) {
      if (!taken.has(port) && (await provisioner.isPortFree(port))) free.push(port);
    }
    return free;
  }

  /** Until it is accepted: a pool that recovers must still hear of it. Null while closing. */
  async #tell<C extends Command>(command: C): Promise<OutcomeOf<C> | null> {
    while (!this.#isClosing) {
      try {
        return await this.#options.host.execute(command);
      } catch (error) {
        if (!(error instanceof NotReadyError)) throw error;
        const { clock } = this.#options;
        await new Promise<void>((resolve) => clock.wakeAt(clock.now() + RETRY_MS, resolve));
      }
    }
    return null;
  }
}

type RegisterCommand = Extract<Command, { type: 'register' }>;

/** Of agents that were started under another configuration and are only let go. */
const UNKNOWN: FleetKindOptions = {
  name: '',
  agentName: '',
  tools: [],
  command: [],
  min: 0,
  max: 0,
  coreAgent: null,
  ports: null,
};
