/**
 * Between the camelCase of the SDK and the snake_case of the wire: the only place that knows both.
 * The types come from the protocol's schemas; test/sdk/words.test.ts holds the SDK's own types to
 * them.
 */
import type { HostedAgent } from '../protocol/agent-frames.ts';
import type { ClientCall, ClientPush } from '../protocol/client-frames.ts';
import type {
  Granted,
  LeasePage,
  Queued,
  Lease as WireLease,
  LeaseFilter as WireLeaseFilter,
  LeaseRequest as WireLeaseRequest,
  Ticket as WireTicket,
} from '../protocol/lease-schemas.ts';
import type { LeaseFilter, RequestFields } from './client/types.ts';
import type { AgentSpec, LeaseInfo, TicketInfo } from './words.ts';

export type { PoolFrame, RunnerFrame } from '../protocol/agent-frames.ts';
export type { ClientPush, WireLease, WireTicket };

/** What was to be watched and does not exist. Over HTTP nothing is watched. */
export interface WatchAnswer {
  readonly missing?: readonly string[];
}

/** The calls of the client protocol, each with what a good answer carries. */
interface Answers {
  lease: Granted | Queued;
  'lease.list': LeasePage;
  'lease.get': WireLease;
  'lease.state': WireLease;
  release: WireLease;
  'ticket.get': WireTicket;
  'ticket.cancel': WireTicket;
  watch: WatchAnswer;
  auth: unknown;
}
type WithoutId<C> = C extends unknown ? Omit<C, 'id'> : never;
/** A call before it has its number. */
export type Call = WithoutId<ClientCall>;
export type CallOf<N extends Call['call']> = Extract<Call, { call: N }>;
export type AnswerOf<C extends Call> = Answers[C['call']];

type CamelKey<K> = K extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelKey<Tail>>}`
  : K;
/** The fields of a wire object under the SDK's names; times become dates. Not deep. */
type Camel<T> = { [K in keyof T as CamelKey<K>]: K extends `${string}_at` ? Date : T[K] };

type SnakeKey<K> = K extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeKey<Tail>}`
  : K;
type Snake<T> = { [K in keyof T as SnakeKey<K>]: T[K] };

/** A copy under the SDK's names. What lies deeper stays as it is: metadata and labels are the user's. */
export function camel<T extends object>(wire: T): Camel<T> {
  const entries = Object.entries(wire).map(([key, value]) => [
    key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    key.endsWith('_at') ? new Date(value as string) : value,
  ]);
  return Object.fromEntries(entries) as Camel<T>;
}

/** The opposite. A name that the SDK does not know goes along, so that the pool can refuse it. */
export function snake<T extends object>(fields: T): Snake<T> {
  const entries = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), value]);
  return Object.fromEntries(entries) as Snake<T>;
}

export function leaseInfo(wire: WireLease): LeaseInfo {
  return camel(wire);
}

/** Without the leases: they come as leases of their own. */
export function ticketInfo({ leases: _, ...wire }: WireTicket): TicketInfo {
  return camel(wire);
}

export function leaseRequest(
  fields: RequestFields & { readonly count?: number },
): WireLeaseRequest {
  // The schema's arrays are not declared readonly; nothing writes to them.
  return snake(fields) as WireLeaseRequest;
}

export function leaseFilter(filter: LeaseFilter): WireLeaseFilter {
  return snake(filter);
}

export function hostedAgent(spec: AgentSpec): HostedAgent {
  return snake(spec) as HostedAgent;
}
