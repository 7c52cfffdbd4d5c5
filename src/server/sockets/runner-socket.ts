/** One runner's connection: the agent protocol of src/protocol/agent-frames.ts. */
import type { LeaseView, Outcome, Refusal } from '../../core/outcome.ts';
import { NotReadyError } from '../../host/host-api.ts';
import {
  type HostedAgent,
  type PoolFrame,
  RUNNER_FRAMES,
  type RunnerFrame,
} from '../../protocol/agent-frames.ts';
import { hostedAgentSpec } from '../../protocol/agent-json.ts';
import { leaseToJson } from '../../protocol/lease-json.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { invalidRequest } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { FrameReader, parseFrame } from './frames.ts';
import { CLOSE, type Line } from './line.ts';
import type { RunnerLine, Runners } from './runners.ts';

type Frame<T extends RunnerFrame['type']> = Extract<RunnerFrame, { type: T }>;
type ErrorFrame = Extract<PoolFrame, { type: 'error' }>;
type ReleaseReason = Extract<PoolFrame, { type: 'release' }>['reason'];

const HELLO_WITHIN_MS = 10_000;
const HEARTBEAT_LEAST_SEC = 1;
const HEARTBEAT_MOST_SEC = 30;
/** Heartbeats that may get lost before an agent seems silent. */
const HEARTBEATS_A_TIMEOUT = 4;
/** Frames under way before the socket is read no further. */
const MOST_UNDER_WAY = 1_000;

const reader = new FrameReader<RunnerFrame>('type', RUNNER_FRAMES);

export class RunnerSocket implements RunnerLine {
  readonly #context: ServerContext;
  readonly #runners: Runners;
  readonly #line: Line;
  readonly #agents = new Set<string>();
  /** What was told of each lease, so that nothing is told twice. */
  readonly #told = new Map<string, number>();
  readonly #helloTimer: NodeJS.Timeout;
  runnerId = '';
  /** Frames that came while a hello was being carried out. */
  #waiting: RunnerFrame[] | null = null;
  /** What is sent goes through here, in the order of the events behind it. */
  #sending: Promise<void> = Promise.resolve();
  #underWay = 0;
  #isClosed = false;

