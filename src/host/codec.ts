/**
 * Events and states as bytes. Events are JSON, so that a journal can be read by a person and by
 * next year's version. A state is a list of named columns and lists: the first chunk says what
 * the others are.
 */
import type { PoolDump } from '../core/dump.ts';
import type { Event } from '../core/event.ts';
import type { NumberArray } from '../core/rows.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeEvents(events: readonly Event[]): Uint8Array {
  return encoder.encode(JSON.stringify(events));
}

export function decodeEvents(payload: Uint8Array): Event[] {
  return JSON.parse(decoder.decode(payload)) as Event[];
}

const ARRAYS = { Int32Array, Uint32Array, Uint8Array, Float64Array } as const;
type ArrayName = keyof typeof ARRAYS;

interface Entry {
  readonly kind: 'column' | 'names' | 'data';
  readonly table: string;
  readonly name: string;
  readonly array?: ArrayName;
}

interface Header {
  readonly version: PoolDump['version'];
  readonly entries: readonly Entry[];
}

export function encodeDump(dump: PoolDump): Uint8Array[] {
  const entries: Entry[] = [];
  const chunks: Uint8Array[] = [];
  for (const [table, columns] of Object.entries(dump.columns)) {
    for (const [name, column] of Object.entries(columns)) {
      entries.push({ kind: 'column', table, name, array: column.constructor.name as ArrayName });
      chunks.push(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
    }
  }
  for (const [table, names] of Object.entries(dump.names)) {
    entries.push({ kind: 'names', table, name: '' });
    chunks.push(encoder.encode(JSON.stringify(names)));
  }
  entries.push({ kind: 'data', table: '', name: '' });
  chunks.push(encoder.encode(JSON.stringify(dump.data, finite)));
  const header: Header = { version: dump.version, entries };
  return [encoder.encode(JSON.stringify(header)), ...chunks];
}

export function decodeDump(chunks: readonly Uint8Array[]): PoolDump {
  const [first, ...rest] = chunks;
  const header = JSON.parse(decoder.decode(first)) as Header;
  if (header.version !== 1) {
    throw new Error(
      `The snapshot is of version ${header.version}; this Remuda reads version 1. ` +
        'Use the version that wrote it, or a newer one.',
    );
  }
  const columns: Record<string, Record<string, NumberArray>> = {};
  const names: Record<string, (string | undefined)[]> = {};
  let data: PoolDump['data'] | null = null;
  header.entries.forEach((entry, index) => {
    const chunk = rest[index] as Uint8Array;
    if (entry.kind === 'column') {
      const table = columns[entry.table] ?? {};
      table[entry.name] = columnOf(chunk, entry.array as ArrayName);
      columns[entry.table] = table;
    } else if (entry.kind === 'names') {
      const list = JSON.parse(decoder.decode(chunk)) as (string | null)[];
      names[entry.table] = list.map((name) => name ?? undefined);
    } else {
      data = JSON.parse(decoder.decode(chunk)) as PoolDump['data'];
    }
  });
  return { version: 1, columns, names, data: data as unknown as PoolDump['data'] };
}

/** Typed arrays must begin at a multiple of their element size, which a slice of a file may not. */
function columnOf(chunk: Uint8Array, name: ArrayName): NumberArray {
  const array = ARRAYS[name];
  const length = chunk.byteLength / array.BYTES_PER_ELEMENT;
  if (chunk.byteOffset % array.BYTES_PER_ELEMENT === 0) {
    return new array(chunk.buffer as ArrayBuffer, chunk.byteOffset, length);
  }
  return new array(chunk.slice().buffer as ArrayBuffer, 0, length);
}

/** JSON has no infinity and would quietly write null. */
function finite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new Error('A state holds a number that JSON cannot write.');
  }
  return value;
}
