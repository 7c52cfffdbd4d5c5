/**
 * Up to 1,000 agents on one socket that is opened again whenever it ends. After each welcome the
 * pool's list of leases is the truth: what is missing in it has been lost, what is new is work.
 */
import type { RemudaError } from '../errors.ts';
import { makeError } from '../make-error.ts';
import { Backoff } from '../net/backoff.ts';
import { openSocket, poolUrl, type Socket, type WebSocketClass } from '../net/socket.ts';
import { sleep } from '../net/wait.ts';
import type { PoolFrame, RunnerFrame } from '../wire.ts';
import { agentChunks, heartbeatFrames } from './frames.ts';
import type { AgentLine, HostedAgent } from './hosted-agent.ts';
import type { ErrorContext } from './types.ts';

export interface HostLinkOptions {
  readonly url: string | URL;
  readonly runnerId: string;
  readonly apiKey?: string;
  readonly webSocket?: WebSocketClass;
  load?(agentId: string): number;
  onDrain(agentId: string): void;
  onCredential(agentId: string, credential: string): void;
  onError(error: RemudaError, context: ErrorContext): void;
}

type Frame<T extends PoolFrame['type']> = Extract<PoolFrame, { type: T }>;

const OPEN_TIMEOUT_MS = 10_000;
/** An answer to a hello that takes longer will not come. */
const ANSWER_MS = 15_000;
/** After an error that does not say what it is about, all that counts is said again. */
const REPEAT_MS = 1_000;
const FATAL_BEFORE_START: ReadonlySet<string> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'INVALID_REQUEST',
]);
const TRY_AGAIN: ReadonlySet<string> = new Set([
  'AGENT_ALREADY_HOSTED',
  'NOT_READY',
  'RATE_LIMITED',
]);
const ABOUT_A_LEASE: ReadonlySet<string> = new Set([
  'LEASE_TOKEN_STALE',
  'INVALID_TRANSITION',
  'NOT_FOUND',
]);

export class HostLink implements AgentLine {
  readonly #options: HostLinkOptions;
  readonly #agents = new Map<string, HostedAgent>();
  readonly #end = new AbortController();
  readonly #backoff = new Backoff();
  readonly #helloBackoff = new Backoff(500);
  /** Agents that the pool would not give; they are asked for again. */
  readonly #wanted = new Set<HostedAgent>();
  /** Agents that the pool has refused for a reason that lasts. */
  readonly #hopeless = new Set<HostedAgent>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #socket: Socket | null = null;
  #down: ((error: RemudaError) => void) | null = null;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #answerTimer: ReturnType<typeof setTimeout> | undefined;
  #isQuiet = false;
  #question: { readonly agent: string; readonly number: number } | null = null;
  #isRepeating = false;
  #started: (() => void) | null = null;
  #fail: ((error: RemudaError) => void) | null = null;
  asked = 0;
  trouble: RemudaError | null = null;

  constructor(options: HostLinkOptions) {
    this.#options = options;
  }

  add(agent: HostedAgent): void {
    this.#agents.set(agent.agentId, agent);
  }

