/** `remuda status`: is the pool well, and what is it doing? */
import { Command } from 'commander';
import type { Alert, Stats, Status } from '../../protocol/pool-schemas.ts';
import type { CliContext } from '../context.ts';
import { formatCount, formatPercent, formatSeconds, plural } from '../duration.ts';
import { Failure, ToldFailure } from '../failure.ts';
import { callsPool, type PoolCallOptions, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';

interface Overview {
  readonly url: string;
  readonly ready: boolean;
  /** Why not. */
  readonly detail: string;
  /** Null while the pool cannot even say that. */
  readonly stats: Stats | null;
  readonly alerts: readonly Alert[];
}

export function statusCommand(context: CliContext): Command {
  const command = new Command('status').description('show how a pool is doing');
  withExample(callsPool(command), 'remuda status', 'remuda status --json | jq .stats.utilization');
  return command.action(async ({ url, json }: PoolCallOptions) => {
    const overview = await look(new PoolClient(url, context));
    if (json) await context.out.json(overview);
    else for (const line of describe(overview)) await context.out.print(line);
    // A script that asks wants to know without reading.
    if (!overview.ready) throw new ToldFailure();
  });
}

async function look(client: PoolClient): Promise<Overview> {
  const { url } = client;
  const ready = await answered(client.call<Status>('GET', '/readyz'));
  const stats = await answered(client.call<Stats>('GET', '/v1/stats'));
  const alerts = await answered(client.call<{ items: Alert[] }>('GET', '/v1/alerts'));
  return {
    url,
    ready: !(ready instanceof Failure),
    detail: ready instanceof Failure ? ready.document.detail : '',
    stats: stats instanceof Failure ? null : stats,
    alerts: alerts instanceof Failure ? [] : alerts.items,
  };
}

/** A pool that is not ready answers all the same; only one that does not answer is a failure. */
async function answered<T>(call: Promise<{ readonly body: T }>): Promise<T | Failure> {
  try {
    return (await call).body;
  } catch (error) {
    if (error instanceof Failure && error.document.code === 'NOT_READY') return error;
    throw error;
  }
}

function describe({ url, ready, detail, stats, alerts }: Overview): string[] {
  const lines = [ready ? `${url} is ready.` : `${url} is NOT ready: ${detail}`];
  if (stats) lines.push(...figures(stats));
  const open = alerts.filter(({ state }) => state === 'open');
  for (const alert of open) {
    lines.push(`alert        ${alert.name}: ${alert.message} (since ${alert.since})`);
  }
  if (open.length === 0) lines.push('alerts       none');
  return lines;
}

function figures(stats: Stats): string[] {
  const { agents, leases, queue, counters } = stats;
  const asked = counters.requests === 0 ? '' : `, ${plural(counters.requests, 'request')} so far`;
  return [
    `version      ${stats.version}, up ${formatSeconds(stats.uptime_sec)}${asked}`,
    `agents       ${formatCount(agents.total)}${counted(agents.by_phase)}`,
    `health       ${listed(agents.by_health) || '-'}`,
    `leases       ${formatCount(leases.total)}${counted(leases.by_state)}`,
    `queue        ${formatCount(queue.length)}${queue.length === 0 ? '' : `, the oldest for ${formatSeconds(queue.oldest_sec)}`}`,
    `utilization  ${formatPercent(stats.utilization)} (${formatCount(stats.used_slots)} of ${plural(stats.slots, 'slot')})`,
    `warm         ${formatPercent(stats.warm_hit_ratio)} of ${plural(counters.granted, 'grant')}`,
  ];
}

function counted(counts: { readonly [name: string]: number }): string {
  const words = listed(counts);
  return words === '' ? '' : ` (${words})`;
}

function listed(counts: { readonly [name: string]: number }): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${formatCount(count)} ${name}`)
    .join(', ');
}
