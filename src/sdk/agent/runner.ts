/** A process that hosts agents. */

import type { RemudaError } from '../errors.ts';
import { makeError } from '../make-error.ts';
import { sleep, surface } from '../net/wait.ts';
import type { Assignment } from './assignment.ts';
import { HostLink } from './host-link.ts';
import { type AgentOwner, HostedAgent } from './hosted-agent.ts';
import type { ErrorContext, RunAgentsOptions, Runner, RunnerAgent } from './types.ts';

const AGENTS_A_SOCKET = 1_000;
const CLOSE_DEADLINE_SEC = 10;

export class AgentRunner implements Runner {
  readonly runnerId: string;
  readonly done: Promise<void>;
  readonly #options: RunAgentsOptions;
  readonly #agents = new Map<string, HostedAgent>();
  readonly #links: HostLink[] = [];
  #isDone: () => void = () => {};
  #closed: Promise<void> | null = null;

  constructor(options: RunAgentsOptions) {
    const { url, apiKey, webSocket, load, agents } = options;
    this.#options = options;
    this.runnerId = options.runnerId ?? crypto.randomUUID();
    this.done = new Promise((resolve) => {
      this.#isDone = resolve;
    });
    for (const spec of agents) {
      if (this.#agents.has(spec.agentId)) {
        throw makeError('INVALID_REQUEST', `agents: "${spec.agentId}" is named twice.`);
      }
      if (this.#agents.size % AGENTS_A_SOCKET === 0) {
        this.#links.push(
          new HostLink({
            url,
            runnerId: this.runnerId,
            apiKey,
            webSocket,
            load: load && ((agentId) => this.#guard(() => load(agentId)) ?? Number.NaN),
            onDrain: (agentId) => this.#guard(() => options.onDrain?.(agentId)),
            onCredential: (agentId, credential) =>
              this.#guard(() => options.onCredential?.(agentId, credential)),
            onError: (error, context) => this.#tell(error, context),
          }),
        );
      }
      const link = this.#links[this.#links.length - 1] as HostLink;
      const agent = new HostedAgent(spec, this.#owner, link);
      this.#agents.set(spec.agentId, agent);
      link.add(agent);
    }
    if (agents.length === 0) throw makeError('INVALID_REQUEST', 'agents: name at least one.');
  }

  readonly #owner: AgentOwner = {
    manualAccepts: () => this.#options.manualAccept ?? false,
    run: (assignment: Assignment, { credential }: HostedAgent) =>
      this.#options.onAssign(assignment, {
        signal: assignment.signal,
        ...(credential !== undefined && { credential }),
      }),
    failed: ({ agentId, leaseId }: Assignment, error: unknown) => {
      const { onError } = this.#options;
      // Nobody listens, and a handler that failed must not go unseen.
      if (onError === undefined) console.error(`The handler of ${leaseId} failed:`, error);
      else
        this.#tell(error instanceof Error ? error : new Error(String(error)), { agentId, leaseId });
    },
  };

  async start(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.start()));
  }

  get agents(): readonly RunnerAgent[] {
    return [...this.#agents.values()].map(({ agentId, isHosted, running }) => {
      return { agentId, isHosted, running };
    });
  }

  get trouble(): RemudaError | null {
    return this.#links.find((link) => link.trouble)?.trouble ?? null;
  }

  setMemberships(
    agentId: string,
    { added = [], removed = [] }: Parameters<Runner['setMemberships']>[1],
  ): void {
    this.#agent(agentId).setMemberships(added, removed);
  }

  setBudget(agentId: string, available: boolean, reason?: string): void {
    this.#agent(agentId).setBudget(available, reason);
  }

  close({
    deadlineSec = this.#options.closeDeadlineSec ?? CLOSE_DEADLINE_SEC,
  } = {}): Promise<void> {
    this.#closed ??= this.#close(deadlineSec * 1_000);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(deadlineMs: number): Promise<void> {
    const over = new AbortController();
    const handlers = [...this.#agents.values()].map((agent) => agent.close());
    await Promise.race([Promise.all(handlers), sleep(deadlineMs, over.signal)]);
    over.abort();
    for (const link of this.#links) link.close();
    this.#isDone();
  }

  #agent(agentId: string): HostedAgent {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) {
      throw makeError('NOT_FOUND', `This runner has no agent "${agentId}".`);
    }
    return agent;
  }

  #tell(error: Error, context: ErrorContext): void {
    this.#guard(() => this.#options.onError?.(error, context));
  }

  /** A fault in the user's own function is shown, and stops nothing of the protocol. */
  #guard<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      surface(error);
      return undefined;
    }
  }
}
