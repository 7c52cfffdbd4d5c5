/**
 * What the host needs from the world: a journal and a clock. Adapters implement these;
 * `exerciseJournal` (test/contract) holds every journal to the same behaviour.
 */

/**
 * Consecutive events, written and read as a unit. Events are numbered from 1 without gaps, so a
 * batch holds the events `first` … `first + count - 1`.
 */
export interface Batch {
  readonly first: number;
  readonly count: number;
  /** The writer's epoch; it never falls from one batch to the next. */
  readonly epoch: number;
  /** When the batch was written, ms since 1970. */
  readonly at: number;
  /** The encoded events (src/host/codec.ts). The journal does not look inside. */
  readonly payload: Uint8Array;
}

export interface Snapshot {
  /** The number of the last event that the snapshot includes. */
  readonly lastEvent: number;
  /** The encoded state (src/host/codec.ts). The journal does not look inside. */
  readonly chunks: readonly Uint8Array[];
}

export type JournalFault =
  /** Another writer holds the journal, or has appended since: step down at once. */
  | 'fenced'
  /** No room left. Nothing of the batch was kept. */
  | 'full'
  /** Not writable: permissions, read-only file system. */
  | 'readonly'
  /** Stored bytes are not what was written. Refuse to start; a person must look. */
  | 'corrupt'
  /** Anything else: the disk, the network. */
  | 'io';

/** `message` says what happened, where, and what to do; it is shown to the operator as it is. */
export class JournalError extends Error {
  readonly fault: JournalFault;
  constructor(fault: JournalFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
    this.fault = fault;
  }
}

/** Reading needs no lock and may go on beside a writer, also in another thread or process. */
export interface JournalReader {
  /** The number of the last durable event, 0 for an empty journal. */
  lastEvent(): Promise<number>;
  /**
   * Batches from the one that holds event `from` on, in order, up to the newest durable one.
   * Throws JournalError `corrupt` at the first batch that fails its checksum or leaves a gap,
   * also when `from` is older than what is kept.
   */
  read(from: number): AsyncIterable<Batch>;
  /** The newest snapshot that passes its checks, or null. An unreadable one is passed over. */
  loadSnapshot(): Promise<Snapshot | null>;
  /** Durable once resolved. The newest two are kept; batches that no kept snapshot needs may go. */
  saveSnapshot(snapshot: Snapshot): Promise<void>;
  close(): Promise<void>;
}

export interface Journal extends JournalReader {
  /** Where it is, for messages; without credentials. */
  readonly name: string;
  /** Become the writer under a new epoch, repairing a torn tail. `fenced` if another one writes. */
  open(): Promise<{ epoch: number; lastEvent: number }>;
  /**
   * Resolves once the batch is durable: whole, or not at all when it throws. `fenced` when the
   * journal's last event is not `batch.first - 1` or when its epoch is newer than the batch's.
   */
  append(batch: Batch): Promise<void>;
  /** Throws what `append` would throw now for want of room or permission; leaves nothing behind. */
  probe(): Promise<void>;
}

export interface Clock {
  /** Milliseconds since 1970. Never goes back within a process. */
  now(): number;
  /** Calls `wake` once, not before `at`. Returns a function that takes it back. */
  wakeAt(at: number, wake: () => void): () => void;
}
