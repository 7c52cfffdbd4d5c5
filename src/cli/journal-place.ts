/** Which journal a command means: a directory, a URL, or the one of the configuration. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pathsIn } from '../adapters/journals/file/paths.ts';
import { readConfig } from './commands/config.ts';
import type { CliContext } from './context.ts';
import { Failure, wrongUsage } from './failure.ts';

/** The directory of a `file:` journal that is there. */
export async function findJournal(
  context: CliContext,
  place: string | undefined,
  configFile: string | undefined,
): Promise<string> {
  const url = place ?? (await readConfig(context, configFile, {})).config.journal.url;
  const directory = directoryOf(url);
  const { database, wal } = pathsIn(directory);
  if (existsSync(database) || existsSync(wal)) return directory;
  const hint = place === undefined ? ' (journal.url of the configuration)' : '';
  throw new Failure(`There is no journal in ${directory}${hint}.`, { code: 'NO_JOURNAL' });
}

function directoryOf(place: string): string {
  // A single letter before a colon is a drive, not a scheme.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(place)?.[1]?.toLowerCase();
  if (scheme === undefined) return resolve(place);
  const path = place.slice('file:'.length);
  if (scheme === 'file' && path !== '') {
    return path.startsWith('//') ? fileURLToPath(`file:${path}`) : resolve(path);
  }
  throw wrongUsage(`A journal is named by its directory or as file:DIRECTORY, not as ${scheme}:.`);
}
