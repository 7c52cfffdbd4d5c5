/**
 * What a journal says of the world around the pool: who asked for what and when, how each lease
 * was really used, and how the agents came, went and failed. Decisions of the pool are not part of
 * it; they stand beside it as what happened. `number` is that of the event: inputs of the same
 * millisecond keep their order by it.
 */
import type { AgentSpec, Command } from '../../core/command.ts';
import type { PoolDump } from '../../core/dump.ts';
import type { Demand } from '../../core/event.ts';
import type { Priority } from '../../core/words.ts';
import type { RunFigures } from './meter.ts';

/** Something that a tenant did with its lease. `touch`: asked for it again before using it. */
export interface Step {
  readonly at: number;
  readonly number: number;
  readonly kind: 'active' | 'idle' | 'touch' | 'end';
}

/** One recorded lease, from its grant on. */
export interface Use {
  /** Its id in the recording. */
  readonly lease: string;
  readonly grantedAt: number;
  readonly steps: Step[];
  /** How long the agent took to accept each assignment, in ms; null where it never did. */
  readonly accepts: (number | null)[];
}

/** How a request ended. */
export interface Outcome {
  /** `reused`: by a lease that the tenant had. `waiting`: still in the queue at the end. */
  readonly outcome: 'granted' | 'reused' | 'refused' | 'expired' | 'cancelled' | 'waiting';
  /** Of a refusal. */
  readonly code?: string;
  readonly queued: boolean;
  /** Until it was served, or gave up. */
  readonly waitMs: number;
  readonly agents: readonly string[];
  /** Every agent had affinity with the tenant. */
  readonly warm: boolean;
}

export interface RecordedRequest {
  readonly number: number;
  readonly at: number;
  readonly tenant: string;
  readonly purpose: string;
  readonly priority: Priority;
  readonly demand: Demand;
  readonly lifetimeMs?: number;
  /** How long it would wait; only known of requests that were queued. Absent: as configured. */
  readonly patienceMs?: number;
  readonly near: readonly string[];
  /** False where the tenant held a lease that would have done and got another one. */
  readonly reuse: boolean;
  /** The ticket of a request that was in the queue already when the recording begins. */
  readonly ticket?: string;
  count: number;
  /** One for each lease; of a request that got none, how leases of its purpose were used. */
  uses: Use[];
  /** When the tenant left the queue. */
  cancelled?: { readonly at: number; readonly number: number };
  /** How long after the grant it was read; null: it never was. */
  claim?: { readonly afterMs: number; readonly number: number } | null;
  happened: Outcome;
}

/** A command that follows from the event `number`. */
export interface FleetInput {
  readonly at: number;
  readonly number: number;
  readonly command: Command;
}

/** A lease that is held when the recording begins. */
export interface HeldLease {
  readonly lease: string;
  readonly isActive: boolean;
  readonly tenant: string;
  readonly purpose: string;
  readonly priority: Priority;
  readonly demand: Demand;
  readonly use: Use;
}

export interface KnownAgent {
  readonly spec: AgentSpec;
  /** It was registered when the recording begins. */
  readonly isThere: boolean;
  /** It held a lease then. */
  readonly isUsed: boolean;
}

export interface Recording {
  /** The pool when the recording begins. */
  readonly start: PoolDump;
  /** ms since 1970; nothing at or after `to` is part of it. */
  readonly from: number;
  readonly to: number;
  readonly requests: readonly RecordedRequest[];
  readonly fleet: readonly FleetInput[];
  readonly held: readonly HeldLease[];
  /** Every agent that was ever registered, in the order in which they came. */
  readonly agents: readonly KnownAgent[];
  /** The most that were registered at once. */
  readonly peakAgents: number;
  /** By purpose; the last one where it changed. */
  readonly idleTimeouts: ReadonlyMap<string, number>;
  /** Purposes whose idle timeout changed in the recording. */
  readonly changedTimeouts: readonly string[];
  readonly events: number;
  /** Events before the recording are no longer kept: it begins at a snapshot. */
  readonly isCut: boolean;
  readonly figures: RunFigures;
}
