/**
 * Random worlds for the agents that a pool starts by itself. A step names agents, leases and
 * tickets by a number that is looked up among those there are, as in scripts.ts.
 */
import fc from 'fast-check';
import type { ScalingPolicy } from '../../src/core/autoscale.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../src/core/options.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export const TENANTS: readonly string[] = ['t0', 't1', 't2', 't3', 't4', 't5'];

export interface KindPlan {
  readonly name: string;
  readonly agentName: string;
  readonly tools: readonly string[];
  readonly slots: number;
  readonly min: number;
  readonly max: number;
  readonly firstPort: number;
  /** How many ports there are from the first one on. */
  readonly ports: number;
  /** A protected agent, `agentName_1`, there from the beginning. */
  readonly core: boolean;
}

export interface FleetStep {
  readonly what: (typeof WHAT)[number];
  readonly after: number;
  readonly pick: number;
  readonly other: number;
  readonly load: number;
}

export interface FleetScript {
  readonly kinds: readonly KindPlan[];
  readonly policy: ScalingPolicy;
  readonly options: PoolOptions;
  readonly enabled: boolean;
  readonly steps: readonly FleetStep[];
}

const WHAT = [
  ...(['lease', 'lease', 'lease', 'group', 'report', 'report', 'release', 'cancel'] as const),
  ...(['beat', 'beat', 'beat all', 'beat all', 'beat all', 'declare', 'ghost'] as const),
  ...(['lost', 'lost', 'failed', 'failed', 'failed late', 'starting'] as const),
  ...(['drain', 'resume', 'retire', 'retire by force', 'bring own', 'bring own'] as const),
  ...(['protect', 'unprotect'] as const),
  ...(['check', 'check', 'check', 'check', 'check', 'replace', 'replace'] as const),
  ...(['check without misses', 'check without ports', 'check blocked', 'silence'] as const),
  ...(['switch on', 'switch off', 'restore', 'replay', 'tick'] as const),
] as const;

const NAMES = [
  ['research', 'researcher'],
  ['execution', 'executor'],
  ['analysis', 'analyst'],
] as const;

const kind = fc.record({
  slots: fc.constantFrom(1, 1, 1, 2, 3),
  min: fc.constantFrom(0, 1, 1, 2),
  more: fc.constantFrom(0, 1, 2, 3),
  spare: fc.constantFrom(40, 40, 1, 0),
  core: fc.boolean(),
});

const kinds = fc.array(kind, { minLength: 1, maxLength: NAMES.length }).map((all) =>
  all.map(({ more, spare, ...rest }, i): KindPlan => {
    const [name, agentName] = NAMES[i];
    const max = Math.max(1, rest.min + more);
    const tools = i === 1 ? ['code'] : ['web'];
    return { ...rest, name, agentName, tools, max, firstPort: 9_101 + 100 * i, ports: max + spare };
  }),
);

const policy = fc.record({
  scaleUpThreshold: fc.constantFrom(0.75, 0.5),
  scaleDownThreshold: fc.constantFrom(0.25, 0.4),
  scaleUpCooldownMs: fc.constantFrom(0, 30 * SECOND, MINUTE),
  scaleDownCooldownMs: fc.constantFrom(0, 30 * SECOND, MINUTE),
  unhealthyThreshold: fc.constantFrom(1, 2, 3),
  utilizationHigh: fc.constantFrom(0.9, 0.5),
  utilizationLow: fc.constant(0.3),
});

const step: fc.Arbitrary<FleetStep> = fc.record({
  what: fc.constantFrom(...WHAT),
  after: fc.constantFrom(0, 0, 0, 100, 5 * SECOND, 15 * SECOND, 25 * SECOND, 70 * SECOND),
  pick: fc.nat(59),
  other: fc.nat(255),
  load: fc.constantFrom(0, 0.05, 0.1, 0.3, 0.5, 0.7, 0.85, 1),
});

export const fleetScript: fc.Arbitrary<FleetScript> = fc
  .record({
    kinds,
    policy,
    enabled: fc.constantFrom(true, true, true, false),
    reclaims: fc.boolean(),
    mostAgents: fc.constantFrom(49, 3),
    steps: fc.array(step, { minLength: 1, maxLength: 70, size: 'max' }),
  })
  .map(({ reclaims, mostAgents, ...script }) => ({
    ...script,
    options: {
      ...DEFAULT_OPTIONS,
      maxAgentsPerTenant: mostAgents,
      queue: { maxLength: 20, agingMs: 30 * SECOND, timeoutMs: 3 * MINUTE },
      reclaim: reclaims
        ? { enabled: true, idleAfterMs: 5_000, idleAfterUnderPressureMs: 0, minHoldMs: 0 }
        : DEFAULT_OPTIONS.reclaim,
      startable: script.kinds.map(({ name, tools, slots, max }) => ({ name, tools, slots, max })),
      health: {
        ...DEFAULT_OPTIONS.health,
        heartbeatTimeoutMs: 20 * SECOND,
        unhealthyThreshold: script.policy.unhealthyThreshold,
      },
    },
  }));
