/**
 * The agents that this pool starts and stops by itself. A check judges who is silent, asks the
 * autoscaler (autoscale.ts) what to do about it and about the load, and makes it a fact: who is to
 * run is then in the journal, and the host's fleet makes it true.
 *
 *   registered ──► starting ──► available …        a heartbeat ends the start
 *                     ▲             │
 *                     └─── lost ◄───┘               its own id again (protected), or a new one
 */
import {
  type AgentSample,
  decideScaling,
  type ScalingAction,
  type SpecializationSample,
} from './autoscale.ts';
import type {
  AgentLostCommand,
  AgentSpec,
  AgentStartingCommand,
  CheckFleetCommand,
  FleetKind,
  StartFailedCommand,
} from './command.ts';
import { type Context, refuse } from './context.ts';
import type { AgentOutcome, FleetOutcome, Refusal } from './outcome.ts';
import { imagined, mismatch } from './profiles.ts';
import { noAgent } from './registry.ts';
import { NONE } from './rows.ts';
import { numberOf, type ScalingRecord } from './scaling.ts';
import type { PoolState } from './state.ts';
import { drain, judgeSilence, moveLeases } from './upkeep.ts';
import { agentView } from './views.ts';

/** What a check knows of one specialization while it carries the decision out. */
interface Kind {
  readonly spec: FleetKind;
  readonly sample: SpecializationSample;
  /** Rows of its agents that are lost and not yet being replaced. */
  readonly lost: number[];
  /** Free ports, the lowest last. */
  readonly ports: number[];
  lastNumber: number;
  /** Agents that start or run. */
  count: number;
}

export function checkFleet(
  context: Context,
  command: CheckFleetCommand,
  now: number,
): FleetOutcome {
  const { state } = context;
  const { degraded, lost } = command.countMisses
    ? judgeSilence(context, now)
    : { degraded: 0, lost: [] };
  const kinds = sampleKinds(state, command);
  const enabled = state.scaling.enabled ?? command.enabled;
  const decision = decideScaling({
    enabled,
    policy: command.policy,
    now,
    utilization: state.utilization(),
    queued: state.queue.length,
    specializations: kinds.map(({ sample }) => sample),
  });
  const actions = command.onlyReplace
    ? decision.actions.filter(({ type }) => type === 'replace_unhealthy')
    : decision.actions;
  const byName = new Map(kinds.map((kind) => [kind.spec.name, kind]));
  const records = actions.map((action) => {
    return carryOut(context, action, byName.get(action.specialization) as Kind, now);
  });
  for (const agent of lost) moveOn(context, agent, now);
  for (const kind of kinds) {
    for (const agent of kind.lost) {
      if (!moveOn(context, agent, now) || !enabled || kind.count < kind.spec.max) continue;
      // Others have filled its place meanwhile: nobody will come for it, so it goes by itself.
      if (state.agents.isManaged(agent) && !state.agents.isProtected(agent)) {
        retire(context, agent, state.agents.names.name(agent), now);
      }
    }
  }
  return {
    outcome: 'fleet_checked',
    enabled,
    degraded,
    unhealthy: lost.length,
    actions: records,
    skipped: decision.skipped,
  };
}

/**
 * The leases of a lost agent go on with others. Those that nobody could take over wait while a
 * replacement is on its way, and end otherwise. False when there is one, or nobody to replace.
 */
function moveOn(context: Context, agent: number, now: number): boolean {
  const { agents, scaling } = context.state;
  if (!agents.names.has(agent)) return false;
  const isComing = agents.isStarting(agent) || scaling.isBeingReplaced(agents.names.name(agent));
  moveLeases(context, agent, now, isComing);
  return !isComing && agents.names.has(agent);
}

/** The process of an agent has ended by itself. */
export function agentLost(
  context: Context,
  { agent: id, because }: AgentLostCommand,
  now: number,
): AgentOutcome | Refusal {
  const { state, facts } = context;
  const { agents } = state;
  const agent = agents.names.find(id);
  if (agent === NONE) return noAgent(id);
  if (!agents.isOffline(agent)) facts.agentHealthChanged(agent, 'unhealthy', 'exit', now);
  agents.signals.lose(agent, because);
  const view = agentView(state, agent);
  // Those that find nobody wait: the check that follows knows whether somebody will come.
  moveLeases(context, agent, now, !agents.isRetiring(agent));
  retireIfFree(context, agent, id, now);
  return { outcome: 'agent', agent: view };
}

