/**
 * A CSV file with a header, plain or compressed with gzip, as a trace. The file is streamed; rows
 * that cannot be used are counted with their reason and left out.
 */
import { readCsv } from './read-csv.ts';
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

export async function readTrace(file: string, query: TraceQuery): Promise<ReadTrace> {
  const trace = new Trace();
  const skipped: { [reason: string]: number } = {};
  const skip = (reason: string): void => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  let rows = 0;
  let reader!: TraceReader;
  await readCsv(file, {
    signal: query.signal,
    onRead: (share) => query.onRead?.(share, rows),
    onMalformed: () => {
      rows += 1;
      skip('malformed');
    },
    onHeader: (header) => {
      reader = new TraceReader(header, query);
    },
    onRecord: (record) => {
      rows += 1;
      const row = reader.read(record);
      if (typeof row === 'string') skip(row);
      else trace.add(row);
      return trace.length !== query.limit;
    },
  });
  return { trace, columns: reader.columns, rows, skipped };
}
