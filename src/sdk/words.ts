/**
 * The words that both entries speak, in plain types, so that a user's compiler needs no other
 * package. `wire.ts` holds them to the schemas of the protocol.
 */

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };
export type Metadata = { readonly [key: string]: Json };

/** Quality of an agent, best first. */
export type Tier = 'premium' | 'standard' | 'lite';

/** Urgency of a request. */
export type Priority = 'low' | 'normal' | 'high' | 'critical';

/**
 * `allocated`: granted, the agent is connecting. `releasing`: the agent was asked to let go.
 * `allocated → active ⇄ idle → releasing → released`
 */
export type LeaseState = 'allocated' | 'active' | 'idle' | 'releasing' | 'released';

/** Why a lease ended. */
export type EndReason =
  | 'released'
  | 'idle_timeout'
  | 'reclaimed'
  | 'expired'
  | 'agent_lost'
  | 'agent_failed_to_accept'
  | 'drained'
  | 'scaled_down';

export type TicketState = 'queued' | 'granted' | 'expired' | 'cancelled';

/** One agent, granted to one tenant: what the pool last said of it. */
export interface LeaseInfo {
  readonly leaseId: string;
  readonly tenant: string;
  readonly agentId: string;
  readonly purpose: string;
  /** The tools that were asked for. */
  readonly tools: readonly string[];
  readonly state: LeaseState;
  /** The fencing token: it grows whenever the lease moves to another agent. */
  readonly token: number;
  /** The agent had served the tenant, and nobody else since. */
  readonly warm: boolean;
  readonly allocatedAt: Date;
  /** When its state was last reported. */
  readonly lastActivityAt: Date;
  /** How long it is kept while it is quiet. */
  readonly idleTimeoutSec: number;
  /** When it ends if nobody reports anything more. */
  readonly expiresAt: Date;
  /** Where the agent can be reached: its label `endpoint`. */
  readonly endpoint?: string;
  readonly metadata: Metadata;
  /** Why it ended. */
  readonly reason?: EndReason;
  readonly releasedAt?: Date;
}

/** A place in the queue. */
export interface TicketInfo {
  readonly ticketId: string;
  readonly tenant: string;
  readonly state: TicketState;
  /** 1 = next of those who wait for the same kind of agent; 0 once it has ended. */
  readonly position: number;
  /** An estimate of the wait that is left. */
  readonly etaSec: number;
  readonly queuedAt: Date;
  /** When it gives up. */
  readonly expiresAt: Date;
  readonly priority: Priority;
  readonly purpose: string;
  /** Agents wanted. */
  readonly count: number;
}

/** How a decision was made. */
export interface Explain {
  /** Agents looked at. */
  readonly considered: number;
  /** Agents that were free and fit. */
  readonly eligible: number;
  readonly chosen: string | null;
  readonly score: {
    readonly total: number;
    readonly health: number;
    readonly tier: number;
    readonly idle: number;
    readonly load: number;
  } | null;
  /** How many agents were passed over, by reason. */
  readonly rejected: { readonly [reason: string]: number | undefined };
}

/** An agent that the tenant could invite. */
export interface Invite {
  readonly agentId: string;
  readonly inviteUrl: string | null;
}

/** One fault of a request. */
export interface Fault {
  /** A JSON pointer into what was sent, in the words of the wire: `/min_tier`. */
  readonly path: string;
  readonly message: string;
}

/** An agent as a runner describes it. What is left out stays as it is registered. */
export interface AgentSpec {
  readonly agentId: string;
  /** Default `general`. */
  readonly specialization?: string;
  /** What the agent can do. */
  readonly tools?: readonly string[];
  /** Default `standard`. */
  readonly tier?: Tier;
  /** How many tenants it serves at once; default 1. */
  readonly slots?: number;
  /** In any unit; requests may set a limit. */
  readonly costPerHour?: number;
  /** The pool understands `host`, `endpoint` and `invite_url`. */
  readonly labels?: { readonly [name: string]: string };
  /** Never removed by the autoscaler. */
  readonly protected?: boolean;
  /** False: it begins without budget, and gets no work until `setBudget` gives it some. */
  readonly available?: boolean;
}
