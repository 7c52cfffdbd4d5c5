/**
 * What the fleet needs from whatever starts and stops agents: a port, as the journal is one.
 * Adapters implement it (src/adapters/provisioners). A provisioner decides nothing: which agent is
 * wanted is in the journal; it makes that true and says what became of it.
 *
 * An agent's process is known by its agent id. At most one process of an id lives at any time,
 * also across a crash of the manager.
 */

/** What to start. */
export interface AgentLaunch {
  readonly agentId: string;
  readonly specialization: string;
  /** The port that the agent is to listen on. */
  readonly port: number;
  /** Program and arguments; `{agent_id}`, `{port}` and `{specialization}` are not yet filled in. */
  readonly command: readonly string[];
}

/** A process that has been found again after a crash of the manager. */
export interface AdoptedAgent {
  readonly agentId: string;
  readonly specialization: string;
  readonly port: number;
  readonly pid: number;
}

export interface AgentExit {
  readonly agentId: string;
  readonly pid: number;
  /** `code 1`, `signal SIGKILL`; `gone` for an adopted process, whose end nobody could wait for. */
  readonly how: string;
  /** How long it lived, ms. */
  readonly livedMs: number;
  /** `stop` had been called for it: its end is no fault. */
  readonly asked: boolean;
}

/** What the latest process of an agent has printed. It may hold secrets: it is for logs. */
export interface AgentOutput {
  /** The file that has all of it. */
  readonly path: string;
  /** At most 5 lines, each of at most 500 characters; none if it has said nothing. */
  readonly lastLines: readonly string[];
}

/** `message` says what happened and what to do; it is shown to the operator as it is. */
export class ProvisionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProvisionError';
  }
}

export interface Provisioner {
  /**
   * Finds the processes that an earlier manager of the same pool has left behind. Those that
   * `wanted` accepts go on as ours; the others are ended, and are gone when this resolves.
   */
  adopt(wanted: (found: AdoptedAgent) => boolean): Promise<readonly AdoptedAgent[]>;
  /**
   * Resolves with the pid once the process runs. Throws ProvisionError when it cannot: no such
   * program, the port taken, one of that id still alive.
   */
  start(launch: AgentLaunch): Promise<number>;
  /** Asks, waits, then kills, with all that the process started. Resolves when it is gone, also when it never was. */
  stop(agentId: string): Promise<void>;
  /** Null where the output of agents goes somewhere else. */
  output(agentId: string): Promise<AgentOutput | null>;
  /** Whether a process could listen on the port now. */
  isPortFree(port: number): Promise<boolean>;
  /** Calls back once for each process that ends, asked or not. Returns a function that takes it back. */
  onExit(listener: (exit: AgentExit) => void): () => void;
  /** Stops all processes at once. Nothing can be started afterwards. */
  close(): Promise<void>;
}
