/** Agents as CSV: a header with the names of fields, then a row an agent. */
import type { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { AgentRegistration } from '../../protocol/agent-schemas.ts';
import { quote } from '../../protocol/json-words.ts';
import { didYouMean } from '../../protocol/suggest.ts';
import type { Row, RowFault } from './row.ts';

type Cell = { readonly value: unknown } | { readonly fault: string };

const LIST = /[;\s]+/;
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const YES = ['true', 'yes', '1'];
const NO = ['false', 'no', '0'];
/** A quote that is never closed would otherwise swallow the rest of the file. */
const MAX_ROW_CHARACTERS = 4_000_000;

/** How the text of each column is read. What does not read as wanted is left to the schema. */
const READERS: { readonly [column: string]: (text: string) => Cell } = {
  tools: (text) => ({ value: text.split(LIST).filter((word) => word !== '') }),
  memberships: (text) => ({ value: listOf(text) }),
  slots: number,
  cost_per_hour: number,
  protected: yesOrNo,
  labels,
};

const COLUMNS = Object.keys(AgentRegistration.properties);

export async function* readCsv(stream: Readable): AsyncIterable<Row> {
  const parser = parse({
    bom: true,
    trim: true,
    info: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: MAX_ROW_CHARACTERS,
  });
  stream.on('error', (error) => parser.destroy(error));
  stream.pipe(parser);
  let header: readonly string[] | null = null;
  let line = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      line = info.lines;
      if (header !== null) {
        yield readRow(header, record, line);
        continue;
      }
      header = record;
      const faults = headerFaults(header, line);
      if (faults.length > 0) {
        yield { line, agent: { agent_id: '-' }, faults };
        return;
      }
    }
  } catch (error) {
    const { code, message, lines } = error as CsvError & { readonly lines?: number };
    if (!String(code).startsWith('CSV_')) throw error;
    const faults = [{ line: lines ?? line + 1, column: '', message: `is not CSV: ${message}` }];
    yield { line, agent: { agent_id: '-' }, faults };
  } finally {
    stream.destroy();
  }
}

interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

function headerFaults(header: readonly string[], line: number): RowFault[] {
  const faults: RowFault[] = [];
  for (const [index, column] of header.entries()) {
    if (!COLUMNS.includes(column)) {
      const message = `${quote(column)} is not a column${didYouMean(column, COLUMNS)}`;
      faults.push({ line, column, message });
    } else if (header.indexOf(column) < index) {
      faults.push({ line, column, message: 'there are two columns of this name' });
    }
  }
  if (!header.includes('agent_id')) {
    const message = `the first line must name the columns; these are known: ${COLUMNS.join(', ')}`;
    faults.push({ line, column: 'agent_id', message });
  }
  return faults;
}

function readRow(header: readonly string[], record: readonly string[], line: number): Row {
  const faults: RowFault[] = [];
  const agent: { [column: string]: unknown } = {};
  if (record.length !== header.length) {
    const message = `has ${record.length} columns, but the header has ${header.length}`;
    faults.push({ line, column: '', message });
  }
  for (const [index, column] of header.entries()) {
    const text = record[index] ?? '';
    // An empty cell leaves the field at its default; only the id has none.
    if (text === '' && column !== 'agent_id') continue;
    const cell = READERS[column]?.(text) ?? { value: text };
    if ('value' in cell) agent[column] = cell.value;
    else faults.push({ line, column, message: cell.fault });
  }
  return { line, agent, faults };
}

/** Names of tenants may hold spaces. */
function listOf(text: string): string[] {
  return text
    .split(';')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function number(text: string): Cell {
  if (JSON_NUMBER.test(text)) return { value: Number(text) };
  return { fault: `must be a number, not ${quote(text)}` };
}

function yesOrNo(text: string): Cell {
  const word = text.toLowerCase();
  if (YES.includes(word) || NO.includes(word)) return { value: YES.includes(word) };
  return { fault: `must be true or false, not ${quote(text)}` };
}

function labels(text: string): Cell {
  const entries: [string, string][] = [];
  for (const pair of listOf(text)) {
    const at = pair.indexOf('=');
    if (at < 1) return { fault: `must be KEY=VALUE;KEY=VALUE; ${quote(pair)} is not` };
    const key = pair.slice(0, at).trim();
    if (entries.some(([known]) => known === key)) return { fault: `names ${quote(key)} twice` };
    entries.push([key, pair.slice(at + 1).trim()]);
  }
  return { value: Object.fromEntries(entries) };
}
