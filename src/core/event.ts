/**
 * Facts, in the past tense. Events are the journal's only content and the only way that durable
 * state changes; replaying them decides nothing, so a journal written under last year's policy
 * still means the same today. Ids are spelled out: an event can be read on its own.
 * `at` is in milliseconds since 1970, set by the command that caused the event.
 */
import type {
  EndReason,
  Health,
  Json,
  Labels,
  Metadata,
  Priority,
  ScalingKind,
  Tier,
} from './words.ts';

/** What a request demands of an agent; absent = anything will do. */
export interface Demand {
  readonly specialization?: string;
  readonly tools?: readonly string[];
  readonly minTier?: Tier;
  readonly maxCostPerHour?: number;
}

export interface AgentRegistered {
  readonly type: 'agent_registered';
  readonly at: number;
  readonly agent: string;
  readonly specialization: string;
  readonly tools: readonly string[];
  readonly tier: Tier;
  readonly slots: number;
  readonly costPerHour: number;
  readonly labels: Labels;
  readonly protected: boolean;
  readonly credential?: string;
  /** Its process is started and stopped by this pool; it is starting now. */
  readonly managed?: boolean;
}
export interface AgentUpdated {
  readonly type: 'agent_updated';
  readonly at: number;
  readonly agent: string;
  readonly tools?: readonly string[];
  readonly tier?: Tier;
  readonly slots?: number;
  readonly costPerHour?: number;
  readonly labels?: Labels;
  readonly protected?: boolean;
  readonly credential?: string;
}
/** No new leases; `retiring` = it leaves once the last lease has ended. */
export interface AgentDraining {
  readonly type: 'agent_draining';
  readonly at: number;
  readonly agent: string;
  readonly retiring: boolean;
}
export interface AgentResumed {
  readonly type: 'agent_resumed';
  readonly at: number;
  readonly agent: string;
}
export interface AgentRetired {
  readonly type: 'agent_retired';
  readonly at: number;
  readonly agent: string;
}
/** A process of an agent that this pool manages is started again. */
export interface AgentStarting {
  readonly type: 'agent_starting';
  readonly at: number;
  readonly agent: string;
}
/** The first heartbeat since its process was started. */
export interface AgentStarted {
  readonly type: 'agent_started';
  readonly at: number;
  readonly agent: string;
}
/** A runner hosts these agents since now. */
export interface AgentsConnected {
  readonly type: 'agents_connected';
  readonly at: number;
  readonly runner: string;
  readonly agents: readonly string[];
}
/** The connection to their runner has ended; absent = all agents that runners host. */
export interface AgentsDisconnected {
  readonly type: 'agents_disconnected';
  readonly at: number;
  readonly agents?: readonly string[];
}
/** The platform behind the agent lets it take new work, or no more. */
export interface AgentBudgetChanged {
  readonly type: 'agent_budget_changed';
  readonly at: number;
  readonly agent: string;
  readonly available: boolean;
}
/** Judged by its silence, by its own word, by a heartbeat that ends the silence, by the end of its
 *  process, by a runner that stays away, or by a lease that it did not accept. */
export type HealthCause = 'silence' | 'report' | 'heartbeat' | 'exit' | 'disconnect' | 'accept';
/** An agent that is unhealthy by silence, by the end of its process or because its runner stays
 *  away is offline. */
export interface AgentHealthChanged {
  readonly type: 'agent_health_changed';
  readonly at: number;
  readonly agent: string;
  readonly health: Health;
  readonly cause: HealthCause;
}
export interface MembershipChanged {
  readonly type: 'membership_changed';
  readonly at: number;
  readonly agent: string;
  readonly tenant: string;
  readonly member: boolean;
}
export interface LeaseGranted {
  readonly type: 'lease_granted';
  readonly at: number;
  readonly lease: string;
  readonly tenant: string;
  readonly agent: string;
  readonly token: number;
  readonly purpose: string;
  readonly priority: Priority;
  readonly warm: boolean;
  readonly idleTimeoutMs: number;
  /** When the lifetime ends; absent = no lifetime. */
  readonly endsAt?: number;
  readonly demand?: Demand;
  readonly metadata?: Metadata;
  /** The ticket that this grant answers. */
  readonly ticket?: string;
}
export interface LeaseReported {
  readonly type: 'lease_reported';
  readonly at: number;
  readonly lease: string;
  readonly state: 'allocated' | 'active' | 'idle';
}
/** The agent takes the lease that it was assigned over its runner's socket. */
export interface LeaseAccepted {
  readonly type: 'lease_accepted';
  readonly at: number;
  readonly lease: string;
}
/** The lease goes on with another agent, under a new token. */
export interface LeaseMoved {
  readonly type: 'lease_moved';
  readonly at: number;
  readonly lease: string;
  readonly agent: string;
  readonly token: number;
  readonly warm: boolean;
}
export interface LeaseEnded {
  readonly type: 'lease_ended';
  readonly at: number;
  readonly lease: string;
  readonly reason: EndReason;
}
export interface TicketQueued {
  readonly type: 'ticket_queued';
  readonly at: number;
  readonly ticket: string;
  readonly tenant: string;
  readonly purpose: string;
  readonly priority: Priority;
  readonly count: number;
  readonly expiresAt: number;
  readonly demand?: Demand;
  readonly lifetimeMs?: number;
  readonly near?: readonly string[];
  readonly metadata?: Metadata;
}
export interface TicketEnded {
  readonly type: 'ticket_ended';
  readonly at: number;
  readonly ticket: string;
  readonly state: 'granted' | 'expired' | 'cancelled';
}
export interface TicketClaimed {
  readonly type: 'ticket_claimed';
  readonly at: number;
  readonly ticket: string;
}
/** The answer to a request with an idempotency key; the leases or the ticket precede it. */
export interface AnswerKept {
  readonly type: 'answer_kept';
  readonly at: number;
  readonly key: string;
  readonly fingerprint: string;
  /** The outcome as it was answered, so that a repetition gets the same words. */
  readonly answer: Json;
}

/** What the autoscaler did, and why. */
export interface ScalingRecorded {
  readonly type: 'scaling_recorded';
  readonly at: number;
  readonly kind: ScalingKind;
  readonly specialization: string;
  readonly reason: string;
  readonly agent: string;
  /** With `replace_unhealthy`: in whose place. */
  readonly replaces?: string;
}
export interface ScalingSwitched {
  readonly type: 'scaling_switched';
  readonly at: number;
  readonly enabled: boolean;
}

export type Event =
  | AgentRegistered
  | AgentUpdated
  | AgentDraining
  | AgentResumed
  | AgentRetired
  | AgentStarting
  | AgentStarted
  | AgentsConnected
  | AgentsDisconnected
  | AgentBudgetChanged
  | AgentHealthChanged
  | MembershipChanged
  | LeaseGranted
  | LeaseAccepted
  | LeaseReported
  | LeaseMoved
  | LeaseEnded
  | TicketQueued
  | TicketEnded
  | TicketClaimed
  | AnswerKept
  | ScalingRecorded
  | ScalingSwitched;
