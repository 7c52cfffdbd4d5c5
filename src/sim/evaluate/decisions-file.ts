/** Decisions as a CSV file, so that another program can work the figures out again. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

type Row = readonly (string | number)[];

/** What is written at once. */
const PIECE_CHARACTERS = 64 * 1_024;

/** Overwrites the file. */
export async function writeDecisions(
  file: string,
  header: readonly string[],
  rows: Iterable<Row>,
  signal?: AbortSignal,
): Promise<void> {
  await pipeline(Readable.from(pieces(header, rows)), createWriteStream(file), { signal });
}

function* pieces(header: readonly string[], rows: Iterable<Row>): Generator<string> {
  let piece = `${header.join(',')}\n`;
  for (const row of rows) {
    piece += `${row.map(field).join(',')}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

function field(value: string | number): string {
  const text = String(value);
  return /[",]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
