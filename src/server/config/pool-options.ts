/** The configuration in the core's words. */
import type { PoolOptions } from '../../core/options.ts';
import { IDLE_POLICIES, SELECTIONS } from '../../core/words.ts';
import { toMs } from '../../protocol/time.ts';
import { startableOf } from '../fleet.ts';
import type { Config } from './schema.ts';

/** Takes a configuration that `loadConfig` accepted. */
export function poolOptions(config: Config): PoolOptions {
  const { pool } = config;
  const { autoscaling } = config.multi_agent;
  return {
    startable: startableOf(config),
    maxAgentsPerTenant: pool.max_agents_per_tenant,
    membership: pool.membership,
    affinitySize: pool.affinity_size,
    selection: oneOf(SELECTIONS, pool.selection),
    idlePolicy: oneOf(IDLE_POLICIES, pool.idle_policy),
    queue: {
      maxLength: pool.queue.max_length,
      timeoutMs: toMs(pool.queue.timeout_sec),
      agingMs: toMs(pool.queue.aging_sec),
    },
    reclaim: {
      enabled: pool.reclaim.enabled,
      idleAfterMs: toMs(pool.reclaim.idle_after_sec),
      idleAfterUnderPressureMs: toMs(pool.reclaim.idle_after_sec_under_pressure),
      minHoldMs: toMs(pool.reclaim.min_hold_sec),
    },
    purposes: Object.fromEntries(
      Object.entries(pool.purposes).map(([name, purpose]) => [
        name,
        {
          idleTimeoutMs: toMs(purpose.idle_timeout_sec),
          priorityWeight: purpose.priority_weight,
        },
      ]),
    ),
    hosting: {
      acceptTimeoutMs: toMs(pool.accept_timeout_sec),
      reconnectGraceMs: toMs(pool.reconnect_grace_sec),
    },
    health: {
      heartbeatTimeoutMs: toMs(autoscaling.heartbeat_timeout_sec),
      unhealthyThreshold: autoscaling.unhealthy_threshold,
      checkIntervalMs: toMs(autoscaling.check_interval_sec),
    },
  };
}

/** A word that the core does not know would have been refused with the configuration. */
function oneOf<T extends string>(known: readonly T[], word: string): T {
  const found = known.find((candidate) => candidate === word);
  if (found === undefined) throw new Error(`the core does not know "${word}"`);
  return found;
}
