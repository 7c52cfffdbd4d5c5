/** A file of agents, checked row by row before anything is sent. */
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import type { TSchema } from 'typebox';
import { checkOf } from '../../protocol/validate.ts';
import { type Parcel, Parcels } from './parcels.ts';
import { readCsv } from './read-csv.ts';
import { readJsonLines } from './read-json-lines.ts';
import type { Row, RowFault } from './row.ts';

export interface AgentsFile {
  /** What is sent, call by call. Empty when there are faults. */
  readonly parcels: readonly Parcel[];
  readonly agents: number;
  /** The first of them; `faultsTotal` says how many there are. */
  readonly faults: readonly RowFault[];
  readonly faultsTotal: number;
}

const FAULTS_KEPT = 20;

/** `-` reads stdin. */
export async function readAgentsFile(
  file: string,
  stdin: Readable,
  signal: AbortSignal,
  schema: TSchema,
): Promise<AgentsFile> {
  const source = file === '-' ? stdin : createReadStream(file);
  const { isJson, stream } = await detect(source, extname(file).toLowerCase());
  const check = checkOf(schema);
  const lines = new Map<string, number>();
  const parcels = new Parcels();
  const faults: RowFault[] = [];
  let agents = 0;
  let faultsTotal = 0;
  const blame = (found: readonly RowFault[], total = found.length): void => {
    faultsTotal += total;
    faults.push(...found.slice(0, FAULTS_KEPT - faults.length));
  };
  for await (const row of isJson ? readJsonLines(stream) : readCsv(stream)) {
    signal.throwIfAborted();
    agents += 1;
    const { line, agent, faults: own } = row;
    // A row that cannot be read says nothing about its fields.
    const isUnreadable = own.some(({ column }) => column === '');
    const found = isUnreadable ? null : check.explain(agent);
    const twice = isUnreadable ? null : duplicate(row, lines);
    const schema = (found?.faults ?? []).map(({ steps, message }) => ({
      line,
      column: String(steps[0] ?? ''),
      message,
    }));
    const hidden = (found?.total ?? 0) - schema.length;
    const all = [...own, ...schema, ...(twice ? [twice] : [])];
    if (all.length > 0) blame(all, all.length + hidden);
    else if (faultsTotal === 0) parcels.add(line, agent);
  }
  return { parcels: faultsTotal > 0 ? [] : parcels.done(), agents, faults, faultsTotal };
}

/** The pool takes the same agent twice; two rows for it in one file are a mistake in the file. */
function duplicate({ line, agent }: Row, lines: Map<string, number>): RowFault | null {
  const id = (agent as { agent_id?: unknown }).agent_id;
  if (typeof id !== 'string') return null;
  const before = lines.get(id);
  if (before === undefined) {
    lines.set(id, line);
    return null;
  }
  return { line, column: 'agent_id', message: `"${id}" is on line ${before} already` };
}

const JSON_LINES = ['.jsonl', '.ndjson'];

async function detect(
  source: Readable,
  extension: string,
): Promise<{ readonly isJson: boolean; readonly stream: Readable }> {
  if (JSON_LINES.includes(extension)) return { isJson: true, stream: source };
  if (extension === '.csv') return { isJson: false, stream: source };
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  const start = first.done
    ? ''
    : first.value
        .toString('utf8')
        .replace(/^\uFEFF/, '')
        .trimStart();
  async function* whole(): AsyncIterable<Buffer> {
    for (let next = first; !next.done; next = await chunks.next()) yield next.value;
  }
  return { isJson: /^[{[]/.test(start), stream: Readable.from(whole(), { objectMode: false }) };
}