/** An agent that is registered already is being started, again or after a restart of the pool. */
export function agentStarting(
  context: Context,
  { agent: id }: AgentStartingCommand,
  now: number,
): AgentOutcome | Refusal {
  const { state, facts } = context;
  const agent = state.agents.names.find(id);
  if (agent === NONE) return noAgent(id);
  if (!state.agents.isManaged(agent)) {
    return refuse('INVALID_REQUEST', `The agent "${id}" is not started by this pool.`);
  }
  if (!state.agents.isStarting(agent)) facts.agentStarting(agent, now);
  return { outcome: 'agent', agent: agentView(state, agent) };
}

/** It could not be started, or was not heard of in time. A protected one stays, and is tried again. */
export function startFailed(
  context: Context,
  { agent: id, because }: StartFailedCommand,
  now: number,
): AgentOutcome | Refusal {
  const { state, facts } = context;
  const { agents, scaling } = state;
  const agent = agents.names.find(id);
  if (agent === NONE) return noAgent(id);
  const { specialization } = agents.profile(agent);
  const replaced = scaling.replacedBy(id);
  facts.scalingRecorded({ kind: 'scale_failed', specialization, reason: because, agent: id }, now);
  facts.agentHealthChanged(agent, 'unhealthy', 'exit', now);
  agents.signals.lose(agent, because);
  const view = agentView(state, agent);
  moveLeases(context, agent, now, false);
  if (!agents.isProtected(agent)) retire(context, agent, id, now);
  // Its leases have waited for this one; another attempt may be far off.
  const old = replaced === undefined ? NONE : agents.names.find(replaced);
  if (old !== NONE && agents.health(old) === 0) moveLeases(context, old, now, false);
  return { outcome: 'agent', agent: view };
}

/** A heartbeat of an agent that was starting or lost: whom it replaces can go now. */
export function agentHeard(context: Context, agent: number, now: number): void {
  const { state, facts } = context;
  const { agents, scaling } = state;
  const replaced = scaling.replacedBy(agents.names.name(agent));
  if (agents.isStarting(agent)) facts.agentStarted(agent, now);
  const old = replaced === undefined ? NONE : agents.names.find(replaced);
  if (old === NONE || replaced === undefined) return;
  moveLeases(context, old, now, false);
  retire(context, old, replaced, now);
}

function retire(context: Context, agent: number, id: string, now: number): void {
  if (context.state.agents.names.find(id) !== agent) return;
  if (!context.state.agents.isRetiring(agent)) drain(context, agent, true, now);
  retireIfFree(context, agent, id, now);
}

/** Draining may have retired it with its last lease already. */
function retireIfFree(context: Context, agent: number, id: string, now: number): void {
  const { agents } = context.state;
  if (agents.names.find(id) !== agent || !agents.isRetiring(agent)) return;
  if (agents.used(agent) === 0) context.facts.agentRetired(agent, now);
}

function carryOut(context: Context, action: ScalingAction, kind: Kind, now: number): ScalingRecord {
  const { state, facts } = context;
  const { specialization, reason } = action;
  switch (action.type) {
    case 'scale_up': {
      const agent = start(context, kind, now);
      return facts.scalingRecorded({ kind: action.type, specialization, reason, agent }, now);
    }
    case 'scale_down': {
      const { agent } = action;
      const record = facts.scalingRecorded(
        { kind: action.type, specialization, reason, agent },
        now,
      );
      kind.count--;
      drain(context, state.agents.names.find(agent), true, now, 'scaled_down');
      return record;
    }
    case 'replace_unhealthy': {
      const replaces = action.agent;
      if (action.sameId) {
        kind.count++;
        facts.agentStarting(state.agents.names.find(replaces), now);
      }
      const agent = action.sameId ? replaces : start(context, kind, now);
      const record = { kind: action.type, specialization, reason, agent, replaces };
      return facts.scalingRecorded(record, now);
    }
  }
}

