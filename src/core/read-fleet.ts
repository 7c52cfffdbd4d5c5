/** What can be asked of the agents that the pool starts by itself, and of the autoscaler. */
import { phaseOfSample } from './fleet.ts';
import type { FleetAgent, FleetView } from './queries.ts';
import type { PoolState } from './state.ts';

/** All managed agents, in the order of their rows. */
export function fleetAgents(state: PoolState): FleetAgent[] {
  const { agents } = state;
  const found: FleetAgent[] = [];
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (!agents.names.has(agent) || !agents.isManaged(agent)) continue;
    found.push({
      agentId: agents.names.name(agent),
      specialization: agents.profile(agent).specialization,
      port: Number(agents.labels[agent].port),
      isProtected: agents.isProtected(agent),
      isStarting: agents.isStarting(agent),
      isRetiring: agents.isRetiring(agent),
      isLost: phaseOfSample(state, agent) === 'lost',
    });
  }
  return found;
}

export function fleetView(state: PoolState): FleetView {
  const { agents, profiles, scaling } = state;
  const bySpecialization = new Map<string, Kind>();
  const byProfile = profiles.all.map(({ specialization }) => {
    const kind = bySpecialization.get(specialization) ?? newKind();
    bySpecialization.set(specialization, kind);
    return kind;
  });
  let unhealthy = 0;
  for (let agent = 0; agent < agents.names.end; agent++) {
    if (!agents.names.has(agent)) continue;
    const kind = byProfile[agents.profile(agent).id];
    const phase = phaseOfSample(state, agent);
    kind[phase]++;
    if (agents.isManaged(agent)) kind.managed++;
    if (phase === 'running') kind.load += agents.load(agent);
    if (agents.health(agent) === 0) unhealthy++;
  }
  return {
    enabled: scaling.enabled,
    recorded: scaling.recorded,
    unhealthy,
    specializations: [...bySpecialization].map(([name, { load, ...counts }]) => ({
      name,
      ...counts,
      averageLoad: counts.running === 0 ? 0 : load / counts.running,
      ...scaling.history(name),
    })),
  };
}

interface Kind {
  managed: number;
  starting: number;
  running: number;
  draining: number;
  lost: number;
  /** The sum over those that run. */
  load: number;
}

function newKind(): Kind {
  return { managed: 0, starting: 0, running: 0, draining: 0, lost: 0, load: 0 };
}
