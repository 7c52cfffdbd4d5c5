/**
 * What one can ask of a pool. Commands arrive validated (src/protocol checks shapes and limits);
 * a command that names something unknown is refused as a value, never thrown.
 * Times and durations are in milliseconds.
 */
import type { ScalingPolicy } from './autoscale.ts';
import type { Health, Labels, Metadata, Priority, Tier } from './words.ts';

export interface LeaseCommand {
  readonly type: 'lease';
  readonly tenant: string;
  readonly tools?: readonly string[];
  readonly purpose?: string;
  readonly priority?: Priority;
  readonly specialization?: string;
  readonly minTier?: Tier;
  /** Agents wanted, all or nothing. */
  readonly count?: number;
  /** Lease ids whose hosts are preferred. */
  readonly near?: readonly string[];
  readonly maxCostPerHour?: number;
  /** The lease ends this long after its grant, whatever it is doing. */
  readonly lifetimeMs?: number;
  readonly queue?: boolean;
  readonly queueTimeoutMs?: number;
  readonly reuse?: boolean;
  /** Decide and answer, change nothing. */
  readonly dryRun?: boolean;
  readonly explain?: boolean;
  readonly metadata?: Metadata;
  /** The same key with the same fingerprint of the body gets the same answer for 24 h. */
  readonly idempotencyKey?: string;
  readonly fingerprint?: string;
}

/** `token` is required: the fence against a holder that slept through its lease's end. */
export interface ReportCommand {
  readonly type: 'report';
  readonly lease: string;
  readonly state: 'active' | 'idle';
  readonly token: number;
}

export interface ReleaseCommand {
  readonly type: 'release';
  readonly lease: string;
  /** Checked when given. */
  readonly token?: number;
}

export interface CancelTicketCommand {
  readonly type: 'cancel_ticket';
  readonly ticket: string;
}

/** Somebody read the ticket's grant, so its leases are no longer taken back as unclaimed. */
export interface ClaimTicketCommand {
  readonly type: 'claim_ticket';
  readonly ticket: string;
}

export interface AgentSpec {
  readonly agentId: string;
  readonly specialization: string;
  readonly tools: readonly string[];
  readonly tier: Tier;
  readonly slots: number;
  readonly costPerHour: number;
  readonly labels: Labels;
  readonly protected: boolean;
  /** Already sealed by the edge; the core only keeps it. */
  readonly credential?: string;
  readonly memberships: readonly string[];
  /** Started and stopped by this pool: it is `starting` until its first heartbeat. */
  readonly managed?: boolean;
}

/** All or nothing. An agent that is registered already with the same words counts as unchanged. */
export interface RegisterCommand {
  readonly type: 'register';
  readonly agents: readonly AgentSpec[];
}

export interface UpdateAgentCommand {
  readonly type: 'update_agent';
  readonly agent: string;
  readonly changes: Partial<
    Pick<
      AgentSpec,
      'tools' | 'tier' | 'slots' | 'costPerHour' | 'labels' | 'protected' | 'credential'
    >
  >;
}

/** Drains, then removes. With `force` its leases end at once. */
export interface RetireAgentCommand {
  readonly type: 'retire_agent';
  readonly agent: string;
  readonly force?: boolean;
}

export interface DrainAgentCommand {
  readonly type: 'drain_agent';
  readonly agent: string;
}

export interface ResumeAgentCommand {
  readonly type: 'resume_agent';
  readonly agent: string;
}

/** Signals, not facts: never journaled, only the transitions they cause. */
export interface HeartbeatCommand {
  readonly type: 'heartbeat';
  /** Agent id and its load, 0…1. */
  readonly agents: readonly (readonly [agentId: string, load?: number])[];
  /** Health as the agent sees itself; applies to every agent of the command. */
  readonly health?: Health;
}

export interface SetMembershipCommand {
  readonly type: 'set_membership';
  readonly agent: string;
  readonly tenant: string;
  readonly member: boolean;
}

