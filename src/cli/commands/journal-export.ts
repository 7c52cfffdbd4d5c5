/** `remuda journal export`: the events as JSON lines, in the words of `GET /v1/events`. */
import { Command, InvalidArgumentError } from 'commander';
import type { FileJournal } from '../../adapters/journals/file.ts';
import type { Batch } from '../../host/ports.ts';
import type { CliContext } from '../context.ts';
import { Failure } from '../failure.ts';
import { findJournal } from '../journal-place.ts';
import { wholeNumber, withConfigFile, withExample } from '../options.ts';

interface ExportOptions {
  readonly config?: string;
  readonly from?: number;
  readonly to?: number;
  readonly types?: readonly string[];
}

/** What is written at once. */
const PIECE_CHARACTERS = 64 * 1_024;

export function journalExportCommand(context: CliContext): Command {
  const command = new Command('export')
    .description('print events as JSON lines, without credentials; works beside a running server')
    .argument('[directory|url]', 'the journal; that of the configuration unless given')
    .option('--from <n>', 'the first event; the oldest that is kept unless given', wholeNumber(1))
    .option('--to <n>', 'the last event; the newest unless given', wholeNumber(1))
    .option('--types <a,b>', 'only events of these types', types);
  withExample(
    withConfigFile(command),
    'remuda journal export ./data --types lease_granted,lease_ended > leases.jsonl',
  );
  return command.action(async (place: string | undefined, options: ExportOptions) => {
    const directory = await findJournal(context, place, options.config);
    const { FileJournal } = await import('../../adapters/journals/file.ts');
    const journal = new FileJournal(directory);
    try {
      await exportEvents(context, journal, options);
    } finally {
      await journal.close();
    }
  });
}

async function exportEvents(
  { out, signal }: CliContext,
  journal: FileJournal,
  { from, to = Number.POSITIVE_INFINITY, types: wanted = [] }: ExportOptions,
): Promise<void> {
  const [{ decodeEvents }, { eventToJson }, { PUBLIC_EVENT_TYPES }] = await Promise.all([
    import('../../host/codec.ts'),
    import('../../protocol/event-json.ts'),
    import('../../protocol/event-schemas.ts'),
  ]);
  await expectTypes(wanted, PUBLIC_EVENT_TYPES);
  const first = from ?? (await oldestKept(journal, out.note.bind(out)));
  let piece = '';
  for await (const batch of journal.read(first)) {
    signal.throwIfAborted();
    if (batch.first > to) break;
    for (const [index, event] of decodeEvents(batch.payload).entries()) {
      const number = batch.first + index;
      if (number < first || number > to) continue;
      // Bookkeeping of idempotency keys: it repeats what other events say.
      const shown = eventToJson(event);
      if (shown === null || (wanted.length > 0 && !wanted.includes(shown.type))) continue;
      piece += `${JSON.stringify({ number, ...shown })}\n`;
      if (piece.length < PIECE_CHARACTERS) continue;
      await out.write(piece);
      piece = '';
    }
  }
  if (piece !== '') await out.write(piece);
}

/** Events that snapshots cover may have been deleted. Only then is the journal looked through. */
async function oldestKept(journal: FileJournal, note: (line: string) => void): Promise<number> {
  try {
    for await (const _batch of journal.read(1) as AsyncIterable<Batch>) break;
    return 1;
  } catch (error) {
    const { firstEvent } = await journal.verify();
    if (firstEvent <= 1) throw error;
    note(`The events before ${firstEvent} are no longer kept.`);
    return firstEvent;
  }
}

function types(text: string): string[] {
  const words = text.split(',').map((word) => word.trim());
  if (words.includes('')) throw new InvalidArgumentError('It must be types separated by commas.');
  return words;
}

async function expectTypes(wanted: readonly string[], known: readonly string[]): Promise<void> {
  const unknown = wanted.find((type) => !known.includes(type));
  if (unknown === undefined) return;
  const { didYouMean } = await import('../../protocol/suggest.ts');
  const hint = didYouMean(unknown, known) || `; there are ${known.join(', ')}`;
  throw new Failure(`"${unknown}" is not a type of event${hint}`, { exitCode: 2 });
}
