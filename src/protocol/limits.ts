/**
 * How large anything on the wire may be. Each limit keeps one request from costing more than a
 * fair share of memory or of the writer's time; the schemas, the parser and the docs read them here.
 */

export const KIB = 1024;
export const MIB = 1024 * KIB;
const DAY_SEC = 86_400;

export const LIMITS = {
  tenantLength: 128,
  agentIdLength: 128,
  /** Lease and ticket ids are made by the pool; a longer one cannot be one of ours. */
  madeIdLength: 128,
  nameLength: 64,
  tools: 64,
  labels: 64,
  labelKeyLength: 64,
  labelValueLength: 256,
  near: 64,
  slots: 1_000,
  count: 1_000,
  waitSec: 60,
  queueTimeoutSec: DAY_SEC,
  lifetimeSec: 30 * DAY_SEC,
  costPerHour: 1_000_000,
  agentsPerCall: 10_000,
  membershipsPerAgent: 10_000,
  metadataBytes: 4 * KIB,
  /** Deeper nesting would only serve to exhaust the stack of whoever reads it recursively. */
  metadataDepth: 32,
  credentialLength: 4 * KIB,
  idempotencyKeyLength: 255,
  pageItems: 1_000,
  pageItemsDefault: 100,
  /** Faults listed in one answer; the rest is only counted. */
  faults: 100,
  bodyBytes: MIB,
  heartbeatBodyBytes: 2 * MIB,
  registrationBodyBytes: 8 * MIB,
  agentFrameBytes: 64 * KIB,
  agentsPerSocket: 1_000,
  membershipsPerFrame: 1_000,
  clientFrameBytes: MIB,
  callsPerFrame: 1_000,
} as const;
