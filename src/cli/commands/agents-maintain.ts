/** `agents drain`, `resume` and `retire`: taking agents out of service and back. */
import { Command } from 'commander';
import type { Agent } from '../../protocol/agent-schemas.ts';
import type { CliContext } from '../context.ts';
import { plural } from '../duration.ts';
import { forEach } from '../for-each.ts';
import { callsPool, type PoolCallOptions, withExample } from '../options.ts';
import { type Call, PoolClient } from '../pool-client.ts';

interface MaintainOptions extends PoolCallOptions {
  readonly force?: boolean;
}

export function drainCommand(context: CliContext): Command {
  const command = new Command('drain').description('give agents no new leases; idle ones end');
  return maintain(context, command, 'remuda agents drain bot_17 bot_18', (id) => [
    'POST',
    `${path(id)}/drain`,
  ]);
}

export function resumeCommand(context: CliContext): Command {
  const command = new Command('resume').description('let draining agents take leases again');
  return maintain(context, command, 'remuda agents resume bot_17', (id) => [
    'POST',
    `${path(id)}/resume`,
  ]);
}

export function retireCommand(context: CliContext): Command {
  const command = new Command('retire')
    .description('remove agents for good: each drains first and leaves with its last lease')
    .option('--force', 'end their leases at once instead of draining');
  return maintain(context, command, 'remuda agents retire bot_17 --force', (id, { force }) => [
    'DELETE',
    path(id),
    { query: { force } },
  ]);
}

const path = (id: string): string => `/v1/agents/${encodeURIComponent(id)}`;

type Request = readonly [method: string, path: string, call?: Call];

function maintain(
  context: CliContext,
  command: Command,
  example: string,
  request: (id: string, options: MaintainOptions) => Request,
): Command {
  command.argument('<agent_id...>', 'agents by id');
  withExample(callsPool(command), example);
  return command.action(async (ids: readonly string[], options: MaintainOptions) => {
    const client = new PoolClient(options.url, context);
    await forEach(context, ids, {
      json: options.json,
      listName: 'agents',
      idName: 'agent_id',
      one: async (id) => (await client.call<Agent>(...request(id, options))).body,
      line: ({ agent_id: id, phase, leases }) => {
        const left = phase === 'draining' && leases.length > 0;
        return `${id} is ${phase}${left ? `, with ${plural(leases.length, 'lease')} left` : ''}`;
      },
    });
  });
}
