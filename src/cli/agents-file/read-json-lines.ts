import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Row } from './row.ts';

/** An agent a line, in the words of `POST /v1/agents`; empty lines are passed over. */
export async function* readJsonLines(stream: Readable): AsyncIterable<Row> {
  let line = 0;
  let failure: Error | null = null;
  // readline does not pass on what goes wrong with its source.
  stream.on('error', (error) => {
    failure = error;
  });
  for await (const text of createInterface({
    input: stream,
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    line += 1;
    const bare = text.replace(/^\uFEFF/, '').trim();
    if (bare !== '') yield readLine(line, bare);
  }
  if (failure) throw failure;
}

function readLine(line: number, text: string): Row {
  try {
    return { line, agent: JSON.parse(text), faults: [] };
  } catch (error) {
    const hint = text.startsWith('[') ? '; each line must be one object, not a list' : '';
    const message = `is not JSON: ${(error as Error).message}${hint}`;
    return { line, agent: {}, faults: [{ line, column: '', message }] };
  }
}
