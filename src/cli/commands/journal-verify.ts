import { Command } from 'commander';
import type { JournalReport } from '../../adapters/journals/file.ts';
import type { CliContext } from '../context.ts';
import { formatCount, plural } from '../duration.ts';
import { ToldFailure } from '../failure.ts';
import { findJournal } from '../journal-place.ts';
import { type JsonOptions, withConfigFile, withExample, withJson } from '../options.ts';

interface VerifyOptions extends JsonOptions {
  readonly config?: string;
}

export function journalVerifyCommand(context: CliContext): Command {
  const command = new Command('verify')
    .description('check that all that is stored is as it was written; changes nothing')
    .argument('[directory|url]', 'the journal; that of the configuration unless given');
  withExample(
    withJson(withConfigFile(command)),
    'remuda journal verify ./data',
    'remuda journal verify --json | jq .faults',
  );
  return command.action(async (place: string | undefined, options: VerifyOptions) => {
    const directory = await findJournal(context, place, options.config);
    const { FileJournal } = await import('../../adapters/journals/file.ts');
    const journal = new FileJournal(directory);
    try {
      const report = await journal.verify();
      if (options.json) await context.out.json(toJson(journal.name, report));
      else for (const line of describe(journal.name, report)) await context.out.print(line);
      if (report.faults.length > 0) throw new ToldFailure();
    } finally {
      await journal.close();
    }
  });
}

function toJson(name: string, report: JournalReport): object {
  return {
    journal: name,
    ok: report.faults.length === 0,
    batches: report.batches,
    events: report.events,
    first_event: report.firstEvent,
    last_event: report.lastEvent,
    bytes: report.bytes,
    snapshots: report.snapshots.map(({ file, lastEvent, bytes, ok, detail }) => ({
      file,
      last_event: lastEvent,
      bytes,
      ok,
      detail,
    })),
    faults: report.faults,
  };
}

function describe(name: string, report: JournalReport): string[] {
  const { events, firstEvent, lastEvent, batches, bytes, snapshots, faults } = report;
  const range = events === 0 ? '' : ` (${formatCount(firstEvent)} to ${formatCount(lastEvent)})`;
  const lines = [
    `journal    ${name}`,
    `events     ${formatCount(events)}${range}`,
    `batches    ${formatCount(batches)}, ${formatCount(bytes)} bytes`,
  ];
  for (const snapshot of snapshots) {
    const state = snapshot.ok ? 'good' : `DAMAGED: ${snapshot.detail}`;
    const what = `${snapshot.file}, up to event ${formatCount(snapshot.lastEvent)}`;
    lines.push(`snapshot   ${what}, ${formatCount(snapshot.bytes)} bytes: ${state}`);
  }
  if (faults.length === 0) return [...lines, 'All of it is as it was written.'];
  lines.push(`${plural(faults.length, 'fault')}:`);
  for (const { where, message } of faults) lines.push(`  ${where && `${where}: `}${message}`);
  return lines;
}
