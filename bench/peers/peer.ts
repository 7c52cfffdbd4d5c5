/** What all subjects of the peers benchmark have in common. Each lives in a process of its own. */

export interface Setup {
  readonly agents: number;
  /** Tenants are drawn at random of so many. */
  readonly tenants: number;
  readonly seed: number;
  /** Empty, for this subject alone; it is removed afterwards. */
  readonly directory: string;
  /** Where Remuda's server leaves a CPU profile. */
  readonly profile?: string;
}

export interface Round {
  /** Lease + release pairs that were answered and found right. */
  readonly pairs: number;
  readonly seconds: number;
  /** Of a pair: from the request for an agent to the answer to its release. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Peer {
  /** Throws NotInstalledError where the machine lacks the program. */
  start(): Promise<void>;
  /** As many pairs as it can; afterwards every agent is free again. */
  run(seconds: number): Promise<Round>;
  stop(): Promise<void>;
}

export class NotInstalledError extends Error {
  override readonly name = 'NotInstalledError';
}
