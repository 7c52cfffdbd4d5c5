/**
 * Makes true what the pool has decided about the agents that it starts by itself. Who is to run is
 * in the journal: each registered managed agent has a process, and nobody else has. The fleet
 * follows the committed events, starts and stops processes accordingly, and tells the pool what
 * became of them. After a crash it begins by comparing the two.
 *
 * Checks (heartbeats, load, replacements) run one at a time, by the clock or by hand.
 */
import type { ScalingPolicy } from '../core/autoscale.ts';
import type { Command, FleetKind } from '../core/command.ts';
import type { Event } from '../core/event.ts';
import { specOf } from '../core/fleet.ts';
import type { OutcomeOf } from '../core/outcome.ts';
import type { FleetAgent } from '../core/queries.ts';
import type { ScalingRecord } from '../core/scaling.ts';
import type { FleetCheck, FleetControl, FleetKindStatus, FleetStatus } from './fleet-api.ts';
import type { HostLog } from './host.ts';
import { NotReadyError, type PoolHost } from './host-api.ts';
import type { Clock } from './ports.ts';
import type { AgentExit, Provisioner } from './provisioner.ts';
import { SHORT_LIFE_MS, StartBackoff } from './start-backoff.ts';

/** One kind of agent that can be started here. */
export interface FleetKindOptions {
  readonly name: string;
  readonly agentName: string;
  readonly tools: readonly string[];
  readonly command: readonly string[];
  readonly min: number;
  readonly max: number;
  /** The protected agent that always runs, or null. */
  readonly coreAgent: string | null;
  /** First and last port; null = none may be used. */
  readonly ports: readonly [number, number] | null;
}

export interface FleetOptions {
  readonly host: PoolHost;
  /** Null: no agents are started from here; heartbeats are checked all the same. */
  readonly provisioner: Provisioner | null;
  readonly clock: Clock;
  readonly log: HostLog;
  /** For what the autoscaler does. */
  readonly scalingLog: HostLog;
  readonly kinds: readonly FleetKindOptions[];
  readonly policy: ScalingPolicy;
  /** Unless somebody has used the switch. */
  readonly enabled: boolean;
  readonly checkIntervalMs: number;
  /** An agent that is not heard of within this has failed to start. */
  readonly startDeadlineMs: number;
  /** False where the host counts misses of heartbeats by itself. */
  readonly countsMisses: boolean;
}

/** Agents of a kind serve one tenant each. */
const SLOTS = 1;
/** How long to wait before telling a pool that is not ready once more. */
const RETRY_MS = 500;

interface Member {
  readonly agentId: string;
  readonly kind: FleetKindOptions;
  readonly port: number;
  /** What is done with its process, one after the other. */
  work: Promise<void>;
  isUp: boolean;
  cancelDeadline: () => void;
}

