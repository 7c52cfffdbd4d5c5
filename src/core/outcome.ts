/**
 * What a pool answers. An expected failure is a value with a permanent code and a retry class;
 * a bug is an assertion that throws. The two never mix.
 */
import type { ScalingSkip } from './autoscale.ts';
import type {
  AcceptLeaseCommand,
  AgentLostCommand,
  AgentStartingCommand,
  CancelTicketCommand,
  CheckFleetCommand,
  CheckHealthCommand,
  ClaimTicketCommand,
  Command,
  ConnectAgentsCommand,
  DisconnectAgentsCommand,
  DrainAgentCommand,
  HeartbeatCommand,
  LeaseCommand,
  RegisterCommand,
  RejectLeaseCommand,
  ReleaseCommand,
  ReportCommand,
  ResumeAgentCommand,
  RetireAgentCommand,
  SetBudgetCommand,
  SetMembershipCommand,
  StartFailedCommand,
  SwitchAutoscalerCommand,
  TickCommand,
  UpdateAgentCommand,
} from './command.ts';
import type { ScalingRecord } from './scaling.ts';
import type {
  EndReason,
  Health,
  Labels,
  LeaseState,
  Metadata,
  Phase,
  Priority,
  Rejection,
  TicketState,
  Tier,
} from './words.ts';

/** Every refusal, with whether the same request can succeed later without being changed. */
export const REFUSALS = {
  INVALID_REQUEST: { retryable: false },
  NOT_FOUND: { retryable: false },
  NO_SUCH_CAPABILITY: { retryable: false },
  AGENT_NOT_INSTALLED: { retryable: false },
  TENANT_AT_LIMIT: { retryable: true },
  AGENT_POOL_EXHAUSTED: { retryable: true },
  IDEMPOTENCY_MISMATCH: { retryable: false },
  LEASE_TOKEN_STALE: { retryable: false },
  INVALID_TRANSITION: { retryable: false },
  AGENT_EXISTS: { retryable: false },
} as const;
export type RefusalCode = keyof typeof REFUSALS;

export interface Refusal {
  readonly outcome: 'refused';
  readonly code: RefusalCode;
  /** A whole sentence for a person: what was wrong and what to do. */
  readonly detail: string;
  /** Where in the request, as JSON pointers. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly retryAfterMs?: number;
  /** With AGENT_NOT_INSTALLED: agents that the tenant could invite, best first. */
  readonly invites?: readonly { readonly agentId: string; readonly inviteUrl: string | null }[];
  readonly explain?: Explanation;
}

export interface LeaseView {
  readonly leaseId: string;
  readonly tenant: string;
  readonly agentId: string;
  readonly purpose: string;
  readonly tools: readonly string[];
  readonly state: LeaseState;
  readonly token: number;
  readonly warm: boolean;
  readonly allocatedAt: number;
  readonly lastActivityAt: number;
  readonly idleTimeoutMs: number;
  /** When the lease ends if nobody says anything more. */
  readonly expiresAt: number;
  readonly metadata: Metadata;
  /** Where the agent can be reached: its label `endpoint`. */
  readonly endpoint?: string;
  readonly reason?: EndReason;
  readonly releasedAt?: number;
}

export interface TicketView {
  readonly ticketId: string;
  readonly tenant: string;
  readonly state: TicketState;
  /** 1 = next of those who wait for the same kind of agent; 0 once the ticket has ended. */
  readonly position: number;
  readonly etaMs: number;
  readonly queuedAt: number;
  readonly expiresAt: number;
  readonly priority: Priority;
  readonly purpose: string;
  readonly count: number;
  readonly leases: readonly LeaseView[];
}

export interface AgentView {
  readonly agentId: string;
  readonly specialization: string;
  readonly tools: readonly string[];
  readonly tier: Tier;
  readonly slots: number;
  readonly usedSlots: number;
  readonly costPerHour: number;
  readonly labels: Labels;
  readonly protected: boolean;
  readonly phase: Phase;
  readonly health: Health;
  readonly load: number;
  readonly hasCredential: boolean;
  readonly registeredAt: number;
  readonly lastUsedAt: number;
  readonly lastHeartbeatAt: number;
  readonly leases24h: number;
  readonly leases: readonly string[];
  readonly memberships: readonly string[];
}

export interface Score {
  readonly total: number;
  readonly health: number;
  readonly tier: number;
  readonly idle: number;
  readonly load: number;
}

export interface Explanation {
  /** Agents looked at: all that are registered. */
  readonly considered: number;
  /** Agents that were free and fit. */
  readonly eligible: number;
  readonly chosen: string | null;
  readonly score: Score | null;
  readonly rejected: { readonly [reason in Rejection]?: number };
}