/** Count misses of heartbeats once; the host sends it every `health.checkIntervalMs`. */
export interface CheckHealthCommand {
  readonly type: 'check_health';
}

/** One kind of agent that this pool can start. */
export interface FleetKind {
  readonly name: string;
  /** Agents are called this, with `_1`, `_2` … behind it. */
  readonly agentName: string;
  readonly tools: readonly string[];
  readonly slots: number;
  readonly min: number;
  readonly max: number;
  /** Free ports for new agents, the lowest first. */
  readonly ports: readonly number[];
  /** Why none can be started now, or null. */
  readonly blocked: string | null;
}

/** One check of the agents that this pool manages: silence, then the autoscaler. */
export interface CheckFleetCommand {
  readonly type: 'check_fleet';
  /** Count misses of heartbeats, of all agents, as `check_health` does. */
  readonly countMisses: boolean;
  /** Only put others in the place of lost agents. */
  readonly onlyReplace: boolean;
  /** Unless somebody has used the switch. */
  readonly enabled: boolean;
  readonly policy: ScalingPolicy;
  readonly kinds: readonly FleetKind[];
}

/** The process of an agent has ended though nobody asked for it. */
export interface AgentLostCommand {
  readonly type: 'agent_lost';
  readonly agent: string;
  /** For a person: `Process exited: signal SIGKILL`. */
  readonly because: string;
}

/** A process of a registered agent is about to be started. */
export interface AgentStartingCommand {
  readonly type: 'agent_starting';
  readonly agent: string;
}

/** It could not be started, or was not heard of in time. */
export interface StartFailedCommand {
  readonly type: 'start_failed';
  readonly agent: string;
  readonly because: string;
}

export interface SwitchAutoscalerCommand {
  readonly type: 'switch_autoscaler';
  readonly enabled: boolean;
}

/** What is absent stays as it is registered, or gets its default where the agent is new. */
export type HostedAgentSpec = Pick<AgentSpec, 'agentId'> &
  Partial<Omit<AgentSpec, 'agentId' | 'credential' | 'memberships' | 'managed'>> & {
    /** False: it gets no new work until its budget is said to be there. */
    readonly available?: boolean;
  };

/**
 * A runner hosts these agents over its socket. Whoever sends this has made sure that no other
 * runner that is alive hosts them.
 */
export interface ConnectAgentsCommand {
  readonly type: 'connect_agents';
  readonly runner: string;
  readonly agents: readonly HostedAgentSpec[];
}

/** The socket has ended. Without `agents`: all sockets, as after a start of the pool. */
export interface DisconnectAgentsCommand {
  readonly type: 'disconnect_agents';
  readonly agents?: readonly string[];
}

export interface AcceptLeaseCommand {
  readonly type: 'accept_lease';
  readonly lease: string;
  readonly token: number;
}

export interface RejectLeaseCommand {
  readonly type: 'reject_lease';
  readonly lease: string;
  readonly token: number;
}

/** Whether the platform behind an agent lets it take new work. */
export interface SetBudgetCommand {
  readonly type: 'set_budget';
  readonly agent: string;
  readonly available: boolean;
}

/** Carry out what is due: timeouts, expiries, reclaims for those who wait. */
export interface TickCommand {
  readonly type: 'tick';
}

export type Command =
  | LeaseCommand
  | ReportCommand
  | ReleaseCommand
  | CancelTicketCommand
  | ClaimTicketCommand
  | RegisterCommand
  | UpdateAgentCommand
  | RetireAgentCommand
  | DrainAgentCommand
  | ResumeAgentCommand
  | HeartbeatCommand
  | SetMembershipCommand
  | CheckHealthCommand
  | CheckFleetCommand
  | AgentLostCommand
  | AgentStartingCommand
  | StartFailedCommand
  | SwitchAutoscalerCommand
  | ConnectAgentsCommand
  | DisconnectAgentsCommand
  | AcceptLeaseCommand
  | RejectLeaseCommand
  | SetBudgetCommand
  | TickCommand;
