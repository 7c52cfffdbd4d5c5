import { Command, Option } from 'commander';
import { HEALTHS, PHASES } from '../../core/words.ts';
import type { Agent, AgentPage } from '../../protocol/agent-schemas.ts';
import type { CliContext } from '../context.ts';
import { plural } from '../duration.ts';
import { callsPool, type PoolCallOptions, wholeNumber, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';
import { formatTable } from '../table.ts';

interface ListOptions extends PoolCallOptions {
  readonly specialization?: string;
  readonly phase?: string;
  readonly health?: string;
  readonly tool?: string;
  readonly limit?: number;
}

/** The most that the pool gives at once. */
const PAGE = 1_000;

export function agentsListCommand(context: CliContext): Command {
  const command = new Command('list')
    .description('list agents')
    .option('--specialization <name>', 'only those of this specialization')
    .addOption(new Option('--phase <phase>', 'only those in this phase').choices(PHASES))
    .addOption(new Option('--health <health>', 'only those of this health').choices(HEALTHS))
    .option('--tool <name>', 'only those that have this tool')
    .option('--limit <n>', 'no more than this; all unless given', wholeNumber(1));
  withExample(callsPool(command), 'remuda agents list --phase available --tool music --limit 20');
  return command.action(async (options: ListOptions) => {
    const agents = await list(new PoolClient(options.url, context), context, options);
    if (options.json) await printJson(context, agents);
    else await printTable(context, agents);
  });
}

async function list(
  client: PoolClient,
  { signal }: CliContext,
  { limit = Number.POSITIVE_INFINITY, specialization, phase, health, tool }: ListOptions,
): Promise<Agent[]> {
  const agents: Agent[] = [];
  let cursor: string | undefined;
  do {
    signal.throwIfAborted();
    const query = {
      ...{ specialization, phase, health, tool, cursor },
      limit: Math.min(PAGE, limit - agents.length),
    };
    const { body } = await client.call<AgentPage>('GET', '/v1/agents', { query });
    for (const agent of body.items) agents.push(agent);
    cursor = body.next_cursor ?? undefined;
  } while (cursor !== undefined && agents.length < limit);
  return agents;
}

/** Written piece by piece: half a million agents are more than one text can hold. */
async function printJson({ out }: CliContext, agents: readonly Agent[]): Promise<void> {
  await out.write('{"items":[');
  for (let first = 0; first < agents.length; first += PAGE) {
    const texts = agents.slice(first, first + PAGE).map((agent) => JSON.stringify(agent));
    await out.write(`${first === 0 ? '' : ','}\n${texts.join(',\n')}`);
  }
  await out.write(agents.length === 0 ? ']}\n' : '\n]}\n');
}

const HEADER = ['AGENT', 'SPECIALIZATION', 'PHASE', 'HEALTH', 'TIER', 'SLOTS', 'LOAD', 'TOOLS'];

async function printTable({ out }: CliContext, agents: readonly Agent[]): Promise<void> {
  const rows = agents.map((agent) => [
    agent.agent_id,
    agent.specialization,
    agent.phase,
    agent.health,
    agent.tier,
    `${agent.used_slots}/${agent.slots}`,
    agent.load.toFixed(2),
    agent.tools.join(' ') || '-',
  ]);
  if (rows.length > 0) {
    await out.write(`${formatTable(HEADER, rows, out.width).join('\n')}\n`);
  }
  out.note(agents.length === 0 ? 'No agents.' : plural(agents.length, 'agent'));
}