/** Registers the next agent of a specialization, to be started. */
function start(context: Context, kind: Kind, now: number): string {
  const { spec } = kind;
  kind.count++;
  const { names } = context.state.agents;
  let id: string;
  do id = `${spec.agentName}_${++kind.lastNumber}`;
  while (names.find(id) !== NONE);
  const port = kind.ports.pop() as number;
  context.facts.agentRegistered(specOf(spec, id, port, false), now);
  return id;
}

/** A managed agent as it is registered: its labels say where it can be reached. */
export function specOf(
  { name, tools, slots }: Pick<FleetKind, 'name' | 'tools' | 'slots'>,
  agentId: string,
  port: number,
  isProtected: boolean,
): AgentSpec {
  return {
    agentId,
    specialization: name,
    tools,
    tier: 'standard',
    slots,
    costPerHour: 0,
    labels: { endpoint: `http://127.0.0.1:${port}`, port: String(port), provisioner: 'process' },
    protected: isProtected,
    memberships: [],
    managed: true,
  };
}

function sampleKinds(state: PoolState, command: CheckFleetCommand): Kind[] {
  const { agents, profiles, scaling } = state;
  const kinds = command.kinds.map((spec): Kind => {
    const { lastUpAt, lastDownAt, lastNumber } = scaling.history(spec.name);
    return {
      spec,
      sample: {
        name: spec.name,
        min: spec.min,
        max: spec.max,
        lastUpAt: lastUpAt ?? Number.NEGATIVE_INFINITY,
        lastDownAt: lastDownAt ?? Number.NEGATIVE_INFINITY,
        agents: [],
        startable: spec.ports.length,
        blocked: spec.blocked,
        wanted: wantedOf(state, spec),
      },
      lost: [],
      ports: spec.ports.toReversed(),
      lastNumber,
      count: 0,
    };
  });
  const byName = new Map(kinds.map((kind) => [kind.spec.name, kind]));
  const byProfile = profiles.all.map((profile) => byName.get(profile.specialization));
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (!agents.names.has(agent)) continue;
    const kind = byProfile[agents.profile(agent).id];
    if (kind === undefined) continue;
    const id = agents.names.name(agent);
    if (id.startsWith(`${kind.spec.agentName}_`)) {
      kind.lastNumber = Math.max(kind.lastNumber, numberOf(id));
    }
    const phase = phaseOfSample(state, agent);
    if (phase === 'starting' || phase === 'running') kind.count++;
    if (phase === 'lost') {
      if (scaling.isBeingReplaced(id)) continue;
      kind.lost.push(agent);
    }
    (kind.sample.agents as AgentSample[]).push({
      id,
      load: agents.load(agent),
      phase,
      protected: agents.isProtected(agent),
      misses: agents.signals.misses(agent),
      managed: agents.isManaged(agent),
      lostBecause: phase === 'lost' ? lostBecause(state, agent) : undefined,
    });
  }
  return kinds;
}

/** Where an agent stands for the autoscaler. */
export function phaseOfSample({ agents }: PoolState, agent: number): AgentSample['phase'] {
  if (agents.isDraining(agent)) return 'draining';
  if (agents.isOffline(agent) || agents.health(agent) === 0) return 'lost';
  return agents.isStarting(agent) ? 'starting' : 'running';
}

/** Undefined for one that is lost by its misses: the autoscaler words that itself. */
function lostBecause({ agents, options }: PoolState, agent: number): string | undefined {
  const because = agents.signals.lostBecause(agent);
  if (because !== undefined) return because;
  if (agents.isDeclared(agent)) return 'Reported unhealthy';
  const isCounted = agents.signals.misses(agent) >= options.health.unhealthyThreshold;
  return isCounted ? undefined : 'Lost before the pool was started';
}

/** Agents that the requests in the queue ask for and this kind could be. */
function wantedOf({ queue }: PoolState, spec: FleetKind): number {
  let wanted = 0;
  const profile = imagined(spec);
  for (const lane of queue.lanes.values()) {
    if (mismatch(profile, lane.requirement) !== null) continue;
    for (const ticket of queue.inLane(lane)) wanted += ticket.count;
  }
  return wanted;
}
