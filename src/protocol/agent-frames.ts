/**
 * The agent protocol, `GET /v1/agents/connect`, subprotocol `remuda.agent.v1`: JSON, one object a
 * frame, each with its `type`. A runner carries many agents on one socket.
 *
 *   runner                                       pool
 *   hello {runner_id, agents} ─────────────────►
 *                      ◄───────────────────────── welcome {heartbeat_interval_sec, leases}
 *   heartbeat {agents: [[agent_id, load], …]} ─►
 *                      ◄───────────────────────── assign {lease}
 *   accepted {lease_id, token} ────────────────►  in time, or the work goes to another agent
 *   state {lease_id, token, state} ────────────►
 *                      ◄───────────────────────── release {lease_id, token, reason, deadline_sec}
 *   released {lease_id, token} ────────────────►
 */
import { type Static, Type } from 'typebox';
import { AgentRegistration } from './agent-schemas.ts';
import { AgentId, EndReason, LeaseId, Load, nullable, strict, TenantId, Token } from './fields.ts';
import { Lease } from './lease-schemas.ts';
import { LIMITS } from './limits.ts';

export const AGENT_SUBPROTOCOL = 'remuda.agent.v1';

const RunnerId = Type.String({
  minLength: 1,
  maxLength: LIMITS.agentIdLength,
  pattern: '^[^\\p{Cc}\\p{Cs}]+$',
  'x-rule': 'must not contain control characters or broken Unicode',
  description: 'Names the process that hosts the agents; another process has another one.',
});

const Reason = Type.String({
  minLength: 1,
  maxLength: LIMITS.labelValueLength,
  description: 'For a person.',
});

const ApiKey = Type.String({
  minLength: 1,
  maxLength: LIMITS.credentialLength,
  description: 'For runners that cannot send an Authorization header.',
});

const {
  agent_id,
  memberships: _memberships,
  credential: _credential,
  ...described
} = AgentRegistration.properties;

/** What is left out stays as it is registered, or gets its default where the agent is new. */
export const HostedAgent = strict(
  {
    agent_id,
    ...described,
    available: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Whether it has budget now; without, it gets no new work until `budget` says so.',
      }),
    ),
  },
  { title: 'HostedAgent', examples: [{ agent_id: 'bot_17', tools: ['music'] }] },
);
export type HostedAgent = Static<typeof HostedAgent>;

const type = <T extends string>(name: T) => Type.Literal(name);
const fence = { lease_id: LeaseId, token: Token };
const Tenants = Type.Array(TenantId, { maxItems: LIMITS.membershipsPerFrame });

/** Runner → pool. */
export const RUNNER_FRAMES = {
  hello: strict(
    {
      type: type('hello'),
      runner_id: RunnerId,
      agents: Type.Array(HostedAgent, {
        minItems: 1,
        maxItems: LIMITS.agentsPerSocket,
        description: 'More agents can follow with another `hello` on the same socket.',
      }),
      api_key: Type.Optional(ApiKey),
    },
    { title: 'hello', description: 'The first frame, within 10 s: who this is and whom it hosts.' },
  ),
  heartbeat: strict(
    {
      type: type('heartbeat'),
      agents: Type.Array(Type.Union([Type.Tuple([AgentId]), Type.Tuple([AgentId, Load])]), {
        maxItems: LIMITS.agentsPerSocket,
      }),
    },
    { title: 'heartbeat', description: 'These agents are well, each with its load.' },
  ),
  accepted: strict(
    { type: type('accepted'), ...fence },
    { title: 'accepted', description: 'The agent takes the lease that it was assigned.' },
  ),
  rejected: strict(
    { type: type('rejected'), ...fence, reason: Type.Optional(Reason) },
    { title: 'rejected', description: 'The agent cannot take the lease: it goes to another one.' },
  ),
  state: strict(
    {
      type: type('state'),
      ...fence,
      state: Type.Enum(['active', 'idle'], { description: 'What the agent is doing now.' }),
    },
    {
      title: 'state',
      description: 'Reporting the same state again renews the lease. It accepts it as well.',
    },
  ),
  released: strict(
    { type: type('released'), ...fence },
    { title: 'released', description: 'The agent has let go, asked to or by itself.' },
  ),
  memberships: strict(
    {
      type: type('memberships'),
      agent_id: AgentId,
      added: Type.Optional(Tenants),
      removed: Type.Optional(Tenants),
    },
    { title: 'memberships', description: 'Whom the agent may serve since now, or no more.' },
  ),
  budget: strict(
    {
      type: type('budget'),
      agent_id: AgentId,
      available: Type.Boolean(),
      reason: Type.Optional(Reason),
    },
    {
      title: 'budget',
      description:
        'Whether the platform behind the agent lets it take new work. Without budget it gets no new leases and keeps those it has. A `hello` gives every agent its budget back, unless it says otherwise.',
    },
  ),
} as const;

export type RunnerFrameType = keyof typeof RUNNER_FRAMES;
export type RunnerFrame = {
  [T in RunnerFrameType]: Static<(typeof RUNNER_FRAMES)[T]>;
}[RunnerFrameType];

const Seconds = Type.Number({ minimum: 0 });

/** Pool → runner. */
export const POOL_FRAMES = {
  welcome: strict(
    {
      type: type('welcome'),
      heartbeat_interval_sec: Seconds,
      agents: Type.Array(AgentId, { description: 'Whom this socket hosts since now.' }),
      leases: Type.Array(Lease, {
        description:
          'What these agents still hold. Work that is not in it has ended meanwhile: let it go.',
      }),
      credentials: Type.Record(AgentId, Type.String(), {
        description: 'The secrets of these agents that have one.',
      }),
    },
    { title: 'welcome', description: 'The answer to a hello.' },
  ),
  assign: strict(
    { type: type('assign'), lease: Lease },
    { title: 'assign', description: 'Work: answer with `accepted` or `rejected` in time.' },
  ),
  release: strict(
    {
      type: type('release'),
      ...fence,
      reason: Type.Union([EndReason, Type.Literal('moved')], {
        description: 'Why the lease ended; `moved`: it goes on with another agent.',
      }),
      deadline_sec: Seconds,
    },
    {
      title: 'release',
      description: 'The lease is not the agent’s any more: let go and answer with `released`.',
    },
  ),
  drain: strict(
    { type: type('drain'), agent_id: AgentId },
    { title: 'drain', description: 'The agent gets no new work: it is to leave.' },
  ),
  credential: strict(
    { type: type('credential'), agent_id: AgentId, credential: Type.String() },
    { title: 'credential', description: 'The agent has a new secret: log in with it.' },
  ),
  error: strict(
    {
      type: type('error'),
      code: Type.String(),
      detail: Type.String(),
      lease_id: Type.Optional(LeaseId),
      agent_id: Type.Optional(AgentId),
      retry_after_sec: Type.Optional(nullable(Seconds)),
    },
    { title: 'error', description: 'A frame was not carried out; the codes are those of HTTP.' },
  ),
} as const;

export type PoolFrameType = keyof typeof POOL_FRAMES;
export type PoolFrame = { [T in PoolFrameType]: Static<(typeof POOL_FRAMES)[T]> }[PoolFrameType];
