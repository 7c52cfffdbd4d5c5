/** Leases and tickets on the wire. */
import { type Static, Type } from 'typebox';
import { REJECTIONS } from '../core/words.ts';
import {
  AgentId,
  Cursor,
  EndReason,
  LeaseId,
  LeaseState,
  Limit,
  Metadata,
  nullable,
  Priority,
  Purpose,
  page,
  Specialization,
  strict,
  TenantId,
  TicketId,
  TicketState,
  Tier,
  Token,
  Tool,
  time,
} from './fields.ts';
import { LIMITS } from './limits.ts';

const WaitSec = Type.Number({
  minimum: 0,
  maximum: LIMITS.waitSec,
  default: 0,
  description: 'Keep the request open this long while the answer is still "queued".',
});

export const LeaseRequest = strict(
  {
    tenant: TenantId,
    tools: Type.Optional(
      Type.Array(Tool, {
        maxItems: LIMITS.tools,
        default: [],
        description: 'Only an agent that has all of these is granted.',
      }),
    ),
    purpose: Type.Optional({ ...Purpose, default: 'general' }),
    priority: Type.Optional({ ...Priority, default: 'normal' }),
    specialization: Type.Optional(Specialization),
    min_tier: Type.Optional(Tier),
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LIMITS.count,
        default: 1,
        description: 'Agents wanted, all or nothing.',
      }),
    ),
    agents_near: Type.Optional(
      Type.Array(LeaseId, {
        maxItems: LIMITS.near,
        default: [],
        description: 'Leases to sit beside, if that is possible.',
      }),
    ),
    max_cost_per_hour: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: LIMITS.costPerHour,
        description: 'Only an agent that costs at most this is granted.',
      }),
    ),
    lifetime_sec: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: LIMITS.lifetimeSec,
        description: 'The lease ends this long after its grant, whatever it is doing.',
      }),
    ),
    queue: Type.Optional(
      Type.Boolean({ default: true, description: 'Wait in the queue when no agent is free.' }),
    ),
    queue_timeout_sec: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: LIMITS.queueTimeoutSec,
        description: 'How long to wait in the queue; `pool.queue.timeout_sec` unless given.',
      }),
    ),
    wait_sec: Type.Optional(WaitSec),
    reuse: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'A lease that the tenant already has and that fits is the answer.',
      }),
    ),
    dry_run: Type.Optional(
      Type.Boolean({ default: false, description: 'Decide and answer, change nothing.' }),
    ),
    explain: Type.Optional(
      Type.Boolean({ default: false, description: 'Say how the decision was made.' }),
    ),
    metadata: Type.Optional(Metadata),
  },
  {
    title: 'LeaseRequest',
    description: 'What the tenant needs.',
    examples: [{ tenant: 'guild-42', tools: ['music'], purpose: 'music', wait_sec: 10 }],
  },
);
export type LeaseRequest = Static<typeof LeaseRequest>;

export const Lease = strict(
  {
    lease_id: Type.String({ description: 'The id of the lease; empty in a dry run.' }),
    tenant: TenantId,
    agent_id: AgentId,
    purpose: Purpose,
    tools: Type.Array(Tool, { description: 'The tools that were asked for.' }),
    state: LeaseState,
    token: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'The fencing token; it only grows. 0 in a dry run.',
    }),
    warm: Type.Boolean({ description: 'The agent had affinity with the tenant.' }),
    allocated_at: time('When it was granted.'),
    last_activity_at: time('When its state was last reported.'),
    idle_timeout_sec: Type.Number({ description: 'How long it is kept while quiet.' }),
    expires_at: time('When it ends if nobody says anything more.'),
    endpoint: Type.Optional(
      Type.String({ description: 'Where the agent can be reached: its label `endpoint`.' }),
    ),
    metadata: Metadata,
    reason: Type.Optional(EndReason),
    released_at: Type.Optional(time('When it ended.')),
  },
  { title: 'Lease', description: 'One agent, granted to one tenant.' },
);
export type Lease = Static<typeof Lease>;

export const Ticket = strict(
  {
    ticket_id: Type.String({ description: 'The id of the ticket; empty in a dry run.' }),
    tenant: TenantId,
    state: TicketState,
    position: Type.Integer({
      minimum: 0,
      description: '1 = next of those who wait for the same kind of agent; 0 once it has ended.',
    }),
    eta_sec: Type.Number({ minimum: 0, description: 'An estimate of the wait that is left.' }),
    queued_at: time('When it entered the queue.'),
    expires_at: time('When it gives up.'),
    priority: Priority,
    purpose: Purpose,
    count: Type.Integer({ minimum: 1, description: 'Agents wanted.' }),
    leases: Type.Optional(Type.Array(Lease, { description: 'Present once it is granted.' })),
  },
  { title: 'Ticket', description: 'A request that waits in the queue.' },
);
export type Ticket = Static<typeof Ticket>;

const points = (most: number) => Type.Number({ minimum: 0, maximum: most });

export const Explain = strict(
  {
    considered: Type.Integer({ minimum: 0, description: 'Agents looked at.' }),
    eligible: Type.Integer({ minimum: 0, description: 'Agents that were free and fit.' }),
    chosen: nullable(AgentId),
    score: nullable(
      strict(
        {
          total: Type.Number(),
          health: points(40),
          tier: points(30),
          idle: points(20),
          load: points(10),
        },
        { title: 'Score' },
      ),
    ),
    rejected: Type.Record(Type.Enum([...REJECTIONS]), Type.Optional(Type.Integer({ minimum: 1 })), {
      description: 'How many agents were passed over, by reason.',
    }),
  },
  { title: 'Explain', description: 'How a decision was made.' },
);
export type Explain = Static<typeof Explain>;

export const Granted = strict(
  {
    outcome: Type.Literal('granted'),
    leases: Type.Array(Lease),
    reused: Type.Boolean({ description: 'The tenant held these leases already.' }),
    warm: Type.Boolean({ description: 'Every agent has affinity with the tenant.' }),
    explain: Type.Optional(Explain),
  },
  { title: 'Granted' },
);
export type Granted = Static<typeof Granted>;

export const Queued = strict(
  { outcome: Type.Literal('queued'), ticket: Ticket, explain: Type.Optional(Explain) },
  { title: 'Queued' },
);
export type Queued = Static<typeof Queued>;

export const StateReport = strict(
  {
    state: Type.Enum(['active', 'idle'], { description: 'What the agent is doing now.' }),
    token: Token,
  },
  { title: 'StateReport', examples: [{ state: 'active', token: 17 }] },
);

export const LeaseParams = strict({ lease_id: LeaseId });
export const TicketParams = strict({ ticket_id: TicketId });
export const TicketQuery = strict({ wait_sec: Type.Optional(WaitSec) });

export const LeaseFilter = strict({
  tenant: Type.Optional(TenantId),
  agent_id: Type.Optional(AgentId),
  state: Type.Optional(LeaseState),
  limit: Type.Optional(Limit),
  cursor: Type.Optional(Cursor),
});
export type LeaseFilter = Static<typeof LeaseFilter>;
export const LeasePage = page(Lease, 'LeasePage');
export type LeasePage = Static<typeof LeasePage>;
