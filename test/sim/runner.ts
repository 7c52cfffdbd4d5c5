/**
 * A runner: it hosts agents, answers to work well or badly, and comes back after it has lost its
 * connection. What it holds is what it has been told, nothing else.
 */
import type { HostedAgent, PoolFrame } from '../../src/protocol/agent-frames.ts';
import type { Lease } from '../../src/protocol/lease-schemas.ts';
import type { Connection } from './network.ts';
import type { Manner, Plan } from './plan.ts';
import type { Random } from './random.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';
import type { Violations } from './violation.ts';

export interface RunnerWorld {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly violations: Violations;
  connectRunner(runner: SimRunner): Connection | null;
  /** Who else holds the lease under this token. */
  holderOf(lease: string, token: number, but: SimRunner): SimRunner | null;
}

interface Held {
  readonly agent: string;
  token: number;
}

/** A connection of which nothing is heard for this long is given up. */
const SILENCE_MS = 25_000;
const HEARTBEAT_LOAD = [0, 0.2, 0.5, 0.9];

export class SimRunner {
  readonly id: string;
  readonly agents: readonly HostedAgent[];
  readonly held = new Map<string, Held>();
  /** Those that the connection hosts, as its welcomes have said. */
  readonly hosted = new Set<string>();
  readonly #world: RunnerWorld;
  readonly #random: Random;
  process: SimProcess;
  connection: Connection | null = null;
  /** Its older connections that have not ended yet. */
  readonly others = new Set<Connection>();
  isGone = true;
  lastHelloAt = 0;
  /** It behaves as well as it can. */
  isCalm = false;
  #told = new Set<string>();
  /** What it has rejected and released by itself on this connection. */
  readonly #dropped = new Set<string>();
  readonly #probed = new Set<string>();
  #heartbeatMs = 1_000;
  #lastHeard = 0;
  #failures = 0;

  constructor(id: string, agents: readonly HostedAgent[], world: RunnerWorld, random: Random) {
    this.id = id;
    this.agents = agents;
    this.#world = world;
    this.#random = random;
    this.process = new SimProcess(id);
  }

  /** A new process of this runner, which knows of nothing. */
  start(): void {
    const { scheduler } = this.#world;
    this.isGone = false;
    this.process = new SimProcess(this.id);
    this.held.clear();
    this.hosted.clear();
    this.connection = null;
    this.others.clear();
    scheduler.soon(this.process, () => {
      this.#connect();
      this.#beat();
    });
  }

  /** Its process dies. */
  die(): void {
    this.isGone = true;
    this.held.clear();
    this.hosted.clear();
    this.#world.scheduler.kill(this.process);
    this.connection?.cut();
    for (const other of this.others) other.cut();
    this.others.clear();
    this.connection = null;
  }