  constructor(
    context: ServerContext,
    runners: Runners,
    lineOf: (onText: (text: string) => void, onClose: () => void) => Line,
  ) {
    this.#context = context;
    this.#runners = runners;
    this.#line = lineOf(
      (text) => this.#received(text),
      () => this.#closed(),
    );
    this.#helloTimer = setTimeout(() => {
      this.close(CLOSE.policy, `no hello within ${HELLO_WITHIN_MS / 1_000} s`);
    }, HELLO_WITHIN_MS);
    this.#helloTimer.unref();
  }

  isAlive(withinMs: number): Promise<boolean> {
    return this.#line.isAlive(withinMs);
  }

  close(code: number, reason: string): void {
    this.#line.close(code, reason);
  }

  terminate(): void {
    this.#line.terminate();
  }

  assign(lease: Promise<LeaseView | null>, token: number): void {
    this.#inOrder(async () => {
      const view = await lease;
      // It has ended or moved on meanwhile; the event that says so comes behind this one.
      if (view === null || view.token !== token || view.reason !== undefined) return;
      this.#told.set(view.leaseId, token);
      this.#send({ type: 'assign', lease: leaseToJson(view) });
    });
  }

  release(lease: string, token: number, reason: string): void {
    this.#inOrder(() => {
      if (!this.#told.delete(lease)) return;
      this.#send({
        type: 'release',
        lease_id: lease,
        token,
        reason: reason as ReleaseReason,
        deadline_sec: this.#context.config.pool.accept_timeout_sec,
      });
    });
  }

  drain(agent: string): void {
    this.#inOrder(() => this.#send({ type: 'drain', agent_id: agent }));
  }

  credential(agent: string, credential: string): void {
    this.#inOrder(() => this.#send({ type: 'credential', agent_id: agent, credential }));
  }

  retired(agent: string): void {
    this.#agents.delete(agent);
    this.#inOrder(() =>
      this.#error('NOT_FOUND', `The agent "${agent}" has been retired.`, { agent_id: agent }),
    );
  }

  #received(text: string): void {
    const value = parseFrame(text);
    if (value === undefined) {
      this.close(CLOSE.policy, 'a frame is not valid JSON');
      return;
    }
    const result = reader.read(value);
    if ('faults' in result) {
      const { detail } = invalidRequest(result.faults);
      if (this.runnerId === '') this.close(CLOSE.policy, detail);
      else this.#error('INVALID_REQUEST', detail);
      return;
    }
    const { frame } = result;
    if (this.#waiting !== null) this.#waiting.push(frame);
    else this.#carryOut(frame);
    if (this.#underWay + (this.#waiting?.length ?? 0) > MOST_UNDER_WAY) this.#line.pause();
  }

  #carryOut(frame: RunnerFrame): void {
    if (frame.type === 'hello') {
      this.#waiting = [];
      void this.#hello(frame).finally(() => this.#goOn());
      return;
    }
    if (this.runnerId === '') {
      this.close(CLOSE.policy, 'the first frame must be a hello');
      return;
    }
    this.#underWay++;
    this.#handle(frame)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#underWay--;
        if (this.#underWay < MOST_UNDER_WAY / 2) this.#line.resume();
      });
  }

  /** Carries out what has come meanwhile, up to another hello. */
  #goOn(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    while (waiting.length > 0 && this.#waiting === null) {
      this.#carryOut(waiting.shift() as RunnerFrame);
    }
    // Carrying out can have begun another hello: what is left waits for that one.
    (this.#waiting as RunnerFrame[] | null)?.push(...waiting);
    if (this.#underWay < MOST_UNDER_WAY / 2) this.#line.resume();
  }

  async #hello(frame: Frame<'hello'>): Promise<void> {
    if (this.runnerId !== '' && frame.runner_id !== this.runnerId) {
      this.#error(
        'INVALID_REQUEST',
        `/runner_id: this socket is that of "${this.runnerId}"; another runner needs another one.`,
      );
      return;
    }
    const specs = new Map(frame.agents.map((agent) => [agent.agent_id, agent]));
    const known = [...specs.keys()].filter((id) => this.#agents.has(id)).length;
    if (this.#agents.size + specs.size - known > LIMITS.agentsPerSocket) {
      this.#error(
        'INVALID_REQUEST',
        `/agents: one socket carries up to ${LIMITS.agentsPerSocket} agents; open another one.`,
      );
      return;
    }
    clearTimeout(this.#helloTimer);
    this.runnerId = frame.runner_id;
    const { taken, hosted } = await this.#runners.take(this, [...specs.keys()]);
    for (const [agent, runner] of hosted) {
      this.#error(
        'AGENT_ALREADY_HOSTED',
        `"${agent}" is hosted by the runner "${runner}"; say hello again once that one is gone.`,
        { agent_id: agent },
      );
    }
    if (taken.length === 0) return;
    const agents = taken.map((id) => specs.get(id) as HostedAgent);
    try {
      await this.#connect(agents);
    } catch (error) {
      this.#giveUp(taken);
      this.#failed(error);
    }
  }

  /** It does not host them after all; those that an earlier hello has brought it still does. */
  #giveUp(agents: readonly string[]): void {
    const others = agents.filter((agent) => !this.#agents.has(agent));
    this.#runners.giveUp(this, others);
  }

  async #connect(described: readonly HostedAgent[]): Promise<void> {
    const { host, config } = this.#context;
    const outcome = await host.execute({
      type: 'connect_agents',
      runner: this.runnerId,
      agents: described.map(hostedAgentSpec),
    });
    if (outcome.outcome === 'refused') throw new Error(outcome.detail);
    const { agents, draining, credentials, refused } = outcome;
    this.#giveUp(refused.map(({ agentId }) => agentId));
    for (const agent of agents) this.#agents.add(agent);
    if (this.#isClosed) {
      this.#runners.drop(this);
      return;
    }
    const leases = this.#runners.leasesOf(this, agents);
    this.#inOrder(async () => {
      const held = await leases;
      for (const { leaseId, token } of held) this.#told.set(leaseId, token);
      this.#send({
        type: 'welcome',
        heartbeat_interval_sec: heartbeatInterval(
          config.multi_agent.autoscaling.heartbeat_timeout_sec,
        ),
        agents: [...agents],
        leases: held.map(leaseToJson),
        credentials: this.#plain(credentials),
      });
      for (const { agentId, code, detail } of refused) {
        this.#error(code, detail, { agent_id: agentId });
      }
      for (const agent_id of draining) this.#send({ type: 'drain', agent_id });
    });
  }

  #plain(credentials: readonly (readonly [string, string])[]): { [agent: string]: string } {
    const plain: [string, string][] = [];
    for (const [agent, sealed] of credentials) {
      const credential = this.#runners.unseal(agent, sealed);
      if (credential !== null) plain.push([agent, credential]);
    }
    return Object.fromEntries(plain);
  }

  async #handle(frame: Exclude<RunnerFrame, Frame<'hello'>>): Promise<void> {
    const { host } = this.#context;
    switch (frame.type) {
      case 'heartbeat':
        return this.#heartbeat(frame);
      case 'memberships':
        return this.#memberships(frame);
      case 'budget': {
        if (!this.#isOurs(frame.agent_id)) return;
        const { agent_id: agent, available, reason } = frame;
        await host.execute({ type: 'set_budget', agent, available });
        if (!available) this.#context.logger.info({ agent, reason }, 'an agent is out of budget');
        return;
      }
      default:
        return this.#report(frame);
    }
  }

  async #report(
    frame: Frame<'accepted'> | Frame<'rejected'> | Frame<'state'> | Frame<'released'>,
  ): Promise<void> {
    const { host } = this.#context;
    const { lease_id: lease, token } = frame;
    if (!this.#runners.holds(this, lease, token)) {
      // It has been told to let go, and did: nothing is wrong with that.
      if (frame.type === 'released') return;
      const detail = `No agent of this socket holds ${lease} under the token ${token}. Let it go.`;
      this.#error('LEASE_TOKEN_STALE', detail, { lease_id: lease });
      return;
    }
    // What it gives up by itself it need not be told to give up.
    if (frame.type === 'rejected' || frame.type === 'released') this.#runners.letGo(lease);
    switch (frame.type) {
      case 'accepted':
        return this.#told_of(await host.execute({ type: 'accept_lease', lease, token }), lease);
      case 'rejected': {
        this.#context.logger.info({ lease, reason: frame.reason }, 'an agent rejected a lease');
        const outcome = host.execute({ type: 'reject_lease', lease, token });
        return this.#told_of(await outcome, lease);
      }
      case 'state': {
        const [, reported] = await host.executeAll([
          { type: 'accept_lease', lease, token },
          { type: 'report', lease, token, state: frame.state },
        ]);
        return this.#told_of(reported as Outcome, lease);
      }
      case 'released': {
        const outcome = host.execute({ type: 'release', lease, token });
        return this.#told_of(await outcome, lease);
      }
    }
  }

  #told_of(outcome: { outcome: string } | Refusal, lease: string): void {
    if (outcome.outcome !== 'refused') return;
    const { code, detail } = outcome as Refusal;
    this.#error(code, detail, { lease_id: lease });
  }

  async #heartbeat({ agents }: Frame<'heartbeat'>): Promise<void> {
    const ours = agents.filter(([agent]) => this.#agents.has(agent));
    if (ours.length > 0) await this.#context.host.execute({ type: 'heartbeat', agents: ours });
    if (ours.length === agents.length) return;
    const others = agents.filter(([agent]) => !this.#agents.has(agent)).map(([agent]) => agent);
    this.#error('NOT_FOUND', `This socket does not host ${quoted(others)}; say hello for them.`);
  }

  async #memberships(frame: Frame<'memberships'>): Promise<void> {
    const { agent_id: agent, added = [], removed = [] } = frame;
    if (!this.#isOurs(agent)) return;
    const change = (member: boolean) => (tenant: string) =>
      ({ type: 'set_membership', agent, tenant, member }) as const;
    const commands = [...added.map(change(true)), ...removed.map(change(false))];
    if (commands.length > 0) await this.#context.host.executeAll(commands);
  }

  #isOurs(agent: string): boolean {
    if (this.#agents.has(agent)) return true;
    this.#error('NOT_FOUND', `This socket does not host "${agent}"; say hello for it first.`, {
      agent_id: agent,
    });
    return false;
  }

  #failed(error: unknown): void {
    if (error instanceof NotReadyError) {
      // What it said was not noted: with the next hello it hears how things stand.
      this.#error('NOT_READY', error.message);
      this.close(CLOSE.tryAgainLater, 'the pool takes no commands now');
      return;
    }
    this.#context.logger.error({ err: error, runner: this.runnerId }, 'a frame failed');
    this.#error('INTERNAL', 'The pool failed; its log says why.');
  }

  #inOrder(send: () => void | Promise<void>): void {
    this.#sending = this.#sending.then(send).catch((error: unknown) => {
      if (!this.#isClosed) this.#failed(error);
    });
  }

  #error(code: ErrorFrame['code'], detail: string, more: Partial<ErrorFrame> = {}): void {
    this.#send({ type: 'error', code, detail, ...more });
  }

  #send(frame: PoolFrame): void {
    this.#line.send(JSON.stringify(frame));
  }

  #closed(): void {
    this.#isClosed = true;
    clearTimeout(this.#helloTimer);
    this.#runners.drop(this);
  }
}

function heartbeatInterval(timeoutSec: number): number {
  const interval = timeoutSec / HEARTBEATS_A_TIMEOUT;
  return Math.min(HEARTBEAT_MOST_SEC, Math.max(HEARTBEAT_LEAST_SEC, interval));
}

function quoted(ids: readonly string[]): string {
  const shown = ids.slice(0, 10).map((id) => `"${id}"`);
  const rest = ids.length - shown.length;
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