export class Fleet implements FleetControl {
  readonly #options: FleetOptions;
  readonly #kinds: ReadonlyMap<string, FleetKindOptions>;
  readonly #members = new Map<string, Member>();
  readonly #backoff = new StartBackoff();
  /** The check that runs, or the last one; the next begins when it has ended. */
  #checking: Promise<unknown> = Promise.resolve();
  #cancelTimer: () => void = () => {};
  readonly #cancelRetries = new Set<() => void>();
  #unsubscribe: () => void = () => {};
  #isClosing = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#kinds = new Map(options.kinds.map((kind) => [kind.name, kind]));
  }

  /** Compares the journal with the processes that are there, and begins to watch. */
  async start(): Promise<void> {
    const { host, provisioner, log } = this.#options;
    const registered = await host.read((pool) => pool.fleetAgents());
    const byId = new Map(registered.map((agent) => [agent.agentId, agent]));
    this.#unsubscribe = host.onCommitted((events) => {
      for (const { event } of events) this.#follow(event);
    });
    provisioner?.onExit((exit) => void this.#exited(exit));
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
    await this.#startCoreAgents(byId);
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
    const { host, clock, policy, provisioner, enabled, kinds } = this.#options;
    const { view, agents } = await host.read((pool) => ({
      view: pool.fleet(),
      agents: pool.fleetAgents(),
    }));
    const now = clock.now();
    const left = (at: number | null, cooldown: number) =>
      at === null ? 0 : Math.max(0, at + cooldown - now);
    const known = new Map(view.specializations.map((each) => [each.name, each]));
    const names = new Set([...kinds.map(({ name }) => name), ...known.keys()]);
    const specializations = [...names].map((name): FleetKindStatus => {
      const kind = provisioner === null ? undefined : this.#kinds.get(name);
      const own = known.get(name) ?? { ...NO_AGENTS, name };
      return {
        ...own,
        limits: kind === undefined ? null : { min: kind.min, max: kind.max },
        ports:
          kind === undefined || kind.ports === null
            ? null
            : {
                first: kind.ports[0],
                last: kind.ports[1],
                used: agents.filter(({ specialization }) => specialization === name).length,
              },
        upCooldownMs: left(own.lastUpAt, policy.scaleUpCooldownMs),
        downCooldownMs: Math.max(
          left(own.lastUpAt, policy.scaleDownCooldownMs),
          left(own.lastDownAt, policy.scaleDownCooldownMs),
        ),
      };
    });
    return {
      enabled: provisioner !== null && (view.enabled ?? enabled),
      unhealthy: view.unhealthy,
      recorded: view.recorded,
      specializations,
    };
  }

  /** Stops the watch and every process. What is registered stays so, and is started next time. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#unsubscribe();
    this.#cancelTimer();
    for (const cancel of this.#cancelRetries) cancel();
    for (const { cancelDeadline } of this.#members.values()) cancelDeadline();
    await this.#checking.catch(() => {});
    await Promise.all([...this.#members.values()].map(({ work }) => work));
    await this.#options.provisioner?.close();
  }

  #follow(event: Event): void {
    switch (event.type) {
      case 'agent_registered':
        if (event.managed === true) {
          this.#launch(event.agent, event.specialization, Number(event.labels.port));
        }
        return;
      case 'agent_starting': {
        const member = this.#members.get(event.agent);
        if (member !== undefined) this.#run(member);
        return;
      }
      case 'agent_started': {
        const member = this.#members.get(event.agent);
        if (member === undefined) return;
        member.isUp = true;
        member.cancelDeadline();
        return;
      }
      case 'agent_retired':
        this.#end(event.agent);
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
    const { agentId, specialization, port, isStarting, isRetiring } = agent;
    const kind = this.#kinds.get(specialization);
    if (this.#options.provisioner === null || kind === undefined || (isRetiring && !isAdopted)) {
      if (isAdopted) this.#members.set(agentId, this.#member(agentId, kind ?? UNKNOWN, port));
      await this.#tell({ type: 'retire_agent', agent: agentId, force: !isAdopted });
      return;
    }
    const member = this.#member(agentId, kind, port);
    this.#members.set(agentId, member);
    if (isAdopted) {
      member.isUp = !isStarting;
      if (isStarting) this.#await(member);
    } else if (isStarting) this.#run(member);
    else await this.#tell({ type: 'agent_starting', agent: agentId });
  }

  async #startCoreAgents(there: ReadonlyMap<string, FleetAgent>): Promise<void> {
    if (this.#options.provisioner === null) return;
    const missing = this.#options.kinds.filter(
      ({ coreAgent }) => coreAgent !== null && !there.has(coreAgent),
    );
    for (const kind of missing) {
      const agentId = kind.coreAgent as string;
      const [port] = await this.#freePorts(kind, 1);
      if (port === undefined) {
        const range =
          kind.ports === null ? 'has no port range' : `has no free port in ${kind.ports.join('–')}`;
        this.#options.log.error(
          { agent: agentId },
          `${agentId} cannot be started: ${kind.name} ${range}`,
        );
        continue;
      }
      const spec = specOf(
        { name: kind.name, tools: kind.tools, slots: SLOTS },
        agentId,
        port,
        true,
      );
      const outcome = await this.#tell({ type: 'register', agents: [spec] });
      if (outcome?.outcome !== 'refused') continue;
      const { detail } = outcome;
      this.#options.log.error(
        { agent: agentId },
        `${agentId} cannot be started from here: ${detail}`,
      );
    }
  }

  #launch(agentId: string, specialization: string, port: number): void {
    const kind = this.#kinds.get(specialization);
    if (kind === undefined || this.#members.has(agentId)) return;
    const member = this.#member(agentId, kind, port);
    this.#members.set(agentId, member);
    this.#run(member);
  }

  #member(agentId: string, kind: FleetKindOptions, port: number): Member {
    const nothing = () => {};
    return { agentId, kind, port, work: Promise.resolve(), isUp: false, cancelDeadline: nothing };
  }

  /** Starts a process for it, after whatever was there before has gone. */
  #run(member: Member): void {
    const { provisioner } = this.#options;
    if (provisioner === null) return;
    const { agentId, port, kind } = member;
    member.isUp = false;
    member.cancelDeadline();
    this.#do(member, async () => {
      if (this.#isClosing || this.#members.get(agentId) !== member) return;
      try {
        await provisioner.stop(agentId);
        await provisioner.start({
          agentId,
          specialization: kind.name,
          port,
          command: kind.command,
        });
      } catch (error) {
        await this.#startFailed(member, (error as Error).message);
        return;
      }
      if (!member.isUp) this.#await(member);
    });
  }

  /** Gives up on it unless it is heard of in time. */
  #await(member: Member): void {
    const { clock, provisioner, startDeadlineMs } = this.#options;
    member.cancelDeadline = clock.wakeAt(clock.now() + startDeadlineMs, () => {
      if (member.isUp || this.#isClosing) return;
      this.#do(member, async () => {
        if (member.isUp || this.#members.get(member.agentId) !== member) return;
        await provisioner?.stop(member.agentId).catch(() => {});
        const seconds = Math.round(startDeadlineMs / 1_000);
        await this.#startFailed(member, `Not heard of within ${seconds} s of its start`);
      });
    });
  }

  async #startFailed(member: Member, because: string): Promise<void> {
    const { agentId, kind } = member;
    member.cancelDeadline();
    this.#retryAt(this.#backoff.fail(kind.name, this.#options.clock.now()));
    await this.#tell({ type: 'start_failed', agent: agentId, because });
  }

  async #exited({ agentId, how, livedMs, asked }: AgentExit): Promise<void> {
    const member = this.#members.get(agentId);
    if (asked || this.#isClosing || member === undefined) return;
    const { clock, log } = this.#options;
    log.warn({ agent: agentId, how, livedMs }, `${agentId} ended by itself: ${how}`);
    if (!member.isUp) {
      await this.#startFailed(member, `Exited before it was heard of: ${how}`);
      return;
    }
    member.isUp = false;
    if (livedMs < SHORT_LIFE_MS) this.#retryAt(this.#backoff.fail(member.kind.name, clock.now()));
    await this.#tell({ type: 'agent_lost', agent: agentId, because: `Process exited: ${how}` });
    await this.#replace();
  }

  #end(agentId: string): void {
    const member = this.#members.get(agentId);
    if (member === undefined) return;
    this.#members.delete(agentId);
    member.cancelDeadline();
    this.#do(member, async () => {
      await this.#options.provisioner?.stop(agentId).catch((error: Error) => {
        this.#options.log.error({ agent: agentId, err: error }, `${agentId} could not be stopped`);
      });
    });
  }

  #do(member: Member, work: () => Promise<void>): void {
    member.work = member.work.then(work).catch((error: Error) => {
      this.#options.log.error(
        { agent: member.agentId, err: error },
        'An agent could not be handled',
      );
    });
  }

  /** Only puts others in the place of lost agents: the load is judged by the clock. */
  #replace(): Promise<unknown> {
    return this.#inTurn(() => this.#check({ countMisses: false, onlyReplace: true })).catch(
      (error: Error) => {
        if (!(error instanceof NotReadyError)) throw error;
      },
    );
  }

  #retryAt(at: number): void {
    const cancel = this.#options.clock.wakeAt(at, () => {
      this.#cancelRetries.delete(cancel);
      if (!this.#isClosing) void this.#replace();
    });
    this.#cancelRetries.add(cancel);
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
    return { actions: outcome.actions, skipped: outcome.skipped };
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

const NO_AGENTS = {
  starting: 0,
  running: 0,
  draining: 0,
  lost: 0,
  averageLoad: 0,
  lastUpAt: null,
  lastDownAt: null,
};

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
