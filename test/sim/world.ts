/**
 * A whole world: managers over one disk, runners, clients, machines and the network between them.
 * Steps bring load and faults; then the faults stop, and everything must come to rest.
 */
import type { Command } from '../../src/core/command.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Pool } from '../../src/core/pool.ts';
import type { HostedAgent } from '../../src/protocol/agent-frames.ts';
import { leaseCommand, leaseToJson, ticketToJson } from '../../src/protocol/lease-json.ts';
import type { Lease, LeaseRequest, Ticket } from '../../src/protocol/lease-schemas.ts';
import { leaseAnswer, waitForLease } from '../../src/server/calls/lease-calls.ts';
import { fingerprint } from '../../src/server/fingerprint.ts';
import { FaultyDisk } from '../../src/sim/faulty-journal.ts';
import { SimClient } from './client.ts';
import { type AgentProcess, Machine } from './machine.ts';
import { Manager } from './manager.ts';
import type { ClientEnd, Connection } from './network.ts';
import { Operator } from './operator.ts';
import type { Plan } from './plan.ts';
import { PoolChecks } from './pool-checks.ts';
import { Random } from './random.ts';
import { SimRunner } from './runner.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';
import { Truth } from './truth.ts';
import type { Violations } from './violation.ts';

/** A Tuesday in 2023. */
export const START = 1_700_000_000_123;
/** A clock that was set differently at a start: behind by at most the one, ahead by the other. */
const MOST_BEHIND_MS = 4_000;
const MOST_AHEAD_MS = 60_000;

/** Longer than whatever is told again waits for that. */
const RETRIES_MS = 1_200;

export class World {
  readonly plan: Plan;
  readonly violations: Violations;
  readonly scheduler: Scheduler;
  readonly checks: PoolChecks;
  readonly truth: Truth;
  readonly disk: FaultyDisk;
  readonly tenants: readonly string[];
  readonly runners: readonly SimRunner[];
  readonly clients: readonly SimClient[];
  readonly operator: Operator;
  /** The one that clients and runners find. */
  primary: Manager;
  /** One that another has taken the journal from. */
  former: Manager | null = null;
  isCalm = false;
  networkDelayMs: number;
  #managers = 0;
  /** How many events there were when a process last read the journal. */
  readonly #read = new WeakMap<SimProcess, number>();
  readonly #network: Random;
  readonly #fate: Random;
  /** What no process does. */
  readonly ground: SimProcess = new SimProcess('world');
  /** What has happened, for a person. */
  readonly story: string[] = [];
  /** When the last frame that is under way arrives. */
  readonly traffic: { until: number; connections: number } = { until: 0, connections: 0 };
  keepsFrames = false;

  constructor(plan: Plan, violations: Violations, scheduler: Scheduler) {
    this.plan = plan;
    this.scheduler = scheduler;
    this.violations = violations;
    this.networkDelayMs = plan.networkDelayMs;
    this.#network = new Random(plan.seed, 2);
    this.#fate = new Random(plan.seed, 3);
    this.checks = new PoolChecks(violations, (pool) => {
      const { current } = this.scheduler;
      // Where another writer has gone on meanwhile, there is nothing to compare it with.
      const isWhole = current !== null && this.#read.get(current) === this.truth.events;
      if (isWhole) this.truth.isRebuilt(pool);
    });
    this.truth = new Truth(plan.options, violations);
    const clock = this.scheduler.clockOf(new SimProcess('disk'), 0);
    const maxDelayMs = plan.diskDelayMs;
    this.disk = new FaultyDisk({ seed: plan.seed, rates: plan.disk, clock, maxDelayMs });
    this.truth.follow(this.disk, (event) => {
      if (this.keepsFrames) this.tell(`journal ${JSON.stringify({ ...event, at: undefined })}`);
    });
    this.tenants = Array.from({ length: plan.tenants }, (_, i) => `t${i + 1}`);
    this.runners = Array.from({ length: plan.runners }, (_, i) => {
      return new SimRunner(`r${i + 1}`, this.#agentsOf(i), this, new Random(plan.seed, 4, i));
    });
    this.clients = Array.from({ length: plan.clients }, (_, i) => {
      return new SimClient(`c${i + 1}`, this, new Random(plan.seed, 5, i));
    });
    this.operator = new Operator(this);
    this.primary = this.#startManager(this.#newMachine(), 0);
  }

  start(): void {
    for (const runner of this.runners) runner.start();
    for (const client of this.clients) client.start();
    this.scheduler.soon(this.operator.process, () => this.operator.start());
    this.#supervise();
  }

  /** Neighbours share an agent now and then. */
  #agentsOf(runner: number): HostedAgent[] {
    const random = new Random(this.plan.seed, 6, runner);
    const agents: HostedAgent[] = [];
    for (let i = 0; i < this.plan.agentsPerRunner; i++) {
      const owner = random.chance(0.25) ? (runner + 1) % this.plan.runners : runner;
      const agent_id = `bot_${owner + 1}_${i + 1}`;
      agents.push({ agent_id, slots: random.pick([1, 1, 2]), tools: ['music'] });
    }
    return agents;
  }

