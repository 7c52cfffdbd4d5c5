/**
 * The server as a process of the world: host, fleet, sockets and what HTTP calls come down to, put
 * together as src/server/main.ts does, on virtual lines.
 */
import { Fleet } from '../../src/host/fleet.ts';
import { Follower } from '../../src/host/follower.ts';
import { Host, type HostLog } from '../../src/host/host.ts';
import type { PoolHost } from '../../src/host/host-api.ts';
import type { ServerContext } from '../../src/server/context.ts';
import { HostSlot } from '../../src/server/host-slot.ts';
import { problemOf } from '../../src/server/http/failures.ts';
import type { Logger } from '../../src/server/logger.ts';
import { ClientSocket } from '../../src/server/sockets/client-socket.ts';
import { Line } from '../../src/server/sockets/line.ts';
import { RunnerSocket } from '../../src/server/sockets/runner-socket.ts';
import { Runners } from '../../src/server/sockets/runners.ts';
import { Watches } from '../../src/server/sockets/watches.ts';
import { Waiters } from '../../src/server/waiters.ts';
import { type FaultyDisk, FaultyJournal } from '../../src/sim/faulty-journal.ts';
import { type Machine, SimProvisioner } from './machine.ts';
import type { ClientEnd } from './network.ts';
import { Connection, type Watch } from './network.ts';
import type { Plan } from './plan.ts';
import { ProcessJournal } from './process-journal.ts';
import type { Random } from './random.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';
import type { Violations } from './violation.ts';

export interface ManagerParts {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly disk: FaultyDisk;
  readonly machine: Machine;
  readonly violations: Violations;
  readonly watch: Watch;
  /** Its process has read the journal to its end. */
  readonly onRead: (process: SimProcess) => void;
  /** Its clock is ahead of the world's by this. */
  readonly clockOffsetMs: number;
}

const QUIET: HostLog = { info() {}, warn() {}, error() {} };

export class Manager {
  readonly process: SimProcess;
  readonly machine: Machine;
  readonly parts: ManagerParts;
  readonly slot: HostSlot = new HostSlot();
  readonly connections = new Set<Connection>();
  readonly #context: ServerContext;
  readonly #runners: Runners;
  readonly #watches: Watches;
  host: Host | null = null;
  fleet: Fleet | null = null;
  /** The journal could not be opened: the process has ended. */
  hasFailed = false;
  /** When its journal could last not be written. */
  lastTroubleAt = 0;

  /** To be called as its process. */
  constructor(name: string, parts: ManagerParts, process: SimProcess = new SimProcess(name)) {
    this.process = process;
    this.parts = parts;
    this.machine = parts.machine;
    this.#context = this.#createContext();
    this.#runners = new Runners(this.slot, null, this.#context.logger);
    this.#watches = new Watches(this.slot);
    this.#open().catch((error: Error) => {
      this.hasFailed = true;
      if (error.name === 'JournalError' || error.name === 'NotReadyError') return;
      parts.violations.add('a start fails only by its journal', error.stack ?? error.message);
    });
  }

  get isFenced(): boolean {
    return this.host?.readiness().detail.startsWith('another writer') === true;
  }

  get isReady(): boolean {
    return this.process.isAlive && !this.process.isPaused && this.slot.readiness().ready;
  }

  async #open(): Promise<void> {
    const { plan, scheduler, disk, machine, violations, clockOffsetMs, onRead } = this.parts;
    const clock = scheduler.clockOf(this.process, clockOffsetMs);
    const journal = () =>
      new ProcessJournal(new FaultyJournal(disk), scheduler, this.process, () =>
        onRead(this.process),
      );
    const host = await Host.open({
      journal: journal(),
      clock,
      options: plan.options,
      checksHealth: false,
      snapshot: async () => (await Follower.start(journal(), plan.options)).snapshot(),
      snapshotEveryEvents: plan.snapshotEveryEvents,
      log: {
        ...QUIET,
        error: () => {
          this.lastTroubleAt = scheduler.clock.now();
        },
      },
    });
    this.host = host;
    await host.execute({ type: 'disconnect_agents' });
    this.slot.fill(host);
    const log: HostLog = {
      ...QUIET,
      error: (data, message) => {
        if (!message.includes('could not be handled')) return;
        violations.add('the fleet handles its agents', `${message} ${errorIn(data)}`);
      },
    };
    const { autoscaling } = plan.config.multi_agent;
    const hasKinds = plan.kinds.length > 0;
    this.fleet = new Fleet({
      host: this.slot,
      provisioner: hasKinds ? new SimProvisioner(machine, this.process, scheduler) : null,
      ...{ clock, log, scalingLog: QUIET, kinds: plan.kinds, policy: plan.policy },
      enabled: true,
      checkIntervalMs: autoscaling.check_interval_sec * 1_000,
      startDeadlineMs: 5_000,
      countsMisses: true,
    });
    this.fleet.start().catch((error: Error) => {
      if (error.name === 'NotReadyError') return;
      violations.add('the fleet starts', error.stack ?? error.message);
    });
  }

  /** Somebody connects. */
  accept(
    protocol: 'runner' | 'client',
    client: ClientEnd,
    random: Random,
    maxDelayMs: () => number,
    traffic: { until: number; connections: number },
  ): Connection {
    const { scheduler, watch } = this.parts;
    const connection = new Connection(
      scheduler,
      this.process,
      client,
      random,
      maxDelayMs,
      watch,
      traffic,
    );
    this.connections.add(connection);
    connection.whenOpen(() => {
      const lineOf = (onText: (text: string) => void, onClose: () => void) =>
        new Line(connection.socket, onText, () => {
          this.connections.delete(connection);
          onClose();
        });
      if (protocol === 'runner') new RunnerSocket(this.#context, this.#runners, lineOf);
      else new ClientSocket(this.#context, this.#watches, lineOf);
    });
    return connection;
  }

  /** What an HTTP call comes to, as the process. The answer is null where there is none. */
  async call<T>(work: (context: ServerContext) => Promise<T>): Promise<T | null> {
    try {
      return await work(this.#context);
    } catch (error) {
      problemOf(error, this.#context.logger);
      return null;
    }
  }

  get lines(): number {
    return this.#runners.agents;
  }

  /** Nobody waits for anything any more. */
  get waiting(): number {
    return this.#context.waiters.size;
  }

  #createContext(): ServerContext {
    const { plan, violations } = this.parts;
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (data: object, message: string) =>
        violations.add('no call fails inside', `${message} ${errorIn(data)}`),
    } as unknown as Logger;
    const host: PoolHost = this.slot;
    // Only what calls and sockets use; figures of the process have no place in this world.
    const parts = { host, config: plan.config, logger, sealer: null, waiters: new Waiters(host) };
    return { ...parts, metrics: { observeLease() {} } } as unknown as ServerContext;
  }
}

function errorIn(data: object): string {
  const { err } = data as { readonly err?: Error };
  return err?.stack ?? JSON.stringify(data);
}
