import { Command } from 'commander';
import type { AutoscalerStats } from '../../protocol/autoscaler-schemas.ts';
import type { CliContext } from '../context.ts';
import { plural } from '../duration.ts';
import { callsPool, type PoolCallOptions, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';
import { formatTable, printable } from '../table.ts';

type Kind = AutoscalerStats['specializations'][string];

export function autoscalerStatsCommand(context: CliContext): Command {
  const command = new Command('stats').description('show agents and load by specialization');
  const jq = "jq '.specializations.research.avg_load'";
  withExample(
    callsPool(command),
    'remuda autoscaler stats',
    `remuda autoscaler stats --json | ${jq}`,
  );
  return command.action(async ({ url, json }: PoolCallOptions) => {
    const client = new PoolClient(url, context);
    const { body } = await client.call<AutoscalerStats>('GET', '/autoscaler/stats');
    if (json) await context.out.json(body);
    else await print(context, body);
  });
}

const HEADER = [
  ...['SPECIALIZATION', 'AGENTS', 'LIMITS', 'LOAD', 'STARTING', 'RUNNING', 'DRAINING', 'LOST'],
  ...['UP IN', 'DOWN IN', 'PORTS'],
];

async function print({ out }: CliContext, stats: AutoscalerStats): Promise<void> {
  const { policy, specializations, enabled } = stats;
  const { scale_up_threshold: upper, scale_down_threshold: lower } = policy;
  const events = plural(stats.scaling_events, 'scaling event');
  const unhealthy = plural(stats.unhealthy_agents, 'unhealthy agent');
  await out.print(
    `The autoscaler is ${enabled ? 'enabled' : 'disabled'}: up above ${upper}, down below ${lower}. ` +
      `${events}, ${unhealthy}.`,
  );
  const rows = Object.entries(specializations).map(([name, kind]) => rowOf(name, kind));
  for (const line of rows.length === 0 ? [] : formatTable(HEADER, rows, out.width)) {
    await out.print(line);
  }
  for (const [name, { blocked }] of Object.entries(specializations)) {
    // Of a pool of an earlier version it is absent.
    if (blocked) await out.print(`${name} cannot start agents: ${printable(blocked)}`);
  }
}

function rowOf(name: string, kind: Kind): string[] {
  const { min, max, ports } = kind;
  return [
    name,
    String(kind.count),
    // Both are null for agents that are not started by the pool.
    min === null || max === null ? '-' : `${min}–${max}`,
    kind.avg_load.toFixed(2),
    String(kind.starting),
    String(kind.running),
    String(kind.draining),
    String(kind.lost),
    wait(kind.cooldown_up_sec),
    wait(kind.cooldown_down_sec),
    ports === null ? '-' : `${ports.first}–${ports.last} (${ports.used} used)`,
  ];
}

/** Exact, as in the reasons of a check. */
function wait(sec: number): string {
  return sec === 0 ? '-' : `${sec} s`;
}
