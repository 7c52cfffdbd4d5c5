/** `remuda agents rotate`: new credentials for agents, which their runners get at once. */
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { AgentCredential } from '../../protocol/agent-schemas.ts';
import { checkOf } from '../../protocol/validate.ts';
import type { CliContext } from '../context.ts';
import { Failure, wrongUsage } from '../failure.ts';
import { forEach } from '../for-each.ts';
import { callsPool, type PoolCallOptions, withExample } from '../options.ts';
import { PoolClient } from '../pool-client.ts';
import { expectAgents, readFile } from './agents-import.ts';

interface RotateOptions extends PoolCallOptions {
  readonly file?: string;
}

const NOTES = `
Without --file the credential of one agent is read from stdin: what stands on the command line can be
seen by others. A file is CSV with the columns agent_id and credential, or JSON lines. It is checked as
a whole before the first credential is sent. A runner that hosts the agent is handed the new one.`;

export function agentsRotateCommand(context: CliContext): Command {
  const command = new Command('rotate')
    .description('give agents new credentials')
    .argument('[agent_id]', 'the agent whose credential is read from stdin')
    .option('--file <file>', 'a file of agents and their credentials; - reads stdin')
    .addHelpText('after', NOTES);
  withExample(
    callsPool(command),
    'remuda agents rotate bot_17 < token.txt',
    'remuda agents rotate --file rotated.csv',
  );
  return command.action(async (id: string | undefined, options: RotateOptions) => {
    const client = new PoolClient(options.url, context);
    const credentials = await readCredentials(context, id, options.file);
    await forEach(context, [...credentials.keys()], {
      json: options.json,
      listName: 'agents',
      idName: 'agent_id',
      one: async (agent) => {
        const body = { credential: credentials.get(agent) };
        await client.call('PATCH', `/v1/agents/${encodeURIComponent(agent)}`, { body });
        return { agent_id: agent };
      },
      line: ({ agent_id: agent }) => `${agent} has a new credential`,
    });
  });
}

async function readCredentials(
  context: CliContext,
  id: string | undefined,
  file: string | undefined,
): Promise<ReadonlyMap<string, string>> {
  if ((id === undefined) === (file === undefined)) {
    throw wrongUsage('Name one agent, whose credential is then read from stdin, or give --file.');
  }
  if (file !== undefined) return fromFile(context, file);
  const credential = (await text(process.stdin)).trim();
  const agent = { agent_id: id ?? '', credential };
  const faults = checkOf(AgentCredential).explain(agent)?.faults;
  if (faults === undefined) return new Map([[agent.agent_id, credential]]);
  if (credential === '') throw wrongUsage('Stdin holds no credential.');
  throw wrongUsage(faults.map(({ path, message }) => `${path.slice(1)} ${message}`).join('; '));
}

async function fromFile(context: CliContext, file: string): Promise<ReadonlyMap<string, string>> {
  const read = await readFile(context, file, AgentCredential);
  expectAgents(file, read, 'changed');
  const credentials = new Map<string, string>();
  for (const parcel of read.parcels) {
    for (const { agent_id: id, credential } of JSON.parse(parcel.text) as AgentCredential[]) {
      credentials.set(id, credential);
    }
  }
  if (credentials.size !== read.agents) throw new Failure(`${file} could not be read as a whole.`);
  return credentials;
}
