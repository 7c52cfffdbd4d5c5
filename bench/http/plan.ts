/** What the load process is told and what it answers; both cross a process boundary. */

export interface Plan {
  readonly port: number;
  readonly connections: number;
  /** Agents `agent-0` … are registered. */
  readonly agents: number;
  /** Tenants that ask, each for one agent at a time. */
  readonly tenants: number;
  /** Leases a second, each released later. */
  readonly pairsPerSec: number;
  /** Agents heard of each second, in calls of `heartbeatBatch`. */
  readonly heartbeatsPerSec: number;
  readonly heartbeatBatch: number;
  /** A lease is held for a time that is even between these. */
  readonly holdMs: readonly [least: number, most: number];
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly seed: number;
}

export const OPERATIONS = ['lease', 'release', 'heartbeats'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface OperationResult {
  /** Latencies in ms from the intended moment, in order of that moment. */
  readonly ms: Float64Array;
  readonly errors: number;
}

export interface HeldLease {
  readonly lease: string;
  readonly agent: string;
  readonly token: number;
}

export interface LoadResult {
  readonly operations: Record<Operation, OperationResult>;
  /** Some of what went wrong, in words. */
  readonly complaints: readonly string[];
  /** Granted and not asked to be released. */
  readonly held: readonly HeldLease[];
  /** Asked to be released, without an answer. */
  readonly unsure: readonly string[];
  readonly granted: number;
  readonly released: number;
  /** The most that were held at once. */
  readonly mostHeld: number;
  /** Agents that were granted while another tenant still held them. */
  readonly doubleGrants: number;
  /** Of this process while it measured. */
  readonly cpuSec: number;
  readonly wallSec: number;
}