  /** Another connection beside the one that there is. */
  connectAgain(): void {
    const { scheduler } = this.#world;
    scheduler.soon(this.process, () => {
      const { connection } = this;
      if (connection !== null) {
        this.others.add(connection);
        // It does not mind the old one any more, and ends it when it comes to that.
        scheduler.after(this.process, this.#random.between(0, 5_000), () => {
          connection.close();
          this.others.delete(connection);
        });
      }
      this.#connect();
    });
  }

  /** Something that nobody asked for. */
  act(random: Random): void {
    this.#world.scheduler.soon(this.process, () => {
      const leases = [...this.held];
      const [id, held] = leases.length === 0 ? ['', null] : random.pick(leases);
      const agent = random.pick(this.agents).agent_id;
      if (held === null || random.chance(0.15)) {
        this.#send({ type: 'budget', agent_id: agent, available: random.chance(0.7) });
      } else if (random.chance(0.4)) {
        this.#drop(id, held.token);
        this.#send({ type: 'released', lease_id: id, token: held.token });
      } else {
        const state = random.pick(['active', 'idle']);
        // An old token must change nothing; that it is refused says nothing of the present one.
        const token = held.token - (random.chance(0.1) ? 1 : 0);
        if (token !== held.token) this.#probed.add(id);
        this.#send({ type: 'state', lease_id: id, token, state });
      }
      if (random.chance(0.1))
        this.#send({ type: 'hello', runner_id: this.id, agents: this.agents });
    });
  }

  #connect(): void {
    const { scheduler } = this.#world;
    const connection = this.#world.connectRunner(this);
    if (connection === null) {
      this.#connectLater();
      return;
    }
    this.connection = connection;
    this.hosted.clear();
    this.#told = new Set();
    this.#dropped.clear();
    this.#lastHeard = scheduler.clock.now();
    for (const agent of this.agents) {
      // A runner may say hello for some of its agents later.
      if (this.#random.chance(0.8)) continue;
      scheduler.after(this.process, this.#random.between(0, 400), () => {
        if (connection === this.connection) this.#hello([agent]);
      });
    }
    this.#hello(this.agents);
  }

  #hello(agents: readonly HostedAgent[]): void {
    this.lastHelloAt = this.#world.scheduler.clock.now();
    this.#send({ type: 'hello', runner_id: this.id, agents });
  }

  #connectLater(): void {
    const { scheduler } = this.#world;
    this.#failures++;
    const most = this.isCalm ? 400 : Math.min(8_000, 100 * 2 ** this.#failures);
    scheduler.after(this.process, this.#random.between(20, most), () => {
      if (this.connection === null) this.#connect();
    });
  }

  #beat(): void {
    const { scheduler } = this.#world;
    const now = scheduler.clock.now();
    if (this.connection !== null && now - this.#lastHeard > SILENCE_MS) {
      const { connection } = this;
      this.connection = null;
      this.hosted.clear();
      connection.cut();
      this.#connectLater();
    }
    if (this.hosted.size > 0) {
      const agents = [...this.hosted].map((agent) => [agent, this.#random.pick(HEARTBEAT_LOAD)]);
      this.#send({ type: 'heartbeat', agents });
    }
    // Agents that another runner had may be free by now.
    if (this.hosted.size < this.agents.length && this.#random.chance(0.5)) {
      this.#hello(this.agents.filter(({ agent_id: id }) => !this.hosted.has(id)));
    }
    scheduler.after(this.process, this.#heartbeatMs, () => this.#beat());
  }

  onClose(connection: Connection): void {
    this.others.delete(connection);
    if (connection !== this.connection) return;
    this.connection = null;
    this.hosted.clear();
    this.#connectLater();
  }

  onPing(): void {
    this.#lastHeard = this.#world.scheduler.clock.now();
  }

  onFrame(connection: Connection, value: unknown): void {
    this.#lastHeard = this.#world.scheduler.clock.now();
    // An old connection may still say what was under way.
    if (connection !== this.connection) return;
    const frame = value as PoolFrame;
    switch (frame.type) {
      case 'welcome':
        this.#failures = 0;
        this.#heartbeatMs = frame.heartbeat_interval_sec * 1_000;
        this.#welcomed(frame.agents, frame.leases);
        return;
      case 'assign':
        this.#assigned(frame.lease);
        return;
      case 'release': {
        const { lease_id: id, token } = frame;
        if (this.held.get(id)?.token === token) this.held.delete(id);
        this.#send({ type: 'released', lease_id: id, token });
        return;
      }
      case 'error': {
        const { code, lease_id: lease, agent_id: agent } = frame;
        // The frame names no token, its words do; work that has come back under a newer one stays.
        const token = Number(/\btoken (\d+)/.exec(frame.detail)?.[1] ?? Number.POSITIVE_INFINITY);
        if (lease !== undefined && (this.held.get(lease)?.token ?? 0) <= token) {
          if (!this.#probed.delete(lease)) this.held.delete(lease);
        }
        // It has left the pool, or another runner has it.
        const isGone = code === 'NOT_FOUND' || code === 'AGENT_ALREADY_HOSTED';
        if (agent !== undefined && isGone) this.#forget(agent);
        return;
      }
      default:
    }
  }

  #welcomed(agents: readonly string[], leases: readonly Lease[]): void {
    for (const agent of agents) this.#forget(agent);
    for (const agent of agents) this.hosted.add(agent);
    for (const lease of leases) {
      // It has let go of it, and the welcome has crossed that on its way.
      if (this.#dropped.has(`${lease.lease_id} ${lease.token}`)) continue;
      this.#hold(lease);
      this.#told.add(`${lease.lease_id} ${lease.token}`);
      if (lease.state === 'allocated') this.#answer(lease);
    }
  }

  /** Work that is not in a welcome has ended. */
  #forget(agent: string): void {
    this.hosted.delete(agent);
    for (const [id, held] of this.held) if (held.agent === agent) this.held.delete(id);
  }

  #assigned(lease: Lease): void {
    const { lease_id: id, token } = lease;
    const { violations } = this.#world;
    const key = `${id} ${token}`;
    violations.check(!this.#told.has(key), 'work is assigned once', () => `${this.id}: ${key}`);
    this.#told.add(key);
    this.#hold(lease);
    this.#answer(lease);
  }

  #hold({ lease_id: id, token, agent_id: agent }: Lease): void {
    const { violations } = this.#world;
    const isOurs = this.agents.some(({ agent_id: each }) => each === agent);
    const what = () => `${this.id} was given ${id} of ${agent}`;
    violations.check(isOurs, 'a runner is told of its own work only', what);
    const before = this.held.get(id);
    const isNewer = before === undefined || before.token <= token;
    violations.check(isNewer, 'tokens only grow for a runner', what);
    const other = this.#world.holderOf(id, token, this);
    violations.check(
      other === null,
      'two runners never hold one token',
      () => `${this.id} and ${other?.id} hold ${id} under ${token}`,
    );
    this.held.set(id, { agent, token });
  }

  #drop(id: string, token: number): void {
    this.held.delete(id);
    this.#dropped.add(`${id} ${token}`);
  }

  #answer({ lease_id: id, token }: Lease): void {
    const { plan, scheduler } = this.#world;
    const patience = plan.options.hosting.acceptTimeoutMs;
    const fence = { lease_id: id, token };
    const accept = (): void => this.#send({ type: 'accepted', ...fence });
    const manner = this.isCalm ? 'accept' : this.#manner();
    switch (manner) {
      case 'accept':
        accept();
        return;
      case 'report':
        this.#send({ type: 'state', ...fence, state: 'active' });
        return;
      case 'reject':
        this.#drop(id, token);
        this.#send({ type: 'rejected', ...fence });
        return;
      case 'late':
        scheduler.after(this.process, this.#random.between(0, 2 * patience), accept);
        return;
      case 'silent':
    }
  }

  #manner(): Manner {
    const { manners } = this.#world.plan;
    const entries = Object.entries(manners) as [Manner, number][];
    let left = this.#random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [manner, weight] of entries) {
      left -= weight;
      if (left < 0) return manner;
    }
    return 'accept';
  }

  #send(frame: object): void {
    this.connection?.send(frame);
  }
}