  #newMachine(): Machine {
    const { scheduler, plan } = this;
    const heartbeatMs = plan.options.health.heartbeatTimeoutMs / 4;
    const trouble = () => (this.isCalm || plan.chances.processes === 0 ? 0 : 0.2);
    const beat = (machine: Machine, agent: AgentProcess) => {
      const manager = [this.primary, this.former].find((each) => each?.machine === machine);
      if (!manager) return;
      const { agentId } = agent.launch;
      this.#call(agent.process, manager, { type: 'heartbeat', agents: [[agentId, 0.5]] });
    };
    return new Machine(
      { scheduler, heartbeatMs, trouble, beat },
      new Random(plan.seed, 7, this.#managers),
    );
  }

  #startManager(machine: Machine, clockOffsetMs: number): Manager {
    const { plan, scheduler, disk, violations } = this;
    const watch = { sent: this.#sent, told: this.#told };
    const process = new SimProcess(`manager ${++this.#managers}`);
    const onRead = (reader: SimProcess) => this.#read.set(reader, this.truth.events);
    const parts = { plan, scheduler, disk, machine, violations, watch, onRead, clockOffsetMs };
    const before = scheduler.current;
    scheduler.current = process;
    const manager = new Manager(process.name, parts, process);
    scheduler.current = before;
    this.tell(`${process.name} starts, its clock ahead by ${clockOffsetMs} ms`);
    return manager;
  }

  /** Somebody starts a manager that has ended, and ends one that has lost its journal. */
  #supervise(): void {
    this.scheduler.after(this.ground, this.isCalm ? 100 : 400, () => {
      if (this.primary.hasFailed) this.restart(false);
      const { former } = this;
      const isOver = former?.isFenced === true || former?.hasFailed === true;
      if (former !== null && isOver && (this.isCalm || this.#fate.chance(0.3))) {
        this.kill(former, true);
        this.former = null;
      }
      this.#supervise();
    });
  }

  /** The process of a manager ends at once. With its machine, the agents' processes do, too. */
  kill(manager: Manager, withMachine: boolean): void {
    this.tell(`${manager.process.name} dies${withMachine ? ' with its machine' : ''}`);
    this.scheduler.kill(manager.process);
    for (const connection of manager.connections) connection.reset();
    manager.connections.clear();
    if (withMachine) manager.machine.off();
    else manager.machine.owner = null;
  }

  /** The manager dies, and another one starts on its disk. */
  restart(withMachine: boolean): void {
    const { primary } = this;
    this.kill(primary, withMachine);
    // While another manager runs, the disk itself goes on.
    if (this.former === null) this.disk.crash();
    else if (this.disk.memory.holder !== null) this.disk.memory.holder = null;
    this.primary = this.#startManager(primary.machine, this.#clockOffset());
  }

  /** Another manager, elsewhere, takes the journal from the one that there is, which is returned. */
  takeOver(): Manager | null {
    if (this.former !== null) return null;
    this.tell(`${this.primary.process.name} is thought to be dead: another one takes over`);
    this.former = this.primary;
    this.disk.memory.holder = null;
    this.primary = this.#startManager(this.#newMachine(), this.#clockOffset());
    return this.former;
  }

