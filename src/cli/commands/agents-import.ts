/** `remuda agents import`: a file of agents, all of it or nothing. */
import { Command } from 'commander';
import type { TSchema } from 'typebox';
import { AgentRegistration, type Registered } from '../../protocol/agent-schemas.ts';
import type { Parcel } from '../agents-file/parcels.ts';
import type { AgentsFile } from '../agents-file/read.ts';
import type { CliContext } from '../context.ts';
import { formatCount, plural } from '../duration.ts';
import { Failure, fileFailure } from '../failure.ts';
import { callsPool, type PoolCallOptions, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';
import { startProgress } from '../progress.ts';

interface ImportOptions extends PoolCallOptions {
  readonly dryRun?: boolean;
}

const FORMAT = `
The file is CSV with a header, or JSON lines. Columns: agent_id, specialization, tools (separated
by ; or spaces), tier, slots, cost_per_hour, protected, labels (key=value;key=value), memberships
(separated by ;), credential. An empty cell is the default. A fault in any row imports nothing.`;

export function agentsImportCommand(context: CliContext): Command {
  const command = new Command('import')
    .description('register the agents of a file')
    .argument('<file>', 'CSV or JSON lines; - reads stdin')
    .option('--dry-run', 'only check the file, without a pool')
    .addHelpText('after', FORMAT);
  withExample(
    callsPool(command),
    'remuda agents import agents.csv',
    'generate-agents | remuda agents import - --dry-run',
  );
  return command.action(async (file: string, options: ImportOptions) => {
    const client = new PoolClient(options.url, context);
    const read = await readFile(context, file);
    expectAgents(file, read);
    const done = options.dryRun
      ? { registered: 0, unchanged: 0 }
      : await send(context, client, file, read);
    if (options.json) {
      const { agents } = read;
      await context.out.json({ file, agents, dry_run: options.dryRun === true, ...done });
    } else await context.out.print(summary(read, done, options));
  });
}

export async function readFile(
  { signal }: CliContext,
  file: string,
  schema: TSchema = AgentRegistration,
): Promise<AgentsFile> {
  const { readAgentsFile } = await import('../agents-file/read.ts');
  try {
    return await readAgentsFile(file, process.stdin, signal, schema);
  } catch (error) {
    throw fileFailure(file, error);
  }
}

export function expectAgents(
  file: string,
  { agents, faults, faultsTotal }: AgentsFile,
  done = 'imported',
): void {
  const name = file === '-' ? 'stdin' : file;
  if (faultsTotal > 0) {
    const lines = faults.map(({ line, column, message }) => {
      return `  line ${line}${column && `, column ${column}`}: ${message}`;
    });
    if (faultsTotal > faults.length) {
      lines.push(`  … and ${plural(faultsTotal - faults.length, 'more fault')}`);
    }
    const detail = `${name} has ${plural(faultsTotal, 'fault')}; nothing was ${done}.`;
    throw new Failure([detail, ...lines].join('\n'), {
      code: 'INVALID_ROWS',
      detail,
      errors: faults,
      errors_total: faultsTotal,
    });
  }
  if (agents === 0) throw new Failure(`${name} holds no agents.`, { code: 'INVALID_ROWS' });
}

async function send(
  context: CliContext,
  client: PoolClient,
  file: string,
  { parcels, agents }: AgentsFile,
): Promise<Registered> {
  const bar = await startProgress(context, '{bar} {value} / {total} agents', agents);
  const done = { registered: 0, unchanged: 0 };
  let sent = 0;
  try {
    for (const parcel of parcels) {
      const { body } = await client
        .call<Registered>('POST', '/v1/agents', { text: parcel.text })
        .catch((error: unknown) => {
          throw cutShort(error, file, parcels, parcel);
        });
      done.registered += body.registered;
      done.unchanged += body.unchanged;
      sent += parcel.lines.length;
      bar.update(sent);
    }
  } finally {
    bar.stop();
  }
  return done;
}

/** What is in and what is not, when a call fails: each call is carried out as a whole or not. */
function cutShort(
  error: unknown,
  file: string,
  parcels: readonly Parcel[],
  failed: Parcel,
): unknown {
  if (!(error instanceof Failure)) return error;
  const index = parcels.indexOf(failed);
  const before = parcels.slice(0, index);
  const count = before.reduce((sum, { lines }) => sum + lines.length, 0);
  // Without an answer nobody knows whether the pool had done it already.
  const isUnknown = error.document.code === 'UNREACHABLE' || error.document.code === 'NOT_A_POOL';
  const lines = [withLines(error.message, failed)];
  if (count > 0) {
    const range = rangeOf(before[0]?.lines[0], before.at(-1)?.lines.at(-1));
    lines.push(`${range} of ${file} (${plural(count, 'agent')}) are registered.`);
  }
  if (count > 0 || isUnknown) {
    const range = rangeOf(failed.lines[0], failed.lines.at(-1));
    const rest = index < parcels.length - 1 ? ' What comes after is not.' : '';
    lines.push(
      isUnknown
        ? `${range} (${plural(failed.lines.length, 'agent')}) may or may not be.${rest}`
        : `What comes from line ${failed.lines[0]} on is not.`,
      'Running the same command again is safe: an agent that is registered already stays as it is.',
    );
  } else lines.push('Nothing was imported.');
  const { exitCode, document } = error;
  return new Failure(lines.join('\n'), { exitCode, ...document, agents_registered: count });
}

const rangeOf = (first = 0, last = 0): string => `Lines ${first} to ${last}`;

/** The pool counts agents from 0 within a call; the user counts lines. */
function withLines(message: string, { lines }: Parcel): string {
  return message.replaceAll(/(^|\s)\/(\d+)(?=[/:])/gm, (text, space: string, index: string) => {
    const line = lines[Number(index)];
    return line === undefined ? text : `${space}line ${line} `;
  });
}

function summary(
  { agents }: AgentsFile,
  { registered, unchanged }: Registered,
  { dryRun, url }: ImportOptions,
): string {
  if (dryRun) return `${plural(agents, 'agent')} can be imported; nothing was sent.`;
  const before = unchanged === 0 ? '' : `, ${formatCount(unchanged)} were there already`;
  return `${plural(registered, 'agent')} registered at ${url}${before}.`;
}
