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
import type { AgentOutcome, AgentView, FleetOutcome, Refusal } from './outcome.ts';
import { imagined, mismatch } from './profiles.ts';
import { gone, noAgent } from './registry.ts';
import { NONE } from './rows.ts';
import type { ScalingRecord } from './scaling.ts';
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
  // Leases move before anything is counted: no agent leaves that has just been needed.
  const left = holdersThatAreLost(state);
  for (const agent of left) moveLeases(context, agent, now, true);
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
  // What is left waits for whoever comes. A row that has become free may be a newcomer's by now.
  for (const agent of left) if (state.agents.used(agent) > 0) moveOn(context, agent, now);
  for (const kind of enabled ? kinds : []) {
    if (kind.count >= kind.spec.max) retireSuperfluous(context, kind, now);
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

/** Draining ones and agents of others too: whoever is lost serves nobody. */
function holdersThatAreLost({ agents }: PoolState): number[] {
  const found: number[] = [];
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (agents.health(agent) !== 0 || !agents.names.has(agent)) continue;
    if (agents.used(agent) > 0) found.push(agent);
  }
  return found;
}

/**
 * The leases of a lost agent go on with others. Those that nobody could take over wait while it
 * starts again or a replacement does, and end otherwise.
 */
function moveOn(context: Context, agent: number, now: number): void {
  const { agents, scaling } = context.state;
  const by = scaling.replacementOf(agents.names.name(agent));
  const replacement = by === undefined ? NONE : agents.names.find(by);
  const isComing = replacement !== NONE && agents.isStarting(replacement);
  moveLeases(context, agent, now, isComing || agents.isStarting(agent));
}

/** Others have filled the places of lost agents: nobody will come for them, so they go. */
function retireSuperfluous(context: Context, kind: Kind, now: number): void {
  const { agents, scaling } = context.state;
  for (const agent of kind.lost) {
    if (!agents.names.has(agent) || agents.isStarting(agent)) continue;
    if (!agents.isManaged(agent) || agents.isProtected(agent)) continue;
    const id = agents.names.name(agent);
    if (scaling.replacementOf(id) === undefined) retire(context, agent, id, now);
  }
}

/** The process of an agent has ended by itself. */
export function agentLost(
  context: Context,
  command: AgentLostCommand,
  now: number,
): AgentOutcome | Refusal {
  const { state, facts } = context;
  const { agents } = state;
  const { agent: id, because } = command;
  const agent = agents.names.find(id);
  const refusal = refusalOf(state, agent, id);
  if (refusal !== null) return refusal;
  if (agents.isStarting(agent)) return giveUpStart(context, agent, because, now);
  if (!agents.isOffline(agent)) facts.agentHealthChanged(agent, 'unhealthy', 'exit', now);
  agents.signals.lose(agent, because);
  const before = agentView(state, agent);
  // Those that find nobody wait: the check that follows knows whether somebody will come.
  moveLeases(context, agent, now, !agents.isRetiring(agent));
  retireIfFree(context, agent, id, now);
  return answer(state, agent, before, now);
}

/** An agent that is registered already is being started, again or after a restart of the pool. */
export function agentStarting(
  context: Context,
  { agent: id }: AgentStartingCommand,
  now: number,
): AgentOutcome | Refusal {
  const { state, facts } = context;
  const agent = state.agents.names.find(id);
  const refusal = refusalOf(state, agent, id);
  if (refusal !== null) return refusal;
  if (!state.agents.isStarting(agent)) facts.agentStarting(agent, now);
  return { outcome: 'agent', agent: agentView(state, agent) };
}

/** It could not be started, or was not heard of in time. A protected one stays, and is tried again. */
export function startFailed(
  context: Context,
  { agent: id, because }: StartFailedCommand,
  now: number,
): AgentOutcome | Refusal {
  const agent = context.state.agents.names.find(id);
  return refusalOf(context.state, agent, id) ?? giveUpStart(context, agent, because, now);
}

function giveUpStart(
  context: Context,
  agent: number,
  because: string,
  now: number,
): AgentOutcome | Refusal {
  const { state, facts } = context;
  const { agents, scaling } = state;
  const id = agents.names.name(agent);
  const { specialization } = agents.profile(agent);
  const replaced = scaling.replacedBy(id);
  facts.scalingRecorded({ kind: 'scale_failed', specialization, reason: because, agent: id }, now);
  facts.agentHealthChanged(agent, 'unhealthy', 'exit', now);
  agents.signals.lose(agent, because);
  const before = agentView(state, agent);
  moveLeases(context, agent, now, false);
  if (!agents.isProtected(agent)) retire(context, agent, id, now);
  // Its leases have waited for this one; another attempt may be far off.
  const old = replaced === undefined ? NONE : agents.names.find(replaced);
  if (old !== NONE && agents.health(old) === 0) moveLeases(context, old, now, false);
  return answer(state, agent, before, now);
}

function refusalOf({ agents }: PoolState, agent: number, id: string): Refusal | null {
  if (agent === NONE) return noAgent(id);
  if (agents.isManaged(agent)) return null;
  return refuse('INVALID_REQUEST', `The agent "${id}" is not started by this pool.`);
}

/** The agent as it is now; it may have left with what has just been done. */
function answer(state: PoolState, agent: number, before: AgentView, now: number): AgentOutcome {
  const isThere = state.agents.names.find(before.agentId) === agent;
  return { outcome: 'agent', agent: isThere ? agentView(state, agent) : gone(before, now) };
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
    const { lastUpAt, lastDownAt } = scaling.history(spec.name);
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
        utilization: state.utilization(spec.name),
      },
      lost: [],
      ports: spec.ports.toReversed(),
      lastNumber: scaling.lastNumber(spec.agentName),
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
    const phase = phaseOfSample(state, agent);
    if (phase === 'starting' || phase === 'running') kind.count++;
    if (phase === 'lost') {
      if (scaling.replacementOf(id) !== undefined) continue;
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
