/** `remuda plan invites`: which agents to invite to which tenants. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { InvitePlan, PlannedInvite } from '../../sim/invites/plan.ts';
import type { CliContext } from '../context.ts';
import { formatCount, formatPercent, plural } from '../duration.ts';
import { fileFailure, wrongUsage } from '../failure.ts';
import {
  amount,
  callsPool,
  collect,
  type PoolCallOptions,
  wholeNumber,
  withExample,
} from '../options.ts';
import { time } from '../replay-options.ts';
import { formatTable } from '../table.ts';
import type { Measured, PlanWorld } from './plan-invites-world.ts';

export interface PlanInvitesOptions extends PoolCallOptions {
  readonly trace?: string;
  readonly tenantColumn?: string;
  readonly timeColumn?: string;
  readonly durationColumn?: string;
  readonly purposeColumn?: string;
  readonly exclude?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
  readonly learnUntil?: number;
  readonly idleTimeout: number;
  readonly agents?: number;
  readonly slots?: number;
  readonly specialization?: string;
  readonly tool?: readonly string[];
  readonly tenant?: readonly string[];
  readonly invites?: number;
  readonly perTenant?: number;
  readonly atLeast?: number;
  readonly maxPerTenant: number;
  readonly maxPerAgent: number;
  readonly out?: string;
}

const MOST_AGENTS = 100_000;
const MOST_INVITES = 10_000_000;
const SECONDS_IDLE = 900;
const MAX_PER_TENANT = 49;
const MAX_PER_AGENT = 100;

const SOURCES = `
When tenants ask comes from a trace (--trace), or else from what a pool remembers of its tenants. The
agents and the memberships that there are come from a pool (--url), or else are N new agents without
any (--agents, with --trace). Present memberships are kept. An agent's labels max_tenants and
verified say how many tenants it may have; --max-per-agent counts for those without.`;

export function planInvitesCommand(context: CliContext): Command {
  const command = new Command('invites')
    .description('choose agents to invite, so that tenants that ask together share few of them')
    .option(
      '--invites <n>',
      'so many invites in all, as tenants need them',
      wholeNumber(1, MOST_INVITES),
    )
    .option('--per-tenant <n>', 'so many invites for each tenant', wholeNumber(1, 1_000))
    .option(
      '--at-least <n>',
      'with --invites: first give each tenant so many',
      wholeNumber(1, 1_000),
    )
    .option(
      '--max-per-tenant <n>',
      'agents that a tenant may have',
      wholeNumber(1, 1_000),
      MAX_PER_TENANT,
    )
    .option(
      '--max-per-agent <n>',
      'tenants that an agent may have',
      wholeNumber(1, 1_000_000),
      MAX_PER_AGENT,
    )
    .option('--trace <file>', 'CSV with a header, also compressed with gzip')
    .option('--tenant-column <column>', 'who asks')
    .option('--time-column <column>', 'when, in unix seconds or ISO 8601')
    .option('--duration-column <column>', 'for how many seconds the agent works')
    .option('--purpose-column <column>', 'rows of a tenant that differ here need an agent each')
    .option('--exclude <column=value>', 'leave such rows out; may be repeated', collect)
    .option('--from <time>', 'leave out what was before', time)
    .option('--to <time>', 'leave out what was then or later', time)
    .option('--limit <n>', 'read no more usable rows than this', wholeNumber(1))
    .option('--learn-until <time>', 'learn from what was before, measure on the rest', time)
    .option(
      '--idle-timeout <sec>',
      'how long a lease is kept after its last use',
      amount,
      SECONDS_IDLE,
    )
    .option(
      '--agents <n>',
      'plan for so many new agents, without a pool',
      wholeNumber(1, MOST_AGENTS),
    )
    .option('--slots <n>', 'tenants that each of them serves at a time', wholeNumber(1, 1_000))
    .option('--specialization <name>', 'only agents of the pool of this specialization')
    .option(
      '--tool <name>',
      'only agents of the pool that have this tool; may be repeated',
      collect,
    )
    .option('--tenant <id>', 'plan for this tenant too, without a trace; may be repeated', collect)
    .option('--out <file>', 'write the plan to this CSV file');
  callsPool(command).addHelpText('after', SOURCES);
  withExample(
    command,
    'remuda plan invites --trace requests.csv.gz --tenant-column guild --agents 40 --invites 500',
    'remuda plan invites --trace requests.csv.gz --tenant-column guild --per-tenant 2 --out invites.csv',
    'remuda plan invites --url http://127.0.0.1:8766 --invites 100 --json',
  );
  return command.action(async (options: PlanInvitesOptions) => {
    check(options, command.getOptionValueSource('url') === 'cli');
    const { readPlanWorld, measure } = await import('./plan-invites-world.ts');
    const { planInvites, capacityOf, roomOf } = await import('../../sim/invites/plan.ts');
    const world = await readPlanWorld(context, options);
    const { invites = 0, perTenant } = options;
    const wanted = roomOf(world.input).map((most) => Math.min(most, perTenant ?? 0));
    const sum = wanted.reduce((total, most) => total + most, invites);
    expectRoom(world, options, sum, capacityOf(world.input));
    const { atLeast } = options;
    const budget = perTenant === undefined ? { total: invites, atLeast } : { perTenant };
    const plan = planInvites({ ...world.input, budget });
    await tell(context, options, world, plan, measure(world, plan));
  });
}

function check(options: PlanInvitesOptions, isUrlGiven: boolean): void {
  const { invites, perTenant, trace, tenantColumn, agents, from, to, learnUntil } = options;
  if ((invites === undefined) === (perTenant === undefined)) {
    throw wrongUsage('Say how many: either --invites N in all, or --per-tenant N for each tenant.');
  }
  if (perTenant !== undefined && perTenant > options.maxPerTenant) {
    throw wrongUsage(
      `--per-tenant ${perTenant} is more than --max-per-tenant ${options.maxPerTenant} allows.`,
    );
  }
  if (perTenant !== undefined && options.atLeast !== undefined) {
    throw wrongUsage('--at-least goes with --invites; --per-tenant says it already.');
  }
  if (trace !== undefined && tenantColumn === undefined) {
    throw wrongUsage('--trace needs --tenant-column: which column says who asks?');
  }
  const needTrace = [
    'tenantColumn',
    'timeColumn',
    'durationColumn',
    'purposeColumn',
    'exclude',
  ] as const;
  const others = ['from', 'to', 'limit', 'learnUntil', 'agents'] as const;
  for (const name of [...needTrace, ...others]) {
    if (trace === undefined && options[name] !== undefined) {
      throw wrongUsage(`${flagOf(name)} goes with --trace FILE, which is missing.`);
    }
  }
  if (trace !== undefined && options.tenant !== undefined) {
    throw wrongUsage('--tenant is for a plan without a trace; a trace names its tenants itself.');
  }
  if (agents !== undefined && isUrlGiven) {
    throw wrongUsage('--agents plans for new agents and --url for those of a pool; give one.');
  }
  if (agents !== undefined && (options.specialization ?? options.tool) !== undefined) {
    throw wrongUsage(
      '--specialization and --tool choose among the agents of a pool, not of --agents.',
    );
  }
  if (agents === undefined && options.slots !== undefined) {
    throw wrongUsage('--slots goes with --agents; the agents of a pool have their own.');
  }
  if (from !== undefined && learnUntil !== undefined && learnUntil <= from) {
    throw wrongUsage('--learn-until must be later than --from.');
  }
  if (to !== undefined && learnUntil !== undefined && learnUntil >= to) {
    throw wrongUsage('--learn-until must be earlier than --to.');
  }
}

const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function expectRoom(
  { input }: PlanWorld,
  { invites, perTenant, maxPerTenant, maxPerAgent }: PlanInvitesOptions,
  wanted: number,
  capacity: number,
): void {
  if (wanted <= capacity) return;
  const among = `${plural(input.agents.length, 'agent')} and ${plural(input.activities.length, 'tenant')}`;
  const asked =
    invites === undefined
      ? `--per-tenant ${perTenant} takes ${plural(wanted, 'invite')}, which`
      : `--invites ${invites}`;
  throw wrongUsage(
    `${asked} is more than there is room for: ${among} can take ${formatCount(capacity)} more ` +
      `(--max-per-tenant ${maxPerTenant}, --max-per-agent ${maxPerAgent}).`,
  );
}

async function tell(
  { out }: CliContext,
  options: PlanInvitesOptions,
  world: PlanWorld,
  plan: InvitePlan,
  measured: Measured | null,
): Promise<void> {
  const rows = plan.invites.map((invite) => rowOf(world, invite));
  if (options.out !== undefined) {
    try {
      await writeFile(options.out, csv(rows));
    } catch (error) {
      throw fileFailure(options.out, error);
    }
  }
  if (options.json) {
    await out.json({
      tenants: world.input.activities.length,
      agents: world.input.agents.length,
      memberships: world.input.members.reduce((sum, own) => sum + own.length, 0),
      coverage_expected: {
        before: rounded(plan.coverageBefore, 4),
        after: rounded(plan.coverageAfter, 4),
      },
      coverage_measured: measured,
      invites: rows,
    });
    return;
  }
  if (options.out === undefined && rows.length > 0) {
    const header = ['TENANT', 'AGENT', 'NTH', 'GAIN', 'BUSY', 'INVITE'];
    const cells = rows.map((row) => [
      ...[row.tenant, row.agent_id, String(row.nth), String(row.gain)],
      ...[formatPercent(row.busy), row.invite_url ?? '-'],
    ]);
    await out.write(`${formatTable(header, cells, out.width).join('\n')}\n`);
  }
  for (const line of summary(options, world, plan, measured)) out.note(line);
}

interface InviteRow {
  readonly tenant: string;
  readonly agent_id: string;
  readonly nth: number;
  readonly gain: number;
  readonly busy: number;
  readonly why: string;
  readonly invite_url: string | null;
}

function rowOf({ tenants, agents }: PlanWorld, invite: PlannedInvite): InviteRow {
  const { agentId, inviteUrl } = agents[invite.agent]!;
  const asks = `busy with others ${formatPercent(invite.busy)} of the time when the tenant asks`;
  return {
    tenant: tenants[invite.tenant]!,
    agent_id: agentId,
    nth: invite.nth,
    gain: rounded(invite.gain, 3),
    busy: rounded(invite.busy, 4),
    why: invite.nth === 1 ? `its first agent; ${asks}` : `its agent no. ${invite.nth}; ${asks}`,
    invite_url: inviteUrl,
  };
}

function csv(rows: readonly InviteRow[]): string {
  const columns = ['tenant', 'agent_id', 'nth', 'gain', 'busy', 'why', 'invite_url'] as const;
  const cell = (value: string | number | null): string => {
    const text = value === null ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

function* summary(
  { invites: asked, out }: PlanInvitesOptions,
  { input }: PlanWorld,
  { invites, coverageBefore, coverageAfter }: InvitePlan,
  measured: Measured | null,
): Iterable<string> {
  const tenants = new Set(invites.map(({ tenant }) => tenant)).size;
  const to = out === undefined ? '' : `, in ${out}`;
  yield `${plural(invites.length, 'invite')} for ${plural(tenants, 'tenant')} of ${formatCount(input.activities.length)}${to}.`;
  if (asked !== undefined && invites.length < asked) {
    yield `More than ${formatCount(invites.length)} help nobody: the other tenants never asked, or are full.`;
  }
  yield `Requests that find a free member: ${formatPercent(coverageBefore)} now, ${formatPercent(coverageAfter)} expected with the plan.`;
  if (measured !== null) {
    const { requests, before, after, unseen } = measured;
    const where = unseen ? 'after --learn-until' : 'of the trace, which the plan has learned from';
    yield `Of the ${plural(requests, 'request')} ${where}: ${formatPercent(before)} without the plan, ${formatPercent(after)} with it.`;
  }
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
