/** What appends records durably: ours, and the least that anything could do. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FileJournal } from '../../src/adapters/journals/file.ts';

export const RECORD_BYTES = 200;

/** Appends one batch of records; durable when it has returned, or resolved. */
export interface Subject {
  readonly name: string;
  append(records: number): Promise<void> | void;
  close(): Promise<void>;
}

const content = new Uint8Array(1000 * RECORD_BYTES).map((_, index) => index * 31);

function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'remuda-bench-'));
}

const remove = (directory: string) => rmSync(directory, { recursive: true, force: true });

async function ours(): Promise<Subject> {
  const directory = temporary();
  const journal = new FileJournal(directory);
  const { epoch } = await journal.open();
  let first = 1;
  return {
    name: 'remuda, file:',
    append(records) {
      const payload = content.subarray(0, records * RECORD_BYTES);
      const batch = { first, count: records, epoch, at: Date.now(), payload };
      first += records;
      return journal.append(batch);
    },
    async close() {
      await journal.close();
      remove(directory);
    },
  };
}

/** No journal can be faster than the disk; it has no checksums, no lock and no order to keep. */
function bareFile(): Subject {
  const directory = temporary();
  const handle = openSync(join(directory, 'log'), 'w');
  return {
    name: 'append + fdatasync',
    append(records) {
      writeSync(handle, content, 0, records * RECORD_BYTES);
      fdatasyncSync(handle);
    },
    async close() {
      closeSync(handle);
      remove(directory);
    },
  };
}

function rowPerRecord(): Subject {
  const directory = temporary();
  const database = new DatabaseSync(join(directory, 'records.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE record (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO record (bytes) VALUES (?)');
  return {
    name: 'SQLite, a row a record, on the caller’s thread',
    append(records) {
      database.exec('BEGIN');
      for (let record = 0; record < records; record++) {
        insert.run(content.subarray(record * RECORD_BYTES, (record + 1) * RECORD_BYTES));
      }
      database.exec('COMMIT');
    },
    async close() {
      database.close();
      remove(directory);
    },
  };
}

/** Ours comes first. */
export async function startSubjects(): Promise<Subject[]> {
  return [await ours(), bareFile(), rowPerRecord()];
}

const RESTART_BATCHES = 10_000;
const RESTART_RECORDS = 100;

export interface Restart {
  readonly openMs: number;
  readonly readMs: number;
}

/** Opens a journal of a million events and reads them all, `rounds` times. */
export async function measureRestarts(rounds: number): Promise<Restart[]> {
  const directory = temporary();
  try {
    await fillForRestart(directory);
    const restarts: Restart[] = [];
    for (let round = 0; round < rounds; round++) restarts.push(await restart(directory));
    return restarts;
  } finally {
    remove(directory);
  }
}

async function fillForRestart(directory: string): Promise<void> {
  const journal = new FileJournal(directory);
  const { epoch } = await journal.open();
  const payload = content.subarray(0, RESTART_RECORDS * RECORD_BYTES);
  for (let batch = 0; batch < RESTART_BATCHES; batch++) {
    const first = batch * RESTART_RECORDS + 1;
    await journal.append({ first, count: RESTART_RECORDS, epoch, at: Date.now(), payload });
  }
  await journal.close();
}

async function restart(directory: string): Promise<Restart> {
  const journal = new FileJournal(directory);
  const startedAt = performance.now();
  const { lastEvent } = await journal.open();
  const openedAt = performance.now();
  let events = 0;
  for await (const { count } of journal.read(1)) events += count;
  const readAt = performance.now();
  await journal.close();
  if (events !== lastEvent) throw new Error(`${events} of ${lastEvent} events were read`);
  return { openMs: openedAt - startedAt, readMs: readAt - openedAt };
}
