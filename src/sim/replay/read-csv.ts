/** A CSV file with a header, plain or compressed with gzip, record by record. It is streamed. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Parser, parse } from 'csv-parse';
import { ReplayError } from './replay-error.ts';

export interface CsvReader {
  /** Called once, before the records. */
  onHeader(header: readonly string[]): void;
  /** Returns false when it has seen enough. */
  onRecord(record: readonly string[]): boolean;
  /** A record that is no CSV has been left out. */
  onMalformed(): void;
  /** Told now and then how far the file has been read, 0…1. */
  readonly onRead?: (share: number) => void;
  readonly signal?: AbortSignal;
}

const GZIP_MAGIC = [0x1f, 0x8b] as const;
/** A quote that is never closed would otherwise swallow the rest of the file. */
const MAX_RECORD_CHARACTERS = 1_000_000;
const RECORDS_BETWEEN_REPORTS = 16_384;

/** Throws ReplayError, what the reader throws, or the system's error. */
export async function readCsv(file: string, reader: CsvReader): Promise<void> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const source = handle.createReadStream({ autoClose: false, start: 0 });
    const isCompressed = await beginsWith(handle, GZIP_MAGIC);
    await readRecords(file, source, isCompressed, size, reader);
  } finally {
    await handle.close();
  }
}

async function beginsWith(handle: FileHandle, magic: readonly number[]): Promise<boolean> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
  return bytesRead === magic.length && magic.every((byte, index) => buffer[index] === byte);
}

async function readRecords(
  file: string,
  source: Readable & { readonly bytesRead: number },
  isCompressed: boolean,
  size: number,
  reader: CsvReader,
): Promise<void> {
  const parser = parse({
    bom: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    skip_records_with_error: true,
    max_record_size: MAX_RECORD_CHARACTERS,
    on_skip: () => {
      reader.onMalformed();
    },
  });
  let hasHeader = false;
  let records = 0;
  try {
    for await (const record of recordsOf(source, isCompressed, parser)) {
      reader.signal?.throwIfAborted();
      if (!hasHeader) {
        hasHeader = true;
        reader.onHeader(record);
        continue;
      }
      records += 1;
      const isEnough = !reader.onRecord(record);
      if (records % RECORDS_BETWEEN_REPORTS === 0) reader.onRead?.(source.bytesRead / size);
      if (isEnough) break;
    }
  } catch (error) {
    throw explained(file, error);
  } finally {
    source.destroy();
    parser.destroy();
  }
  if (!hasHeader) {
    throw new ReplayError(`${file} is empty; a CSV file with a header line is expected.`);
  }
}

function recordsOf(
  source: Readable,
  isCompressed: boolean,
  parser: Parser,
): AsyncIterable<readonly string[]> {
  const fail = (error: Error): void => {
    parser.destroy(error);
  };
  source.on('error', fail);
  if (!isCompressed) return source.pipe(parser);
  const gunzip = createGunzip();
  gunzip.on('error', fail);
  parser.on('close', () => gunzip.destroy());
  return source.pipe(gunzip).pipe(parser);
}

function explained(file: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'Z_BUF_ERROR')
    return new ReplayError(`${file} ends in the middle: it is cut short.`);
  if (code?.startsWith('Z_')) return new ReplayError(`${file} cannot be unpacked: ${message}.`);
  if (code?.startsWith('CSV_')) return new ReplayError(`${file} is not CSV: ${message}`);
  return error;
}