  #clockOffset(): number {
    if (this.isCalm || !this.#fate.chance(this.plan.chances.clock)) {
      return this.primary.parts.clockOffsetMs;
    }
    return this.#fate.between(-MOST_BEHIND_MS, MOST_AHEAD_MS);
  }

  connectRunner(runner: SimRunner): Connection | null {
    const end = (connection: () => Connection): ClientEnd => ({
      process: runner.process,
      onFrame: (frame) => runner.onFrame(connection(), frame),
      onPing: () => runner.onPing(),
      onClose: () => runner.onClose(connection()),
    });
    return this.#connect('runner', end);
  }

  connectClient(client: SimClient): Connection | null {
    const end = (connection: () => Connection): ClientEnd => ({
      process: client.process,
      onFrame: (frame) => client.onFrame(connection(), frame),
      onPing: () => {},
      onClose: () => client.onClose(connection()),
    });
    return this.#connect('client', end);
  }

  #connect(
    protocol: 'runner' | 'client',
    endOf: (connection: () => Connection) => ClientEnd,
  ): Connection | null {
    // Whoever has an old address reaches the one that was.
    const isOld = this.former !== null && !this.isCalm && this.#network.chance(0.2);
    const manager = isOld ? (this.former as Manager) : this.primary;
    if (!manager.process.isAlive || manager.hasFailed) return null;
    const end = endOf(() => connection);
    const delay = () => (this.isCalm ? Math.min(5, this.networkDelayMs) : this.networkDelayMs);
    const connection: Connection = manager.accept(
      protocol,
      end,
      this.#network,
      delay,
      this.traffic,
    );
    return connection;
  }

  holderOf(lease: string, token: number, but: SimRunner): SimRunner | null {
    const holds = (runner: SimRunner) => runner !== but && runner.held.get(lease)?.token === token;
    return this.runners.find(holds) ?? null;
  }

  agents(): readonly string[] {
    const { names } = this.truth.pool.state.agents;
    const ids: string[] = [];
    for (let row = 0; row < names.end; row++) if (names.has(row)) ids.push(names.name(row));
    return ids;
  }

  tellCommand(from: SimProcess, command: Command): void {
    const isOld = this.former !== null && !this.isCalm && this.#network.chance(0.1);
    this.#call(from, isOld ? (this.former as Manager) : this.primary, command);
  }

  checkFleet(from: SimProcess): void {
    const { primary } = this;
    this.#reach(from, primary, async () => {
      await primary.call(async () => primary.fleet?.check());
    });
  }

  /** POST /v1/leases, as src/server/routes/lease-request.ts carries it out. */
  lease(
    client: SimClient,
    body: LeaseRequest,
    key: string | undefined,
    heard: (answer: never | null) => void,
  ): void {
    const { primary } = this;
    this.#reach(client.process, primary, async () => {
      const answer = await primary.call(async (context) => {
        const idempotency = key === undefined ? undefined : { key, fingerprint: fingerprint(body) };
        const outcome = await context.host.execute(leaseCommand(body, idempotency));
        if (outcome.outcome !== 'queued' || body.wait_sec === undefined) {
          return leaseAnswer(outcome).answer;
        }
        const gone = new AbortController().signal;
        const waitMs = body.wait_sec * 1_000;
        return (await waitForLease(context, outcome, waitMs, gone, key !== undefined)).answer;
      });
      if (answer === null) return;
      const { body: said } = answer;
      const json = (typeof said === 'string' ? JSON.parse(said) : said) as object;
      this.truth.note('http', JSON.stringify(json));
      this.#holdAgainst(json, client.name);
      if (this.#isLost()) return;
      this.scheduler.after(client.process, this.#delay(), () => heard(json as never));
    });
  }

  #call(from: SimProcess, manager: Manager, command: Command): void {
    this.#reach(from, manager, async () => {
      const outcome = await manager.call((context) => context.host.execute(command));
      if (outcome === null) return;
      this.truth.note('http', `${command.type} ${outcome.outcome}`);
      this.#holdOutcome(outcome, from.name);
    });
  }

  /** `work` runs in the manager's process, unless the call is lost on the way. */
  #reach(from: SimProcess, manager: Manager, work: () => Promise<void>): void {
    if (this.#isLost() || !from.isAlive) return;
    const at = this.scheduler.clock.now() + this.#delay();
    this.traffic.until = Math.max(this.traffic.until, at);
    this.scheduler.at(manager.process, at, () => void work());
  }

  #isLost(): boolean {
    return !this.isCalm && this.#network.chance(this.plan.chances.cut);
  }

  #delay(): number {
    return this.#network.between(0, this.isCalm ? 5 : this.networkDelayMs);
  }

  readonly #sent = (connection: Connection, text: string): void => {
    this.truth.note(`${connection.client.name} →`, text);
    if (this.keepsFrames) this.tell(`${connection.name} → ${text}`);
  };

  readonly #told = (connection: Connection, text: string): unknown => {
    const to = connection.client.name;
    this.truth.note(`${to} ←`, text);
    if (this.keepsFrames) this.tell(`${connection.name} ← ${text}`);
    const frame = JSON.parse(text) as unknown;
    for (const each of Array.isArray(frame) ? frame : [frame]) {
      const { body, ...rest } = each as { body?: object };
      this.#holdAgainst(rest, to);
      if (body !== undefined) this.#holdAgainst(body, to);
    }
    return frame;
  };

  /** Whatever of leases and tickets is in something that is said must be in the journal. */
  #holdAgainst(said: object, to: string): void {
    const { type, lease, leases, items, ticket, lease_id, reason } = said as {
      readonly type?: string;
      readonly lease?: Lease;
      readonly leases?: readonly Lease[];
      readonly items?: readonly Lease[];
      readonly ticket?: Ticket;
      readonly lease_id?: string;
      readonly reason?: string;
    };
    const { truth } = this;
    if (lease !== undefined) truth.told(lease, to);
    for (const each of leases ?? items ?? []) truth.told(each, to);
    if (ticket !== undefined) truth.toldTicket(ticket, to);
    if (type === 'release' && lease_id !== undefined) truth.toldEnd(lease_id, reason ?? '', to);
    if (type !== undefined) return;
    if ('token' in said) truth.told(said as Lease, to);
    if ('ticket_id' in said) truth.toldTicket(said as Ticket, to);
  }

  #holdOutcome(outcome: Outcome, to: string): void {
    if (outcome.outcome === 'lease') this.truth.told(leaseToJson(outcome.lease), to);
    if (outcome.outcome === 'ticket') this.truth.toldTicket(ticketToJson(outcome.ticket), to);
  }

  /** In a calm world nothing new goes wrong. */
  setCalm(isCalm: boolean): void {
    this.isCalm = isCalm;
    for (const each of [...this.runners, ...this.clients]) each.isCalm = isCalm;
    if (!isCalm) return;
    this.networkDelayMs = this.plan.networkDelayMs;
    const processes = [...this.runners, ...this.clients, this.primary].map(
      ({ process }) => process,
    );
    for (const process of processes) this.scheduler.resume(process);
  }

  /** The faults are over for good; who is away for good stays so. */
  endFaults(): void {
    this.setCalm(true);
    this.disk.calm();
    for (const manager of [this.primary, this.former]) {
      if (manager === null) continue;
      this.scheduler.resume(manager.process);
      manager.machine.foreign.clear();
      for (const agent of manager.machine.processes.values()) {
        this.scheduler.resume(agent.process);
        agent.isHung = false;
      }
    }
    this.scheduler.soon(this.operator.process, () => this.operator.calmDown());
    const { former } = this;
    this.scheduler.after(this.ground, 30_000, () => {
      if (former === null || this.former !== former) return;
      this.kill(former, true);
      this.former = null;
    });
  }

  /** The pool of the manager in charge, where nothing is under way; null otherwise. */
  async quietPool(): Promise<Pool | null> {
    const { host, process, isReady, lastTroubleAt } = this.primary;
    const now = this.scheduler.clock.now();
    if (host === null || !isReady || this.traffic.until >= now) return null;
    // What could not be told to the pool then may still wait to be told again.
    if (now - lastTroubleAt < RETRIES_MS) return null;
    let pool: Pool | null = null;
    let isDurable = false;
    this.scheduler.current = process;
    const looked = host.read((queries) => {
      pool = queries as Pool;
    });
    looked.then(
      () => {
        isDurable = true;
      },
      () => {},
    );
    await this.scheduler.turn();
    return isDurable ? pool : null;
  }

  state(): string {
    const { primary, former } = this;
    const readiness = primary.slot.readiness().detail;
    return `${primary.process.name}: ${readiness}, failed ${primary.hasFailed}, former ${former?.process.name}`;
  }

  tell(what: string): void {
    this.story.push(`+${this.scheduler.clock.now() - START} ${what}`);
    if (this.story.length > 20_000) this.story.splice(0, 10_000);
  }
}
