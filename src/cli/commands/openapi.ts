import { Command } from 'commander';
import { readVersion } from '../../server/version.ts';
import type { CliContext } from '../context.ts';
import { withExample } from '../options.ts';

export function openapiCommand({ out }: CliContext): Command {
  const command = new Command('openapi').description('print the description of the HTTP API');
  withExample(command, 'remuda openapi > openapi.json');
  return command.action(async () => {
    const { openApiDocument } = await import('../../protocol/openapi.ts');
    await out.json(openApiDocument(readVersion()));
  });
}
