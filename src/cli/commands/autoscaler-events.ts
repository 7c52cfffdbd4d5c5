/** `autoscaler events` and `check`: what has been done, and what is done now. */
import { Command } from 'commander';
import { SCALING_RECORDS_KEPT } from '../../core/limits.ts';
import type {
  AutoscalerCheck,
  ScalingEvent,
  ScalingEvents,
} from '../../protocol/autoscaler-schemas.ts';
import type { CliContext } from '../context.ts';
import { callsPool, type PoolCallOptions, wholeNumber, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';
import { formatTable } from '../table.ts';

interface EventsOptions extends PoolCallOptions {
  readonly limit: number;
}

const LIMIT = 20;

export function autoscalerEventsCommand(context: CliContext): Command {
  const command = new Command('events')
    .description('list what the autoscaler did, the newest first')
    .option('--limit <n>', 'no more than this', wholeNumber(1, SCALING_RECORDS_KEPT), LIMIT);
  withExample(callsPool(command), 'remuda autoscaler events --limit 5');
  return command.action(async ({ url, json, limit }: EventsOptions) => {
    const client = new PoolClient(url, context);
    const query = { limit };
    const { body } = await client.call<ScalingEvents>('GET', '/autoscaler/events', { query });
    if (json) return context.out.json(body);
    await printEvents(context, body.events);
    if (body.events.length === 0) context.out.note('No scaling events.');
  });
}

export function autoscalerCheckCommand(context: CliContext): Command {
  const command = new Command('check').description('run a check now and show what it decided');
  withExample(callsPool(command), 'remuda autoscaler check');
  return command.action(async ({ url, json }: PoolCallOptions) => {
    const client = new PoolClient(url, context);
    const { body } = await client.call<AutoscalerCheck>('POST', '/autoscaler/check');
    if (json) return context.out.json(body);
    await printEvents(context, body.actions);
    if (body.actions.length > 0 && body.skipped.length > 0) await context.out.print('');
    const rows = body.skipped.map(({ specialization, reason }) => [specialization, reason]);
    await printTable(context, ['SKIPPED', 'REASON'], rows);
    if (body.actions.length === 0) context.out.note('Nothing was done.');
  });
}

const HEADER = ['TIME', 'TYPE', 'SPECIALIZATION', 'AGENT', 'REPLACES', 'REASON'];

async function printEvents(context: CliContext, events: readonly ScalingEvent[]): Promise<void> {
  const rows = events.map((event) => [
    new Date(event.timestamp * 1_000).toISOString(),
    event.type,
    event.specialization,
    event.agent_id,
    event.replaces ?? '-',
    event.reason,
  ]);
  await printTable(context, HEADER, rows);
}

async function printTable(
  { out }: CliContext,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  if (rows.length > 0) await out.write(`${formatTable(header, rows, out.width).join('\n')}\n`);
}