export interface Granted {
  readonly outcome: 'granted';
  readonly leases: readonly LeaseView[];
  /** The tenant held these leases already. */
  readonly reused: boolean;
  /** Every agent of the answer has affinity with the tenant. */
  readonly warm: boolean;
  /** How the first agent was found. */
  readonly how: 'reused' | 'affinity' | 'score' | 'reclaim' | 'near' | 'pack';
  readonly dryRun: boolean;
  /** The answer to an earlier request with the same idempotency key. */
  readonly repeated?: boolean;
  readonly explain?: Explanation;
}

export interface Queued {
  readonly outcome: 'queued';
  readonly ticket: TicketView;
  readonly dryRun: boolean;
  readonly repeated?: boolean;
  readonly explain?: Explanation;
}

export interface LeaseOutcome {
  readonly outcome: 'lease';
  readonly lease: LeaseView;
}
export interface TicketOutcome {
  readonly outcome: 'ticket';
  readonly ticket: TicketView;
}
export interface AgentOutcome {
  readonly outcome: 'agent';
  readonly agent: AgentView;
}
export interface RegisterOutcome {
  readonly outcome: 'registered';
  readonly registered: number;
  readonly unchanged: number;
}
export interface HeartbeatOutcome {
  readonly outcome: 'heartbeats';
  readonly accepted: number;
  readonly unknown: readonly string[];
}
export interface MembershipOutcome {
  readonly outcome: 'membership';
  readonly member: boolean;
}
export interface CheckOutcome {
  readonly outcome: 'checked';
  readonly degraded: number;
  readonly unhealthy: number;
}
export interface FleetOutcome {
  readonly outcome: 'fleet_checked';
  readonly enabled: boolean;
  readonly degraded: number;
  readonly unhealthy: number;
  readonly actions: readonly ScalingRecord[];
  readonly skipped: readonly ScalingSkip[];
}
export interface SwitchOutcome {
  readonly outcome: 'switched';
  readonly enabled: boolean;
}
export interface ConnectedOutcome {
  readonly outcome: 'connected';
  /** Those that the runner hosts now. */
  readonly agents: readonly string[];
  /** Those of them that are to leave. */
  readonly draining: readonly string[];
  /** The sealed credentials of those that have one. */
  readonly credentials: readonly (readonly [agentId: string, sealed: string])[];
  readonly refused: readonly {
    readonly agentId: string;
    readonly code: RefusalCode;
    readonly detail: string;
  }[];
}
export interface DisconnectedOutcome {
  readonly outcome: 'disconnected';
  /** How many agents are away since. */
  readonly agents: number;
}
export interface TickOutcome {
  readonly outcome: 'ticked';
}

interface Outcomes {
  lease: [LeaseCommand, Granted | Queued];
  report: [ReportCommand, LeaseOutcome];
  release: [ReleaseCommand, LeaseOutcome];
  cancel_ticket: [CancelTicketCommand, TicketOutcome];
  claim_ticket: [ClaimTicketCommand, TicketOutcome];
  register: [RegisterCommand, RegisterOutcome];
  update_agent: [UpdateAgentCommand, AgentOutcome];
  retire_agent: [RetireAgentCommand, AgentOutcome];
  drain_agent: [DrainAgentCommand, AgentOutcome];
  resume_agent: [ResumeAgentCommand, AgentOutcome];
  heartbeat: [HeartbeatCommand, HeartbeatOutcome];
  set_membership: [SetMembershipCommand, MembershipOutcome];
  check_health: [CheckHealthCommand, CheckOutcome];
  check_fleet: [CheckFleetCommand, FleetOutcome];
  agent_lost: [AgentLostCommand, AgentOutcome];
  agent_starting: [AgentStartingCommand, AgentOutcome];
  start_failed: [StartFailedCommand, AgentOutcome];
  connect_agents: [ConnectAgentsCommand, ConnectedOutcome];
  disconnect_agents: [DisconnectAgentsCommand, DisconnectedOutcome];
  accept_lease: [AcceptLeaseCommand, LeaseOutcome];
  reject_lease: [RejectLeaseCommand, LeaseOutcome];
  set_budget: [SetBudgetCommand, AgentOutcome];
  switch_autoscaler: [SwitchAutoscalerCommand, SwitchOutcome];
  tick: [TickCommand, TickOutcome];
}

/** What a command of this type can be answered with. */
export type OutcomeOf<C extends Command> = Outcomes[C['type']][1] | Refusal;
export type Outcome = OutcomeOf<Command>;
