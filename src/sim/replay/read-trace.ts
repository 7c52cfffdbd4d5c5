/**
 * A CSV file with a header, plain or compressed with gzip, as a trace. The file is streamed; rows
 * that cannot be used are counted with their reason and left out.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Parser, parse } from 'csv-parse';
import { ReplayError } from './replay-error.ts';
import { Trace } from './trace.ts';
import { type TraceColumns, TraceReader, type WantedColumns } from './trace-columns.ts';

export interface TraceQuery extends WantedColumns {
  /** Rows with this value in this column are left out. */
  readonly exclude?: readonly { readonly column: string; readonly value: string }[];
  /** Milliseconds since 1970; `to` is exclusive. */
  readonly from?: number;
  readonly to?: number;
  /** No more usable rows than this are read. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  /** Told now and then how far the file has been read, 0…1. */
  readonly onRead?: (share: number, rows: number) => void;
}

export interface ReadTrace {
  readonly trace: Trace;
  readonly columns: TraceColumns;
  /** Rows read, without the header. */
  readonly rows: number;
  readonly skipped: { readonly [reason: string]: number };
}

const GZIP_MAGIC = [0x1f, 0x8b] as const;
/** A quote that is never closed would otherwise swallow the rest of the file. */
const MAX_RECORD_CHARACTERS = 1_000_000;
const ROWS_BETWEEN_REPORTS = 16_384;

export async function readTrace(file: string, query: TraceQuery): Promise<ReadTrace> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const source = handle.createReadStream({ autoClose: false, start: 0 });
    const isCompressed = await beginsWith(handle, GZIP_MAGIC);
    return await readRows(file, source, isCompressed, size, query);
  } finally {
    await handle.close();
  }
}

async function beginsWith(handle: FileHandle, magic: readonly number[]): Promise<boolean> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
  return bytesRead === magic.length && magic.every((byte, index) => buffer[index] === byte);
}

async function readRows(
  file: string,
  source: Readable & { readonly bytesRead: number },
  isCompressed: boolean,
  size: number,
  query: TraceQuery,
): Promise<ReadTrace> {
  const trace = new Trace();
  const skipped: { [reason: string]: number } = {};
  const skip = (reason: string): void => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  let rows = 0;
  const parser = parse({
    bom: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    skip_records_with_error: true,
    max_record_size: MAX_RECORD_CHARACTERS,
    on_skip: () => {
      rows += 1;
      skip('malformed');
    },
  });
  let reader: TraceReader | null = null;
  try {
    for await (const record of recordsOf(source, isCompressed, parser)) {
      query.signal?.throwIfAborted();
      if (reader === null) {
        reader = new TraceReader(record, query);
        continue;
      }
      rows += 1;
      const row = reader.read(record);
      if (typeof row === 'string') skip(row);
      else trace.add(row);
      if (rows % ROWS_BETWEEN_REPORTS === 0) query.onRead?.(source.bytesRead / size, rows);
      if (trace.length === query.limit) break;
    }
  } catch (error) {
    throw explained(file, error);
  } finally {
    source.destroy();
    parser.destroy();
  }
  if (reader === null) {
    throw new ReplayError(`${file} is empty; a CSV file with a header line is expected.`);
  }
  return { trace, columns: reader.columns, rows, skipped };
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
