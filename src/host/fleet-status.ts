/** The figures of a fleet: what the pool has of each kind, beside what the configuration allows. */
import type { FleetView } from '../core/queries.ts';
import type { FleetKindStatus, FleetStatus } from './fleet-api.ts';
import type { FleetKindOptions, FleetOptions } from './fleet-options.ts';

export function fleetStatus(
  view: FleetView,
  { clock, policy, provisioner, enabled, kinds }: FleetOptions,
  blockedOf: (kind: FleetKindOptions, now: number) => string | null,
): FleetStatus {
  const now = clock.now();
  const left = (at: number | null, cooldown: number) =>
    at === null ? 0 : Math.max(0, at + cooldown - now);
  const known = new Map(view.specializations.map((each) => [each.name, each]));
  const startable = new Map(provisioner === null ? [] : kinds.map((kind) => [kind.name, kind]));
  const names = new Set([...kinds.map(({ name }) => name), ...known.keys()]);
  const specializations = [...names].map((name): FleetKindStatus => {
    const kind = startable.get(name);
    const own = known.get(name) ?? { ...NO_AGENTS, name };
    const { lastUpAt, lastDownAt, managed } = own;
    return {
      ...own,
      limits: kind === undefined ? null : { min: kind.min, max: kind.max },
      ports: kind?.ports ? { first: kind.ports[0], last: kind.ports[1], used: managed } : null,
      blocked: kind === undefined ? null : blockedOf(kind, now),
      upCooldownMs: left(lastUpAt, policy.scaleUpCooldownMs),
      downCooldownMs: Math.max(
        left(lastUpAt, policy.scaleDownCooldownMs),
        left(lastDownAt, policy.scaleDownCooldownMs),
      ),
    };
  });
  return {
    enabled: provisioner !== null && (view.enabled ?? enabled),
    unhealthy: view.unhealthy,
    recorded: view.recorded,
    specializations,
  };
}

const NO_AGENTS = {
  managed: 0,
  starting: 0,
  running: 0,
  draining: 0,
  lost: 0,
  averageLoad: 0,
  lastUpAt: null,
  lastDownAt: null,
};
