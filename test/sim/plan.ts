/** What is drawn for a run before it begins: how the world is made, and how often what goes wrong. */
import type { ScalingPolicy } from '../../src/core/autoscale.ts';
import type { PoolOptions } from '../../src/core/options.ts';
import type { FleetKindOptions } from '../../src/host/fleet-options.ts';
import { poolOptions } from '../../src/server/config/pool-options.ts';
import { type Config, ConfigSchema } from '../../src/server/config/schema.ts';
import { type SettingSchema, withDefaults } from '../../src/server/config/settings.ts';
import type { FaultRates } from '../../src/sim/faulty-journal.ts';
import { Random } from './random.ts';

/** Kinds of faults; each can be left out of a run. */
export const FAULTS = [
  'crash',
  'takeover',
  'disk',
  'full',
  'rot',
  'cut',
  'silence',
  'slow',
  'pause',
  'runners',
  'agents',
  'processes',
  'clock',
  'operator',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Plan {
  readonly seed: number;
  readonly config: Config;
  readonly options: PoolOptions;
  readonly kinds: readonly FleetKindOptions[];
  readonly policy: ScalingPolicy;
  readonly disk: Partial<FaultRates>;
  readonly diskDelayMs: number;
  readonly networkDelayMs: number;
  readonly snapshotEveryEvents: number;
  readonly runners: number;
  readonly agentsPerRunner: number;
  readonly clients: number;
  readonly tenants: number;
  readonly standalone: number;
  /** How an agent of a runner answers to work, as weights. */
  readonly manners: { readonly [manner in Manner]: number };
  /** Chances of each fault in one step; 0 where it does not happen. */
  readonly chances: { readonly [fault in Fault]: number };
  readonly callsPerStep: number;
}

/** `silent`: never; `late`: perhaps after the patience of the pool. */
export type Manner = 'accept' | 'report' | 'reject' | 'late' | 'silent';

const KIND_TOOLS = ['music'];

/** How likely each fault is in a step of a run in which it happens at all. */
const CHANCES: { readonly [fault in Fault]: number } = {
  crash: 0.012,
  takeover: 0.008,
  disk: 0.03,
  full: 0.004,
  rot: 0.3,
  cut: 0.05,
  silence: 0.01,
  slow: 0.3,
  pause: 0.02,
  runners: 0.04,
  agents: 0.1,
  processes: 0.05,
  clock: 0.4,
  operator: 0.06,
};

export function draw(seed: number, without: readonly Fault[]): Plan {
  const random = new Random(seed, 1);
  const chances = Object.fromEntries(
    FAULTS.map((fault) => {
      // Each run has some faults often, some rarely and some not at all.
      const strength = random.pick([0, 0, 0.3, 1, 1, 2.5]);
      return [fault, without.includes(fault) ? 0 : Math.min(0.9, CHANCES[fault] * strength)];
    }),
  ) as { [fault in Fault]: number };
  const config = drawConfig(random);
  const kinds = drawKinds(random);
  const startable = kinds.map(({ name, tools, max }) => ({ name, tools, slots: 1, max }));
  const policy = {
    scaleUpThreshold: 0.7,
    scaleDownThreshold: random.pick([0.3, 0.6]),
    scaleUpCooldownMs: random.pick([0, 5_000, 20_000]),
    scaleDownCooldownMs: random.pick([0, 5_000, 30_000]),
    unhealthyThreshold: config.multi_agent.autoscaling.unhealthy_threshold,
    utilizationHigh: 0.9,
    utilizationLow: 0.3,
  };
  return {
    seed,
    config,
    options: { ...poolOptions(config), startable },
    kinds,
    policy,
    disk: {
      fail: chances.disk,
      loseReply: chances.disk,
      fill: chances.full,
      failSnapshot: chances.disk * 4,
      rotSnapshot: chances.rot,
      keepUnderWay: 0.5,
    },
    diskDelayMs: random.pick([1, 3, 10, 60]),
    networkDelayMs: random.pick([1, 5, 20, 150]),
    snapshotEveryEvents: random.pick([250, 600, 2_000, 1_000_000]),
    runners: random.between(1, 4),
    agentsPerRunner: random.between(1, 4),
    clients: random.between(1, 3),
    tenants: random.between(2, 7),
    standalone: random.between(0, 3),
    manners: {
      accept: 6,
      report: 3,
      reject: chances.agents > 0 ? random.pick([0, 1, 3]) : 0,
      late: chances.agents > 0 ? random.pick([0, 1, 3]) : 0,
      silent: chances.agents > 0 ? random.pick([0, 1, 2]) : 0,
    },
    chances,
    callsPerStep: random.pick([3, 8, 20]),
  };
}

function drawConfig(random: Random): Config {
  const idleAfter = random.pick([2, 8, 30]);
  const given = {
    pool: {
      max_agents_per_tenant: random.pick([1, 2, 3, 49]),
      membership: random.pick(['ignored', 'ignored', 'ignored', 'required']),
      affinity_size: random.pick([0, 2, 5]),
      selection: random.pick(['score', 'score', 'pack']),
      idle_policy: random.pick(['fixed', 'fixed', 'pressure']),
      queue: {
        max_length: random.pick([2, 20, 1_000]),
        timeout_sec: random.pick([2, 8, 30]),
        aging_sec: random.pick([1, 5, 30]),
      },
      reclaim: {
        enabled: random.chance(0.8),
        idle_after_sec: idleAfter,
        idle_after_sec_under_pressure: random.pick([0.5, 2]),
        min_hold_sec: random.pick([0.5, 2, 6]),
      },
      accept_timeout_sec: random.pick([1, 3, 10]),
      reconnect_grace_sec: random.pick([2, 8, 30]),
      purposes: {
        default: { idle_timeout_sec: random.pick([5, 20, 60]), priority_weight: 10 },
        music: { idle_timeout_sec: random.pick([3, 10, 40]), priority_weight: 30 },
      },
    },
    multi_agent: {
      autoscaling: {
        heartbeat_timeout_sec: random.pick([4, 10, 30]),
        check_interval_sec: random.pick([2, 5, 10]),
        unhealthy_threshold: random.pick([1, 2, 3]),
      },
    },
  };
  return withDefaults(ConfigSchema as SettingSchema, given) as Config;
}

function drawKinds(random: Random): FleetKindOptions[] {
  if (random.chance(0.25)) return [];
  const min = random.between(0, 1);
  const max = random.between(Math.max(1, min), 4);
  const core = random.chance(0.5);
  const first = 9_100;
  return [
    {
      name: 'music',
      agentName: 'music',
      tools: KIND_TOOLS,
      command: ['agent'],
      min,
      max,
      coreAgent: core ? 'music_1' : null,
      ports: [first, first + random.between(max - 1, max + 3)],
    },
  ];
}
