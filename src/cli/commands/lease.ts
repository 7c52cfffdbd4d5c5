/** `remuda lease`: ask for an agent as any tenant does. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { PRIORITIES, TIERS } from '../../core/words.ts';
import type { Explain, Granted, Queued } from '../../protocol/lease-schemas.ts';
import type { CliContext } from '../context.ts';
import { formatSeconds } from '../duration.ts';
import { Failure } from '../failure.ts';
import {
  amount,
  callsPool,
  collect,
  type PoolCallOptions,
  wholeNumber,
  withExample,
} from '../options.ts';
import { PoolClient } from '../pool-client.ts';
import { formatTable } from '../table.ts';

interface LeaseOptions extends PoolCallOptions {
  readonly tool?: readonly string[];
  readonly purpose?: string;
  readonly priority?: string;
  readonly specialization?: string;
  readonly minTier?: string;
  readonly count?: number;
  readonly lifetime?: number;
  readonly wait?: number;
  readonly queue: boolean;
  readonly reuse: boolean;
  readonly dryRun?: boolean;
  readonly explain?: boolean;
  readonly metadata?: object;
  readonly idempotencyKey?: string;
}

/** The longest that the pool keeps a request open. */
const LONGEST_WAIT_SEC = 60;

export function leaseCommand(context: CliContext): Command {
  const command = new Command('lease')
    .description('ask for an agent')
    .argument('<tenant>', 'who asks')
    .option('--tool <name>', 'a tool that the agent must have; may be repeated', collect)
    .option('--purpose <name>', 'what it is for')
    .addOption(new Option('--priority <priority>', 'how urgent it is').choices(PRIORITIES))
    .option('--specialization <name>', 'only an agent of this specialization')
    .addOption(
      new Option('--min-tier <tier>', 'only an agent of this tier or better').choices(TIERS),
    )
    .option('--count <n>', 'how many agents, all or none', wholeNumber(1))
    .option('--lifetime <sec>', 'end the lease after this time, whatever it is doing', amount)
    .option('--wait <sec>', 'wait so long for an answer better than "queued"', seconds)
    .option('--no-queue', 'do not wait in the queue when no agent is free')
    .option('--no-reuse', 'a new lease, even if the tenant has one that fits')
    .option('--dry-run', 'only say what would happen')
    .option('--explain', 'say how it was decided')
    .option('--metadata <json>', 'an object that is kept with the lease', jsonObject)
    .option('--idempotency-key <key>', 'the same key gets the same answer again', headerText);
  withExample(
    callsPool(command),
    'remuda lease guild-42 --tool music --purpose music --wait 10',
    'remuda lease guild-42 --dry-run --explain',
  );
  return command.action(async (tenant: string, options: LeaseOptions) => {
    const client = new PoolClient(options.url, context);
    const answer = await ask(client, tenant, options).catch((error: unknown) => {
      throw withExplanation(error);
    });
    if (options.json) await context.out.json(answer);
    else
      for (const line of describe(answer, options, context.out.width))
        await context.out.print(line);
  });
}

async function ask(
  client: PoolClient,
  tenant: string,
  options: LeaseOptions,
): Promise<Granted | Queued> {
  const { idempotencyKey: key } = options;
  const { body } = await client.call<Granted | Queued>('POST', '/v1/leases', {
    body: {
      tenant,
      tools: options.tool,
      purpose: options.purpose,
      priority: options.priority,
      specialization: options.specialization,
      min_tier: options.minTier,
      count: options.count,
      lifetime_sec: options.lifetime,
      wait_sec: options.wait,
      queue: options.queue,
      reuse: options.reuse,
      dry_run: options.dryRun,
      explain: options.explain,
      metadata: options.metadata,
    },
    headers: key === undefined ? {} : { 'idempotency-key': key },
    waitSec: options.wait,
  });
  return body;
}

function describe(answer: Granted | Queued, { dryRun }: LeaseOptions, width: number): string[] {
  const lines =
    answer.outcome === 'granted' ? granted(answer, width, dryRun) : [queued(answer, dryRun)];
  return answer.explain ? [...lines, '', ...explained(answer.explain)] : lines;
}

function granted({ leases, reused }: Granted, width: number, dryRun = false): string[] {
  const how = reused ? 'yes' : 'no';
  const header = ['LEASE', 'AGENT', 'TOKEN', 'WARM', 'REUSED', 'STATE', 'ENDPOINT'];
  const rows = leases.map((lease) => [
    lease.lease_id || '(dry run)',
    lease.agent_id,
    String(lease.token),
    lease.warm ? 'yes' : 'no',
    how,
    lease.state,
    lease.endpoint ?? '-',
  ]);
  const table = formatTable(header, rows, width);
  return dryRun ? ['It would be granted; nothing has changed.', ...table] : table;
}

function queued({ ticket }: Queued, dryRun = false): string {
  const where = `position ${ticket.position}, about ${formatSeconds(ticket.eta_sec)}`;
  if (dryRun) return `It would be queued: ${where}. Nothing has changed.`;
  return `Queued as ${ticket.ticket_id}: ${where}. It gives up at ${ticket.expires_at}.`;
}

function explained({ considered, eligible, chosen, score, rejected }: Explain): string[] {
  const lines = [`Of ${considered} agents ${eligible} were free and fit.`];
  if (chosen !== null) lines.push(`Chosen: ${chosen}`);
  if (score) {
    const { total, health, tier, idle, load } = score;
    lines.push(`Score: ${total} (health ${health}, tier ${tier}, idle ${idle}, load ${load})`);
  }
  for (const [reason, count] of Object.entries(rejected)) lines.push(`  ${count} ${reason}`);
  return lines;
}

/** A refusal explains itself too, where that was asked for. */
function withExplanation(error: unknown): unknown {
  if (!(error instanceof Failure) || error.document.explain === undefined) return error;
  const lines = explained(error.document.explain as Explain);
  const { exitCode, document } = error;
  return new Failure([error.message, ...lines].join('\n'), { exitCode, ...document });
}

function seconds(text: string): number {
  const value = amount(text);
  if (value <= LONGEST_WAIT_SEC) return value;
  throw new InvalidArgumentError(`It must be from 0 to ${LONGEST_WAIT_SEC}.`);
}

function headerText(text: string): string {
  if (/^[\x20-\x7e]{1,255}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 255 printable ASCII characters.');
}

function jsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError('It must be a JSON object, such as \'{"song":"x"}\'.');
}
