/** `remuda autoscaler …`: how many agents run and why, and the switch. */
import { Command } from 'commander';
import type { AutoscalerSwitch } from '../../protocol/autoscaler-schemas.ts';
import type { CliContext } from '../context.ts';
import { callsPool, type PoolCallOptions, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';
import { autoscalerCheckCommand, autoscalerEventsCommand } from './autoscaler-events.ts';
import { autoscalerStatsCommand } from './autoscaler-stats.ts';

export function autoscalerCommand(context: CliContext): Command {
  return new Command('autoscaler')
    .description('look at automatic scaling, run a check, switch it on or off')
    .addCommand(autoscalerStatsCommand(context))
    .addCommand(autoscalerEventsCommand(context))
    .addCommand(autoscalerCheckCommand(context))
    .addCommand(switchCommand(context, 'enable', 'let the autoscaler act'))
    .addCommand(switchCommand(context, 'disable', 'only keep protected agents alive'));
}

function switchCommand(
  context: CliContext,
  name: 'enable' | 'disable',
  description: string,
): Command {
  const command = new Command(name).description(description);
  withExample(callsPool(command), `remuda autoscaler ${name}`);
  return command.action(async ({ url, json }: PoolCallOptions) => {
    const client = new PoolClient(url, context);
    const { body } = await client.call<AutoscalerSwitch>('POST', `/autoscaler/${name}`);
    if (json) await context.out.json(body);
    else await context.out.print(`The autoscaler is ${body.enabled ? 'enabled' : 'disabled'}.`);
  });
}
