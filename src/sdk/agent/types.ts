/// <reference lib="esnext.disposable" preserve="true" />
/** What users of `remuda/agent` see. */
import type { RemudaError } from '../errors.ts';
import type { WebSocketClass } from '../net/socket.ts';
import type { AgentSpec, LeaseInfo } from '../words.ts';

/** Work: one tenant that one agent of this runner serves. The fields are kept up to date. */
export interface AssignedLease extends LeaseInfo {
  /** With `manualAccept`: takes the lease. Otherwise it is taken when the handler starts. */
  accept(): void;
  /** With `manualAccept`, before `accept`: the lease goes to another agent. */
  reject(reason?: string): void;
  /** Reports that the agent works. Said by itself when the lease is accepted. */
  active(): void;
  /** Reports that the agent is connected and does nothing: an idle lease may be taken back. */
  idle(): void;
}

export interface AssignmentContext {
  /**
   * Aborted when the lease is not the agent's any more: released, moved, lost, or the runner is
   * closing. Its reason is a LeaseEndedError. End the work and return.
   */
  readonly signal: AbortSignal;
  /** The agent's secret, where the pool keeps one for it. */
  readonly credential?: string;
}

export interface ErrorContext {
  readonly agentId?: string;
  readonly leaseId?: string;
}

export interface RunAgentsOptions {
  /** The pool's address: http:// or https://. */
  readonly url: string | URL;
  /** The agents of this runner. Those that the pool does not know are registered. */
  readonly agents: readonly AgentSpec[];
  /**
   * Names this process: the pool keeps an agent with the runner that has it. Made by itself unless
   * given; two processes must never share one.
   */
  readonly runnerId?: string;
  readonly apiKey?: string;
  /**
   * Serves a tenant. The agent lets go when the promise ends; if it rejects, `onError` is told as
   * well. Runs for each lease, and again for none that it still runs for after a reconnect.
   */
  onAssign(lease: AssignedLease, context: AssignmentContext): Promise<void> | void;
  /** The agent gets no new work: it is to leave. */
  onDrain?(agentId: string): void;
  /** The agent's secret, at the beginning and whenever it changes. */
  onCredential?(agentId: string, credential: string): void;
  /** A handler failed, the pool refused something, or it cannot be reached. */
  onError?(error: Error, context: ErrorContext): void;
  /** How busy the agent is, 0 to 1; used ÷ slots unless given. */
  load?(agentId: string): number;
  /** The handler calls `lease.accept()` or `lease.reject()` itself, within the pool's 10 s. */
  readonly manualAccept?: boolean;
  /** Closes the runner. */
  readonly signal?: AbortSignal;
  /** How long `close` waits for the handlers; default 10. */
  readonly closeDeadlineSec?: number;
  /** In place of the global `WebSocket`. */
  readonly webSocket?: WebSocketClass;
}

export interface RunnerAgent {
  readonly agentId: string;
  /** Whether the pool has it from this runner now. */
  readonly isHosted: boolean;
  /** Handlers that run for it. */
  readonly running: number;
}

export interface Runner extends AsyncDisposable {
  readonly runnerId: string;
  readonly agents: readonly RunnerAgent[];
  /** Why the pool cannot be reached now; null while it can. */
  readonly trouble: RemudaError | null;
  /** Resolves when the runner is closed. */
  readonly done: Promise<void>;
  /** Whom the agent may serve since now, or no more. */
  setMemberships(
    agentId: string,
    change: { readonly added?: readonly string[]; readonly removed?: readonly string[] },
  ): void;
  /** Whether the agent may take new work. What it has, it keeps. */
  setBudget(agentId: string, available: boolean, reason?: string): void;
  /** Ends all work: aborts the handlers, waits for them, lets go of their leases, disconnects. */
  close(options?: { readonly deadlineSec?: number }): Promise<void>;
}
