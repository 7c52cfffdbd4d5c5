/// <reference lib="esnext.disposable" preserve="true" />
/** What users of `remuda/client` see. */
import type { RemudaError } from '../errors.ts';
import type { WebSocketClass } from '../net/socket.ts';
import type {
  EndReason,
  Explain,
  LeaseInfo,
  LeaseState,
  Metadata,
  Priority,
  TicketInfo,
  Tier,
} from '../words.ts';

export interface ConnectOptions {
  /** A key of the pool, where it asks for keys. */
  readonly apiKey?: string;
  /**
   * `auto` (default): the socket, or HTTP where a socket cannot be had. Over HTTP `lost` and
   * `replaced` are noticed by asking, every `pollSec`.
   */
  readonly transport?: 'auto' | 'socket' | 'http';
  /** Gives up connecting. Does not close a pool that is connected. */
  readonly signal?: AbortSignal;
  /** How long a call is tried again while the pool cannot be reached or is not ready; default 30. */
  readonly retryForSec?: number;
  /** Over HTTP: how often a lease is looked at; default 10. */
  readonly pollSec?: number;
  /** After this long without a word from the pool it is asked for one; default 20. */
  readonly keepAliveSec?: number;
  /** In place of the global `WebSocket`. */
  readonly webSocket?: WebSocketClass;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/** What a tenant needs. */
export interface RequestFields {
  /** Who asks: any text of 1 to 128 characters, such as the id of a Discord guild. */
  readonly tenant: string;
  /** Only an agent that has all of these is granted. */
  readonly tools?: readonly string[];
  /** What the lease is for; it selects the idle timeout. Default `general`. */
  readonly purpose?: string;
  /** Default `normal`. */
  readonly priority?: Priority;
  readonly specialization?: string;
  readonly minTier?: Tier;
  /** Ids of leases to sit beside, if that is possible. */
  readonly agentsNear?: readonly string[];
  readonly maxCostPerHour?: number;
  /** The lease ends this long after its grant, whatever it is doing. */
  readonly lifetimeSec?: number;
  /** Wait in the queue when no agent is free; default true. */
  readonly queue?: boolean;
  /** How long to wait in the queue; the pool's own patience unless given. */
  readonly queueTimeoutSec?: number;
  /** A lease that the tenant has already, and that fits, is the answer; default true. */
  readonly reuse?: boolean;
  /** Say how the decision was made, in `lease.explain`. */
  readonly explain?: boolean;
  /** Kept with the lease and given back with it; at most 4 KiB as JSON. */
  readonly metadata?: Metadata;
}

export interface LeaseRequest extends RequestFields {
  /** Takes the request back: it leaves the queue, and an agent granted meanwhile is released. */
  readonly signal?: AbortSignal;
  /** Told when the request has to wait, and again when its place has changed. */
  readonly onQueued?: (ticket: TicketInfo) => void;
  /** The same key and request get the same answer for 24 hours. Made by itself unless given. */
  readonly idempotencyKey?: string;
}

export interface GroupRequest extends LeaseRequest {
  /** Agents wanted, all or nothing. */
  readonly count: number;
}

export interface PreviewRequest extends RequestFields {
  readonly count?: number;
  readonly signal?: AbortSignal;
}

/** What would happen now. Ids are empty and tokens 0. */
export type Preview =
  | {
      readonly outcome: 'granted';
      readonly leases: readonly LeaseInfo[];
      /** The tenant holds these leases already. */
      readonly reused: boolean;
      readonly warm: boolean;
      readonly explain?: Explain;
    }
  | { readonly outcome: 'queued'; readonly ticket: TicketInfo; readonly explain?: Explain };

export interface LeaseFilter {
  readonly tenant?: string;
  readonly agentId?: string;
  readonly state?: LeaseState;
  /** How many a page has; default 100, at most 1,000. */
  readonly limit?: number;
  /** `nextCursor` of an earlier page. */
  readonly cursor?: string;
}

export interface CallOptions {
  /** Stops waiting for the answer. The call itself may have been carried out. */
  readonly signal?: AbortSignal;
}

export interface LeaseEvents {
  /** It goes on with another agent, under a new token. */
  replaced: (lease: Lease, previous: { readonly agentId: string; readonly token: number }) => void;
  /** It has ended, and not by `release()`. */
  lost: (lease: Lease, reason: EndReason | undefined) => void;
  /** Its state is another one, as far as this client has learned. */
  state: (lease: Lease, previous: LeaseState) => void;
}

/** An agent that the tenant has. The fields are kept up to date. */
export interface Lease extends LeaseInfo, AsyncDisposable {
  /** How the decision was made, where the request asked. */
  readonly explain?: Explain;
  /** Aborted when the lease is lost or released, with a LeaseEndedError. */
  readonly signal: AbortSignal;
  /** Reports that the agent works. Reporting it again renews the lease. */
  active(options?: CallOptions): Promise<void>;
  /** Reports that the agent is connected and does nothing. */
  idle(options?: CallOptions): Promise<void>;
  /** Gives the agent back. Repeating it does nothing. */
  release(): Promise<void>;
  /** Returns a function that ends the subscription. `lost` is told even if it happened before. */
  on<E extends keyof LeaseEvents>(event: E, listener: LeaseEvents[E]): () => void;
}

export interface Pool extends AsyncDisposable {
  /** How the pool is reached now; null while it cannot be. */
  readonly transport: 'socket' | 'http' | null;
  /** Why the pool cannot be reached now. */
  readonly trouble: RemudaError | null;
  /** Resolves when an agent is granted, also after a wait in the queue. */
  lease(request: LeaseRequest): Promise<Lease>;
  /** Several agents at once, or none. */
  leaseGroup(request: GroupRequest): Promise<Lease[]>;
  /** What would happen now; nothing changes. */
  preview(request: PreviewRequest): Promise<Preview>;
  /** A lease by its id; from then on it is kept up to date. */
  getLease(leaseId: string, options?: CallOptions): Promise<Lease>;
  /** All leases that fit, page by page, as they were when they were read. */
  leases(filter?: LeaseFilter, options?: CallOptions): AsyncIterableIterator<LeaseInfo>;
  /**
   * Ends the connection. Requests that wait are taken back. Leases stay with their tenants until
   * they are released or time out.
   */
  close(): Promise<void>;
}
