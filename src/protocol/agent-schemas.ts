/** Agents, heartbeats and memberships on the wire. */
import { type Static, Type } from 'typebox';
import {
  AgentId,
  CostPerHour,
  Cursor,
  Health,
  Labels,
  LeaseId,
  Limit,
  Load,
  nullable,
  Phase,
  page,
  Slots,
  Specialization,
  strict,
  TenantId,
  Tier,
  Tool,
  Tools,
  time,
} from './fields.ts';
import { LIMITS } from './limits.ts';

const protection = { description: 'Never removed by the autoscaler.' };

const Credential = Type.String({
  minLength: 1,
  maxLength: LIMITS.credentialLength,
  pattern: '^\\P{Cs}*$',
  'x-rule': 'must not contain half a surrogate pair',
  writeOnly: true,
  description: 'A secret of the agent. Stored encrypted, never shown again.',
});

export const AgentRegistration = strict(
  {
    agent_id: AgentId,
    specialization: Type.Optional({ ...Specialization, default: 'general' }),
    tools: Type.Optional({ ...Tools, default: [] }),
    tier: Type.Optional({ ...Tier, default: 'standard' }),
    slots: Type.Optional({ ...Slots, default: 1 }),
    cost_per_hour: Type.Optional({ ...CostPerHour, default: 0 }),
    labels: Type.Optional(Labels),
    protected: Type.Optional(Type.Boolean({ default: false, ...protection })),
    credential: Type.Optional(Credential),
    memberships: Type.Optional(
      Type.Array(TenantId, {
        maxItems: LIMITS.membershipsPerAgent,
        default: [],
        description: 'Tenants that the agent may serve.',
      }),
    ),
  },
  {
    title: 'AgentRegistration',
    examples: [{ agent_id: 'bot_17', tools: ['music'], tier: 'premium', slots: 1 }],
  },
);
export type AgentRegistration = Static<typeof AgentRegistration>;

/** One row of a file of rotated credentials. */
export const AgentCredential = strict(
  { agent_id: AgentId, credential: Credential },
  { title: 'AgentCredential' },
);
export type AgentCredential = Static<typeof AgentCredential>;

const AgentRegistrations = Type.Array(AgentRegistration, {
  maxItems: LIMITS.agentsPerCall,
  description: 'All of them are registered, or none.',
});

export const RegisterBody = Type.Union([AgentRegistration, AgentRegistrations]);
export type RegisterBody = Static<typeof RegisterBody>;

export const Registered = strict(
  {
    registered: Type.Integer({ minimum: 0, description: 'Agents that are new.' }),
    unchanged: Type.Integer({ minimum: 0, description: 'Agents that were registered just so.' }),
  },
  { title: 'Registered' },
);
export type Registered = Static<typeof Registered>;

export const AgentPatch = strict(
  {
    tools: Type.Optional(Tools),
    tier: Type.Optional(Tier),
    slots: Type.Optional(Slots),
    cost_per_hour: Type.Optional(CostPerHour),
    labels: Type.Optional(Labels),
    protected: Type.Optional(Type.Boolean(protection)),
    credential: Type.Optional(Credential),
  },
  {
    title: 'AgentPatch',
    minProperties: 1,
    description: 'Only the fields that are named change; `tools` and `labels` change as a whole.',
    examples: [{ tier: 'premium' }],
  },
);
export type AgentPatch = Static<typeof AgentPatch>;

export const Agent = strict(
  {
    agent_id: AgentId,
    specialization: Specialization,
    tools: Type.Array(Tool),
    tier: Tier,
    slots: Slots,
    used_slots: Type.Integer({ minimum: 0 }),
    cost_per_hour: CostPerHour,
    labels: Labels,
    protected: Type.Boolean(protection),
    phase: Phase,
    health: Health,
    load: Load,
    has_credential: Type.Boolean({ description: 'A credential is stored for it.' }),
    registered_at: time('When it was registered.'),
    last_used_at: time(
      'When a lease of it was last granted or ended, or what it can do was changed; at first, when it was registered.',
    ),
    last_heartbeat_at: nullable(time('When it was last heard of.')),
    leases_24h: Type.Integer({ minimum: 0, description: 'Leases granted in the last 24 hours.' }),
    leases: Type.Array(LeaseId, { description: 'The leases that it holds.' }),
    memberships: Type.Array(TenantId, { description: 'Tenants that it may serve.' }),
  },
  { title: 'Agent', description: 'One pooled identity that can serve tenants.' },
);
export type Agent = Static<typeof Agent>;

export const AgentParams = strict({ agent_id: AgentId });
export const AgentFilter = strict({
  specialization: Type.Optional(Specialization),
  phase: Type.Optional(Phase),
  health: Type.Optional(Health),
  tool: Type.Optional(Tool),
  limit: Type.Optional(Limit),
  cursor: Type.Optional(Cursor),
});
export type AgentFilter = Static<typeof AgentFilter>;
export const AgentPage = page(Agent, 'AgentPage');
export type AgentPage = Static<typeof AgentPage>;

export const RetireQuery = strict({
  force: Type.Optional(
    Type.Boolean({ default: false, description: 'End its leases at once instead of draining.' }),
  ),
});

/** `[agent_id, load?]`. Two bare values: ten thousand of these arrive in one body. */
const HeartbeatEntry = Type.Unsafe<[agentId: string, load?: number]>({
  type: 'array',
  items: [AgentId, Load],
  minItems: 1,
  additionalItems: false,
});

export const Heartbeats = strict(
  { agents: Type.Array(HeartbeatEntry, { maxItems: LIMITS.agentsPerCall }) },
  { title: 'Heartbeats', examples: [{ agents: [['bot_17', 0.4], ['bot_18']] }] },
);
export type Heartbeats = Static<typeof Heartbeats>;

export const HeartbeatsAnswer = strict(
  {
    accepted: Type.Integer({ minimum: 0, description: 'Agents that were known.' }),
    unknown: Type.Array(AgentId, { description: 'Agents that are not registered.' }),
  },
  { title: 'HeartbeatsAnswer' },
);
export type HeartbeatsAnswer = Static<typeof HeartbeatsAnswer>;

export const Heartbeat = strict(
  { load: Type.Optional(Load), health: Type.Optional(Health) },
  { title: 'Heartbeat', examples: [{ load: 0.4 }] },
);

export const MembershipParams = strict({ agent_id: AgentId, tenant: TenantId });
export const Membership = strict(
  { agent_id: AgentId, tenant: TenantId, member: Type.Boolean() },
  { title: 'Membership' },
);
export type Membership = Static<typeof Membership>;
