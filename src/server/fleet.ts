/** The fleet of the configuration: which kinds of agents there are, and what starts them. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ProcessProvisioner } from '../adapters/provisioners/process/process-provisioner.ts';
import type { PoolOptions } from '../core/options.ts';
import { Fleet } from '../host/fleet.ts';
import type { FleetKindOptions } from '../host/fleet-options.ts';
import type { PoolHost } from '../host/host-api.ts';
import type { Clock } from '../host/ports.ts';
import { toMs } from '../protocol/time.ts';
import type { Config } from './config/schema.ts';
import type { Logger } from './logger.ts';

/** The agent that belongs to no specialization of the configuration. */
const PRIMARY = 'primary';
const PRIMARY_PORTS = [9_001, 9_050] as const;
/** The server itself has to stop within ten seconds. */
const STOP_GRACE_MS = 6_000;

/** Every kind that can be started, the built-in one first. */
function kindsOf({ multi_agent: { specializations, autoscaling } }: Config) {
  const kinds: FleetKindOptions[] = [];
  if (!Object.hasOwn(specializations, PRIMARY)) {
    kinds.push({
      name: PRIMARY,
      agentName: PRIMARY,
      tools: [],
      command: commandOf([]),
      min: 1,
      max: 1,
      coreAgent: PRIMARY,
      ports: PRIMARY_PORTS,
    });
  }
  for (const [name, { agent_name: agentName, tools, command, core }] of Object.entries(
    specializations,
  )) {
    kinds.push({
      name,
      agentName,
      tools,
      command: commandOf(command),
      min: autoscaling.min_agents_per_type,
      max: autoscaling.max_agents_per_type,
      coreAgent: core ? `${agentName}_1` : null,
      ports: autoscaling.port_ranges[name] ?? null,
    });
  }
  return kinds;
}

/** What a request may wait for although no such agent is there. */
export function startableOf(config: Config): PoolOptions['startable'] {
  if (!config.multi_agent.enabled) return [];
  return kindsOf(config).map(({ name, tools, max }) => ({ name, tools, slots: 1, max }));
}

export interface FleetParts {
  readonly config: Config;
  readonly host: PoolHost;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where agents reach the pool. */
  readonly url: string;
  /** False where the host counts misses by itself. */
  readonly countsMisses: boolean;
}

export function createFleet({ config, host, clock, logger, url, countsMisses }: FleetParts): Fleet {
  const { enabled, autoscaling } = config.multi_agent;
  const log = logger.child({ component: 'fleet' });
  const { alerts } = config.pool;
  return new Fleet({
    host,
    provisioner: enabled
      ? new ProcessProvisioner({
          poolId: poolIdOf(config.journal.url),
          url,
          logDirectory: config.log.file === '' ? 'logs' : dirname(config.log.file),
          stopGraceMs: STOP_GRACE_MS,
          log,
        })
      : null,
    clock,
    log,
    scalingLog: logger.child({ component: 'autoscaler' }),
    kinds: kindsOf(config),
    policy: {
      scaleUpThreshold: autoscaling.scale_up_threshold,
      scaleDownThreshold: autoscaling.scale_down_threshold,
      scaleUpCooldownMs: toMs(autoscaling.scale_up_cooldown_sec),
      scaleDownCooldownMs: toMs(autoscaling.scale_down_cooldown_sec),
      unhealthyThreshold: autoscaling.unhealthy_threshold,
      utilizationHigh: alerts.utilization_high,
      utilizationLow: alerts.utilization_low,
    },
    enabled: autoscaling.enabled,
    checkIntervalMs: toMs(autoscaling.check_interval_sec),
    startDeadlineMs: toMs(autoscaling.start_timeout_sec),
    countsMisses,
  });
}

/** Without a command of its own an agent is the reference agent. */
function commandOf(command: readonly string[]): readonly string[] {
  if (command.length > 0) return command;
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`../agent/main.${extension}`, import.meta.url));
  return [process.execPath, program];
}

/**
 * Tells the processes of this pool from those of others on the machine, also after a crash: the
 * place of its journal. A journal in memory is gone with its process, and so is the id.
 */
function poolIdOf(url: string): string {
  let place = `${url} ${process.pid} ${performance.timeOrigin}`;
  if (url.startsWith('file:')) {
    const directory = resolve(url.slice('file:'.length));
    try {
      place = realpathSync(directory);
    } catch {
      place = directory;
    }
  }
  return createHash('sha256').update(place).digest('hex').slice(0, 16);
}
