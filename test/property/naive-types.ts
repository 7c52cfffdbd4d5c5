/** What the naive pool is made of: plain objects that name each other. */
import type * as C from '../../src/core/command.ts';
import type * as O from '../../src/core/outcome.ts';
import type * as words from '../../src/core/words.ts';

export type Find = { agent: Agent; how: O.Granted['how'] };
export type Demand = Pick<
  C.LeaseCommand,
  'specialization' | 'tools' | 'minTier' | 'maxCostPerHour'
>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface Agent extends Mutable<Omit<C.AgentSpec, 'memberships'>> {
  row: number;
  gone: boolean;
  members: string[];
  health: words.Health;
  offline: boolean;
  declared: boolean;
  draining: boolean;
  retiring: boolean;
  registeredAt: number;
  lastUsedAt: number;
  lastUse: number;
  heartbeatAt: number;
  misses: number;
  reported: number | undefined;
  grants: number[];
}

export interface Lease {
  id: string;
  number: number;
  token: number;
  tenant: string;
  agent: Agent;
  demand: Demand;
  purpose: string;
  priority: number;
  metadata: words.Metadata;
  warm: boolean;
  state: words.LeaseState;
  idleTimeoutMs: number;
  allocatedAt: number;
  activityAt: number;
  activity: number;
  endsAt: number;
  lookAt: number;
  reason?: words.EndReason;
  endedAt: number;
}

export interface Ticket {
  number: number;
  command: C.LeaseCommand;
  tenant: string;
  demand: Demand;
  lane: string;
  purpose: string;
  priority: number;
  rank: number;
  count: number;
  queuedAt: number;
  expiresAt: number;
  state: words.TicketState;
  leases: Lease[];
  dueAt: number;
}

export interface Wish {
  demand: Demand;
  tenant: string;
  count: number;
  hosts: string[];
  withheld: (agent: Agent) => boolean;
}

export const hostOf = (agent: C.AgentSpec | Agent) => agent.labels.host ?? '';
/** What a request asks of an agent, spelled the same way for equal requests. */
export const demandOf = ({
  specialization,
  tools = [],
  minTier,
  maxCostPerHour,
}: Demand): Demand => ({
  specialization,
  tools: sortedTools(tools),
  minTier,
  maxCostPerHour,
});
export const sortedTools = (tools: readonly string[]) => [...new Set(tools)].sort();
