import { Command } from 'commander';
import type { Lease } from '../../protocol/lease-schemas.ts';
import type { CliContext } from '../context.ts';
import { forEach } from '../for-each.ts';
import { callsPool, type PoolCallOptions, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';

export function releaseCommand(context: CliContext): Command {
  const command = new Command('release')
    .description('give agents back')
    .argument('<lease_id...>', 'leases to end');
  withExample(callsPool(command), 'remuda release lse-17-3 lse-18-1');
  return command.action(async (ids: readonly string[], { url, json }: PoolCallOptions) => {
    const client = new PoolClient(url, context);
    await forEach(context, ids, {
      json,
      listName: 'leases',
      idName: 'lease_id',
      one: async (id) => {
        const path = `/v1/leases/${encodeURIComponent(id)}`;
        return (await client.call<Lease>('DELETE', path)).body;
      },
      line: ({ lease_id: id, agent_id: agent, reason }) =>
        reason === 'released' || reason === undefined
          ? `${id} released, ${agent} is free of it`
          : `${id} had ended before (${reason})`,
    });
  });
}
