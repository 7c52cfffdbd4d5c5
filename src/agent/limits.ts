/** How much one agent takes on. Each limit stands beside its reason. */

const KIB = 1024;
export const MIB = 1024 * KIB;

export const LIMITS = {
  /** Those of the pool: an agent of a longer name could not be registered. */
  agentIdLength: 128,
  nameLength: 64,
  tenantLength: 128,
  leaseIdLength: 128,

  /** Each slot may hold a body and sixteen more behind it: 64 slots are a gigabyte at the worst. */
  slots: 64,
  /** Sixteen tasks of typical length wait for less time than a client is patient. */
  queuedPerSlot: 16,
  /** Reading a body of this size holds up a heartbeat by a few milliseconds only. */
  bodyBytes: MIB,
  /** Connections beyond those that wait or work; enough for clients that keep theirs open. */
  spareConnections: 1_024,
  /** A body that takes longer is not being sent by a program on this machine. */
  requestMs: 30_000,
  keepAliveMs: 60_000,
  /** Faults listed in one answer; the rest is only counted. */
  faults: 100,

  sentences: 100,
  /** Longer than any line that somebody would look for. */
  queryLength: 200,
  pathLength: 1_024,
  messages: 200,
  frequentWords: 20,

  /** A search ends within seconds on any tree: so many files, names, bytes of each file, hits. */
  searchFiles: 2_000,
  searchNames: 20_000,
  searchFileBytes: MIB,
  searchHits: 100,
  /** Of the line in which a hit stands. */
  excerptLength: 240,

  /** A task in a thread that takes longer is stuck, and its thread is given up. */
  threadTaskMs: 30_000,
  /** Text of a megabyte needs about a third of it. */
  threadHeapMb: 96,
  threadYoungMb: 8,

  /** A model on the same machine may take most of a minute. */
  chatMs: 60_000,
  chatAnswerBytes: MIB,

  heartbeatSecMin: 0.1,
  heartbeatSecMax: 3_600,
  /** A pool that is well answers in milliseconds. */
  heartbeatMs: 5_000,
  heartbeatAnswerBytes: 64 * KIB,
  /** The first wait after a heartbeat that failed; it doubles up to the interval. */
  firstRetryMs: 500,

  /** What runs may finish within this once the agent is to stop. */
  finishMs: 8_000,
  /** Answers that have been written get this long to leave. */
  flushMs: 1_000,
  /** One stop can arrive twice: from a terminal and from the pool that it told as well. */
  echoMs: 250,

  /** Log lines that nobody reads are dropped beyond this; the work must not wait for a reader. */
  logBacklogBytes: 64 * KIB,
} as const;