  /** Resolves with the first welcome. Rejects when the pool does not want this runner. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = () => {
        this.#started = this.#fail = null;
        resolve();
      };
      this.#fail = (error) => {
        this.#started = this.#fail = null;
        this.close();
        reject(error);
      };
      void this.#keepConnected();
    });
  }

  send(frame: RunnerFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  ask(agent: HostedAgent): void {
    this.asked++;
    this.#question = { agent: agent.agentId, number: this.asked };
    // Nothing but its name: what else is registered stays as it is.
    this.#hello([{ agent_id: agent.agentId }]);
  }

  close(): void {
    this.#end.abort();
    this.#stopTimers();
    this.#socket?.close('the runner is closing');
    this.#socket = null;
    for (const agent of this.#agents.values()) agent.isHosted = false;
  }

  async #keepConnected(): Promise<void> {
    // Without agents there is nothing to say hello for.
    while (!this.#end.signal.aborted && this.#agents.size > 0) {
      try {
        this.trouble = await this.#connection();
      } catch (error) {
        if (this.#end.signal.aborted) return;
        this.trouble = error as RemudaError;
        if (!this.trouble.retryable && this.#fail) return this.#fail(this.trouble);
      }
      if (this.#end.signal.aborted) return;
      this.#socket = null;
      this.#stopTimers();
      for (const agent of this.#agents.values()) agent.isHosted = false;
      this.#options.onError(this.trouble, {});
      await sleep(this.#backoff.nextMs(), this.#end.signal);
    }
  }

  /** One connection, from its beginning to its end. */
  async #connection(): Promise<RemudaError> {
    const { url, webSocket } = this.#options;
    let down: (error: RemudaError) => void = () => {};
    const ended = new Promise<RemudaError>((resolve) => {
      down = resolve;
    });
    this.#down = down;
    this.#socket = await openSocket(
      {
        url: poolUrl(url, '/v1/agents/connect', 'ws'),
        protocol: 'remuda.agent.v1',
        webSocket,
        timeoutMs: OPEN_TIMEOUT_MS,
        signal: this.#end.signal,
      },
      {
        message: (text) => this.#read(text),
        down: (error) => {
          // Policy: the first hello was not valid, and saying it again would not mend it.
          if (error.closeCode === 1008 && this.#fail) {
            this.#fail(makeError('INVALID_REQUEST', error.detail, { status: 400 }));
          }
          down(error);
        },
      },
    );
    this.#question = null;
    this.#isQuiet = false;
    this.#wanted.clear();
    this.#hopeless.clear();
    let apiKey = this.#options.apiKey;
    for (const agents of agentChunks([...this.#agents.values()].map((agent) => agent.hello))) {
      this.#hello(agents, apiKey);
      apiKey = undefined;
    }
    return ended;
  }

  #hello(agents: Extract<RunnerFrame, { type: 'hello' }>['agents'], apiKey?: string): void {
    this.send({
      type: 'hello',
      runner_id: this.#options.runnerId,
      agents,
      ...(apiKey !== undefined && { api_key: apiKey }),
    });
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#cut('the pool has stopped answering'), ANSWER_MS);
  }

  #cut(why: string): void {
    this.#socket?.close(why);
    this.#down?.(makeError('CONNECTION', `The connection was lost (${why}).`));
  }

  #read(text: string): void {
    this.#isQuiet = false;
    let frame: PoolFrame;
    try {
      frame = JSON.parse(text) as PoolFrame;
    } catch {
      this.#cut('a frame is not JSON');
      return;
    }
    switch (frame.type) {
      case 'welcome':
        this.#welcome(frame);
        break;
      case 'assign':
        this.#agents.get(frame.lease.agent_id)?.assign(frame.lease);
        break;
      case 'release':
        this.#release(frame);
        break;
      case 'drain':
        this.#options.onDrain(frame.agent_id);
        break;
      case 'credential':
        this.#credential(frame.agent_id, frame.credential);
        break;
      case 'error':
        this.#error(frame);
        break;
    }
  }

  #welcome({ agents, leases, credentials, heartbeat_interval_sec }: Frame<'welcome'>): void {
    clearTimeout(this.#answerTimer);
    this.#backoff.reset();
    this.trouble = null;
    for (const [agentId, credential] of Object.entries(credentials)) {
      this.#credential(agentId, credential);
    }
    for (const id of agents) {
      const agent = this.#agents.get(id);
      if (agent === undefined) continue;
      this.#wanted.delete(agent);
      this.#helloBackoff.reset();
      agent.welcome(leases.filter((lease) => lease.agent_id === id));
    }
    const { agent = '', number = 0 } = this.#question ?? {};
    if (agents.includes(agent)) {
      this.#question = null;
      for (const each of this.#agents.values()) each.confirm(number);
    }
    this.#heartbeat ??= setInterval(() => this.#beat(), heartbeat_interval_sec * 1_000);
    if (agents.length > 0) this.#started?.();
  }

  #release({ lease_id: leaseId, token, reason }: Frame<'release'>): void {
    for (const agent of this.#agents.values()) {
      if (agent.release(leaseId, token, reason)) return;
    }
    this.send({ type: 'released', lease_id: leaseId, token });
  }

  #credential(agentId: string, credential: string): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined || agent.credential === credential) return;
    agent.credential = credential;
    this.#options.onCredential(agentId, credential);
  }

  #beat(): void {
    const hosted = [...this.#agents.values()].filter((agent) => agent.isHosted);
    for (const frame of heartbeatFrames(hosted, this.#options.load)) this.send(frame);
    // A connection whose other end has vanished looks like a quiet one, so a quiet one is tried.
    const isOwing = hosted.some((agent) => agent.isOwing);
    if ((this.#isQuiet || isOwing) && this.#question === null) {
      const agent = hosted.find((each) => each.hasBudget);
      if (agent !== undefined) this.ask(agent);
    }
    this.#isQuiet = true;
  }

  #error({ code, detail, lease_id, token, agent_id, retry_after_sec }: Frame<'error'>): void {
    clearTimeout(this.#answerTimer);
    const agent = this.#agents.get(agent_id ?? '');
    const error = makeError(code, detail, { retryAfterSec: retry_after_sec ?? undefined });
    if (lease_id !== undefined && ABOUT_A_LEASE.has(code)) {
      for (const each of this.#agents.values()) each.refused(lease_id, token);
      return;
    }
    if (agent !== undefined) this.#refused(agent, error);
    else if (FATAL_BEFORE_START.has(code)) this.#fail?.(error);
    else if (TRY_AGAIN.has(code) || code === 'INTERNAL') this.#repeatSoon();
    this.#options.onError(error, { agentId: agent_id, leaseId: lease_id });
  }

  #refused(agent: HostedAgent, error: RemudaError): void {
    if (!TRY_AGAIN.has(error.code)) {
      // Retired, or registered otherwise: asking again would change nothing, or what it must not.
      agent.lost('lost');
      this.#wanted.delete(agent);
      // A hello would register the retired agent anew.
      if (error.code === 'NOT_FOUND') this.#agents.delete(agent.agentId);
      this.#hopeless.add(agent);
      if (this.#hopeless.size >= this.#agents.size) this.#fail?.(error);
      return;
    }
    if (error.code === 'AGENT_ALREADY_HOSTED') agent.lost('lost');
    this.#wanted.add(agent);
    if (this.#wanted.size === 1) this.#later(this.#helloBackoff.nextMs() + 100, () => this.#want());
  }

  #want(): void {
    const agents = [...this.#wanted].map((agent) => agent.hello);
    this.#wanted.clear();
    for (const chunk of agentChunks(agents)) this.#hello(chunk);
  }

  #repeatSoon(): void {
    if (this.#isRepeating) return;
    this.#isRepeating = true;
    this.#later(REPEAT_MS, () => {
      this.#isRepeating = false;
      for (const agent of this.#agents.values()) if (agent.isHosted) agent.repeat();
    });
  }

  #later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#isRepeating = false;
    clearTimeout(this.#answerTimer);
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}
